"""How a model does on parts of the holdout: by day, by amount, by how much was missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from riskloom.metrics import Ranking
from riskloom.policy import CostPolicy, realised_costs
from riskloom.training.rows import FloatArray, LabelledRows

_QUARTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Slice:
    """One part of the holdout and the figures on it; NaN where a figure has no value there."""

    by: str
    name: str
    rows: int
    positives: int
    average_precision: float
    roc_auc: float
    recall: float
    flagged_share: float
    saved: float


def slice_holdout(
    holdout: LabelledRows, probabilities: FloatArray, chosen: NDArray[np.intp], policy: CostPolicy
) -> list[Slice]:
    """Figures for each part of the holdout that has rows, under the outcomes that the policy chose."""
    is_positive, is_flagged = holdout.labels == 1, chosen > 0
    paid, approved = (
        realised_costs(policy.domain, outcomes, is_positive=is_positive, amounts=holdout.amounts).total
        for outcomes in (chosen, np.zeros_like(chosen))
    )
    saved = approved - paid
    found = []
    for by, name, part in _parts(holdout):
        labels = holdout.labels[part]
        ranking = Ranking(labels, probabilities[part])
        found.append(
            Slice(
                by=by,
                name=name,
                rows=len(labels),
                positives=int(labels.sum()),
                average_precision=float(ranking.average_precision()[0]),
                roc_auc=float(ranking.roc_auc()[0]),
                recall=float(is_flagged[part][labels == 1].mean()) if labels.any() else np.nan,
                flagged_share=float(is_flagged[part].mean()),
                saved=float(saved[part].sum()),
            )
        )
    return found


def _parts(holdout: LabelledRows) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    days = holdout.days
    for day in np.unique(days):
        yield "day", str(np.datetime64(int(day), "D")), days == day
    bounds = [0.0, *np.unique(np.quantile(holdout.amounts, _QUARTILES)).tolist(), np.inf]
    for low, high in pairwise(bounds):
        part = (holdout.amounts >= low) & (holdout.amounts < high)
        if part.any():
            yield "amount", f"{low:,.2f} and more" if np.isinf(high) else f"{low:,.2f} to {high:,.2f}", part
    missing = np.isnan(holdout.matrix).sum(axis=1)
    most = int(missing.max())
    limits = sorted({0, max(1, most // 2), most}) if most else [0]
    for low, high in pairwise([-1, *limits]):
        part = (missing > low) & (missing <= high)
        if part.any():
            name = (
                "no feature" if high == 0 else f"{low + 1} to {high} features" if high > low + 1 else f"{high} features"
            )
            yield "missing", name, part
