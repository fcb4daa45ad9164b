"""AUC ROC, average precision and card precision@k, as the handbook defines them (chapter 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from riskloom.errors import ConfigError

TOP_K = 100


@dataclass(frozen=True, slots=True)
class Figures:
    """The three figures of one model on one fold, or their mean over folds; each between 0 and 1."""

    auc: float
    average_precision: float
    card_precision_100: float

    def rounded(self) -> dict[str, float]:
        """The figures for people and JSON, to four decimals."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def measure(rows: pd.DataFrame, scores: NDArray[np.float64]) -> Figures:
    """
    Measure scores on the rows of a test week.

    Args:
        rows: What ``folds.test_rows`` returned: ``day``, ``customer_id``, ``is_fraud``.
        scores: One score a row in the same order; higher is more suspicious.

    Raises:
        ConfigError: The rows hold only one class, so no figure is defined.
    """
    truth = rows["is_fraud"].to_numpy()
    if truth.min(initial=1) == truth.max(initial=0):
        raise ConfigError(
            f"the test week: expected both honest and fraudulent transactions, found {len(rows)} of one kind"
        )
    return Figures(
        auc=float(roc_auc_score(truth, scores)),
        average_precision=float(average_precision_score(truth, scores)),
        card_precision_100=card_precision(rows, scores, top_k=TOP_K),
    )


def card_precision(rows: pd.DataFrame, scores: NDArray[np.float64], *, top_k: int) -> float:
    """
    Of the ``top_k`` cards with the highest score of each day, the share that are compromised; the mean over days.

    A card found compromised leaves the pool for the days that follow. The divisor is ``top_k`` also on days with fewer
    cards. Cards with equal scores are taken in the order of their identifiers.
    """
    scored = rows[["day", "customer_id", "is_fraud"]].assign(score=scores)
    per_card = scored.groupby(["day", "customer_id"], as_index=False).agg({"score": "max", "is_fraud": "max"})
    detected: set[str] = set()
    shares: list[float] = []
    for _, cards in per_card.groupby("day"):
        pool = cards[~cards["customer_id"].isin(detected)]
        top = pool.sort_values(["score", "customer_id"], ascending=[False, True]).head(top_k)
        found = top.loc[top["is_fraud"] == 1, "customer_id"]
        detected.update(found)
        shares.append(len(found) / top_k)
    return sum(shares) / len(shares)


def mean(figures: Sequence[Figures]) -> Figures:
    """The mean of each figure."""
    count = len(figures)
    return Figures(
        auc=sum(each.auc for each in figures) / count,
        average_precision=sum(each.average_precision for each in figures) / count,
        card_precision_100=sum(each.card_precision_100 for each in figures) / count,
    )
