"""A model's figures on a holdout, with intervals that respect that one card's payments belong together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskloom.metrics import SUBJECTS_A_DAY, DailySubjects, Ranking
from riskloom.policy import CostPolicy, realised_costs
from riskloom.registry import Estimate
from riskloom.training.rows import FloatArray, LabelledRows

REPLICATES = 300
_CELLS = 4_000_000  # of the largest array in a batch of replicates: 32 MB
_INTERVAL = (2.5, 97.5)


@dataclass(frozen=True)
class Figure:
    """One metric: on the rows themselves, and on each bootstrap replicate."""

    value: float
    replicates: FloatArray

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % percentile interval; none where no replicate has a value."""
        known = self.replicates[np.isfinite(self.replicates)]
        if not len(known):
            return None
        low, high = np.percentile(known, _INTERVAL)
        return float(low), float(high)

    def to_estimate(self) -> Estimate:
        """The figure as a manifest states it."""
        low, high = self.interval or (None, None)
        return Estimate(value=self.value if np.isfinite(self.value) else None, low=low, high=high)


Evaluation = dict[str, Figure]


def metric_value(metric: str, rows: LabelledRows, scores: FloatArray) -> float:
    """One ranking metric by its declared name."""
    if metric == "subject_precision_at_k":
        return float(DailySubjects(rows.labels, scores, rows.groups, rows.days).precision_at(SUBJECTS_A_DAY)[0])
    values: FloatArray = getattr(Ranking(rows.labels, scores), metric)()
    return float(values[0])


def evaluate(
    rows: LabelledRows,
    probabilities: FloatArray,
    chosen: NDArray[np.intp],
    policy: CostPolicy,
    *,
    seed: int,
    replicates: int = REPLICATES,
) -> Evaluation:
    """
    Compute every figure of a holdout with its bootstrap replicates.

    Subject groups are drawn, not rows, and each as often as a Poisson(1) variable says (Hanley and MacGibbon 2006).
    Two models evaluated on the same rows with the same seed get the same draws, so their replicates are paired.

    Args:
        rows: The holdout.
        probabilities: Calibrated scores, shape (rows,).
        chosen: The outcomes that the policy chose, shape (rows,); flagged is who did not get the mildest.
        policy: The domain's.
        seed: Of the draws.
        replicates: How many.
    """
    figures = _Figures(rows, probabilities, chosen, policy)
    generator = np.random.default_rng(seed)
    batch = max(1, _CELLS // max(len(rows), 1))
    parts = []
    for start in range(0, replicates, batch):
        size = min(batch, replicates - start)
        parts.append(figures.compute(generator.poisson(1.0, (size, figures.groups))))
    once = figures.compute(np.ones((1, figures.groups), dtype=np.int64))
    return {name: Figure(float(once[name][0]), np.concatenate([part[name] for part in parts])) for name in once}


class _Figures:
    """Everything that needs doing once for a holdout; then any number of replicates by weights."""

    def __init__(
        self, rows: LabelledRows, probabilities: FloatArray, chosen: NDArray[np.intp], policy: CostPolicy
    ) -> None:
        self._ranking = Ranking(rows.labels, probabilities)
        self._subjects = DailySubjects(rows.labels, probabilities, rows.groups, rows.days)
        self.groups = self._subjects.count
        is_positive = rows.labels == 1
        paid = realised_costs(policy.domain, chosen, is_positive=is_positive, amounts=rows.amounts)
        approved = realised_costs(policy.domain, np.zeros_like(chosen), is_positive=is_positive, amounts=rows.amounts)
        prevents = np.array([outcome.prevents for outcome in policy.domain.outcome])[chosen]
        at_stake = np.where(is_positive, rows.amounts, 0.0)
        self._sums = {
            "rows": np.ones(len(rows)),
            "flagged": (chosen > 0).astype(np.float64),
            "money_caught": prevents * at_stake,
            "money_missed": (1 - prevents) * at_stake,
            "money_lost_to_review": paid.review,
            "money_lost_to_friction": paid.friction,
            "expected_cost": paid.total,
            "cost_of_approving_all": approved.total,
        }

    def compute(self, counts: NDArray[np.int64]) -> dict[str, FloatArray]:
        """Each figure for each draw of groups; counts has shape (replicates, groups)."""
        weights = counts[:, self._subjects.rows_to_groups].astype(np.float64)
        sums = {name: weights @ values for name, values in self._sums.items()}
        share = np.divide(sums.pop("flagged"), rows := sums.pop("rows"), out=np.full(len(rows), np.nan), where=rows > 0)
        return {
            "roc_auc": self._ranking.roc_auc(weights),
            "average_precision": self._ranking.average_precision(weights),
            "subject_precision_at_k": self._subjects.precision_at(SUBJECTS_A_DAY, counts),
            "recall_at_fpr": self._ranking.recall_at_fpr(weights),
            "expected_calibration_error": self._ranking.calibration_error(weights),
            "flagged_share": share,
            **sums,
            "saved": sums["cost_of_approving_all"] - sums["expected_cost"],
        }
