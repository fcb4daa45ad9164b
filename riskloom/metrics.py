"""
How well scores rank and how honest they are as probabilities; plain numpy.

Each metric exists once, for weighted rows: ``weights`` of shape (replicates, rows) hold how often each row was drawn,
so a bootstrap is one call. Without weights every row counts once.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
#: The budget of the Fraud Detection Handbook: how many subjects a day can be looked at.
SUBJECTS_A_DAY = 100
FALSE_POSITIVE_RATE = 0.01
CALIBRATION_BINS = 10


class Ranking:
    """Rows ordered from the highest score to the lowest, with equal scores taken together."""

    def __init__(self, labels: ArrayLike, scores: ArrayLike) -> None:
        values = np.asarray(scores, dtype=np.float64)
        self.order = np.argsort(-values, kind="stable")
        self.labels = np.asarray(labels, dtype=np.float64)[self.order]
        self.scores = values[self.order]
        # the last row of each run of equal scores: only there can a threshold lie
        self.ends = np.flatnonzero(np.append(np.diff(self.scores) != 0, True))

    def roc_auc(self, weights: FloatArray | None = None) -> FloatArray:
        """Area under the ROC curve, shape (replicates,); NaN where a class is missing."""
        caught, false = self._counts(weights)
        before = np.concatenate([np.zeros((len(caught), 1)), caught[:, :-1]], axis=1)
        steps = np.diff(false, axis=1, prepend=0)
        area = (steps * (caught + before) / 2).sum(axis=1)
        return _ratio(area, caught[:, -1] * false[:, -1])

    def average_precision(self, weights: FloatArray | None = None) -> FloatArray:
        """Mean of the precision at each positive (step-wise, as in scikit-learn), shape (replicates,)."""
        caught, false = self._counts(weights)
        precision = np.divide(caught, caught + false, out=np.zeros_like(caught), where=caught > 0)
        gained = np.diff(caught, axis=1, prepend=0)
        return _ratio((gained * precision).sum(axis=1), caught[:, -1])

    def recall_at_fpr(self, weights: FloatArray | None = None, *, limit: float = FALSE_POSITIVE_RATE) -> FloatArray:
        """Largest recall whose false-positive rate is within ``limit``, shape (replicates,)."""
        caught, false = self._counts(weights)
        total = false[:, -1:]
        within = false <= limit * total
        best = np.where(within, caught, 0.0).max(axis=1)
        return np.where(total[:, 0] > 0, _ratio(best, caught[:, -1]), np.nan)

    def calibration_error(self, weights: FloatArray | None = None, *, bins: int = CALIBRATION_BINS) -> FloatArray:
        """Expected calibration error over bins of equal size, shape (replicates,) (Naeini et al. 2015)."""
        drawn = self._drawn(weights)
        starts = self.bin_starts(bins)
        gap = np.add.reduceat(drawn * (self.scores - self.labels), starts, axis=1)
        return _ratio(np.abs(gap).sum(axis=1), drawn.sum(axis=1))

    def bin_starts(self, bins: int) -> NDArray[np.int64]:
        """First row of each bin; equal scores share a bin, so there may be fewer bins than asked for."""
        wanted = np.arange(1, bins) * len(self.scores) // bins
        starts = np.append(0, self.ends[:-1] + 1)  # of each run of equal scores
        return np.unique(np.append(0, starts[np.searchsorted(starts, wanted, side="right") - 1]))

    def _drawn(self, weights: FloatArray | None) -> FloatArray:
        return np.ones((1, len(self.order))) if weights is None else weights[:, self.order]

    def _counts(self, weights: FloatArray | None) -> tuple[FloatArray, FloatArray]:
        """Positives and negatives at or above each possible threshold, shape (replicates, thresholds)."""
        if weights is None:
            return self._once
        drawn = self._drawn(weights)
        caught = np.cumsum(drawn * self.labels, axis=1)[:, self.ends]
        return caught, np.cumsum(drawn, axis=1)[:, self.ends] - caught

    @cached_property
    def _once(self) -> tuple[FloatArray, FloatArray]:
        caught = np.cumsum(self.labels)[self.ends].reshape(1, -1)
        return caught, (self.ends + 1.0).reshape(1, -1) - caught


def roc_auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Area under the ROC curve; NaN where a class is missing."""
    return float(Ranking(labels, scores).roc_auc()[0])


def average_precision(labels: ArrayLike, scores: ArrayLike) -> float:
    """Average precision as in scikit-learn; NaN without a positive."""
    return float(Ranking(labels, scores).average_precision()[0])


def recall_at_fpr(labels: ArrayLike, scores: ArrayLike, limit: float = FALSE_POSITIVE_RATE) -> float:
    """Largest recall at a false-positive rate of at most ``limit``; NaN where a class is missing."""
    return float(Ranking(labels, scores).recall_at_fpr(limit=limit)[0])


def expected_calibration_error(labels: ArrayLike, probabilities: ArrayLike, bins: int = CALIBRATION_BINS) -> float:
    """Mean distance of predicted and observed frequency over bins with equally many rows."""
    return float(Ranking(labels, probabilities).calibration_error(bins=bins)[0])


class DailySubjects:
    """The best score and the worst truth of every subject group on every day, for precision at k."""

    def __init__(self, labels: ArrayLike, scores: ArrayLike, groups: ArrayLike, days: ArrayLike) -> None:
        codes = np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64)
        day = np.asarray(days)
        self.rows_to_groups = codes
        self.count = int(codes.max()) + 1 if len(codes) else 0
        order = np.lexsort((codes, day))
        starts = np.flatnonzero(np.append(True, np.diff(day[order]) != 0) | np.append(True, np.diff(codes[order]) != 0))
        best = np.maximum.reduceat(np.asarray(scores, dtype=np.float64)[order], starts)
        worst = np.maximum.reduceat(np.asarray(labels, dtype=bool)[order], starts)
        first = order[starts]
        self._days: list[tuple[NDArray[np.int64], NDArray[np.bool_]]] = []
        for value in np.unique(day):
            here = np.flatnonzero(day[first] == value)
            ranked = here[np.argsort(-best[here], kind="stable")]
            self._days.append((codes[first[ranked]], worst[ranked]))

    def precision_at(self, k: int, counts: NDArray[np.int64] | None = None) -> FloatArray:
        """
        Mean over days of the share of compromised groups among the k with the highest maximum score.

        A group that was found leaves the pool for the days that follow (Le Borgne et al., Fraud Detection Handbook,
        chapter 4, «card precision top-k»). The divisor is k also where fewer groups are left.

        Args:
            k: How many groups are looked at a day.
            counts: How often each group was drawn, shape (replicates, groups); each once by default.

        Returns:
            Shape (replicates,).
        """
        left = np.ones((1, self.count), dtype=np.int64) if counts is None else counts.copy()
        total = np.zeros(len(left))
        for groups, is_compromised in self._days:
            here = left[:, groups]
            before = np.cumsum(here, axis=1) - here
            taken = np.clip(k - before, 0, here)
            total += (taken * is_compromised).sum(axis=1) / k
            left[:, groups] = np.where((taken > 0) & is_compromised, 0, here)
        return total / max(len(self._days), 1)


def subject_precision_at_k(
    labels: ArrayLike, scores: ArrayLike, groups: ArrayLike, days: ArrayLike, k: int = SUBJECTS_A_DAY
) -> float:
    """
    Card precision at k of the Fraud Detection Handbook, for any subject group.

    Args:
        labels: 1 where the row is positive, shape (rows,).
        scores: Higher is more suspicious, shape (rows,).
        groups: The card, account or principal of each row; anything numpy can sort.
        days: The day of each row, as integers.
        k: How many groups are looked at a day.

    Returns:
        The mean over days; see :meth:`DailySubjects.precision_at`.
    """
    return float(DailySubjects(labels, scores, groups, days).precision_at(k)[0])


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    ratio: FloatArray = np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0)
    return ratio
