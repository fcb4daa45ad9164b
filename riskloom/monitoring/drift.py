"""
How far a column has moved from its reference, and whether that is more than chance.

The distance is the first Wasserstein distance in standard deviations of the reference (Evidently's «wasserstein»): it
does not grow with the number of rows as a test's p-value does. In small samples it is large by chance alone, so a
column's threshold is the declared one or what chance reaches in one comparison of a hundred, whichever is greater.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Fewer present values on either side say nothing about a distribution.
MIN_VALUES = 50
#: Evidently's: below it the reference counts as constant, and any change as a large one.
MIN_DEVIATION = 0.001
#: Two-sided 99 % quantile of the normal distribution.
_Z99 = 2.5758


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """How far one column moved, in standard deviations of the reference."""

    column: str
    distance: float
    threshold: float

    @property
    def is_drifted(self) -> bool:
        """Whether the column moved further than its threshold."""
        return self.distance >= self.threshold


def compare(
    reference: Mapping[str, NDArray[np.float64]], current: Mapping[str, NDArray[np.float64]], threshold: float
) -> tuple[ColumnDrift, ...]:
    """
    Compare every column that both sides have enough values of, the furthest moved first.

    Args:
        reference: Column to values, NaN where missing; the lengths may differ from ``current``.
        current: The same columns.
        threshold: The least distance that matters, in standard deviations of the reference.
    """
    moved = []
    for column, values in reference.items():
        before, after = present(values), present(current[column])
        if min(len(before), len(after)) >= MIN_VALUES:
            moved.append(_compare_column(column, before, after, threshold))
    return tuple(sorted(moved, key=lambda drift: (-drift.distance, drift.column)))


def present(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The finite values, sorted."""
    return np.sort(values[np.isfinite(values)])


def _compare_column(
    column: str, before: NDArray[np.float64], after: NDArray[np.float64], threshold: float
) -> ColumnDrift:
    pooled = np.sort(np.concatenate([before, after]))
    steps = np.diff(pooled)
    share_before = np.searchsorted(before, pooled[:-1], side="right") / len(before)
    share_after = np.searchsorted(after, pooled[:-1], side="right") / len(after)
    deviation = max(float(np.std(before)), MIN_DEVIATION)
    distance = float(np.sum(np.abs(share_before - share_after) * steps)) / deviation
    chance = _reached_by_chance(steps, len(before), len(after)) / deviation
    return ColumnDrift(column=column, distance=distance, threshold=max(threshold, chance))


def _reached_by_chance(steps: NDArray[np.float64], n_before: int, n_after: int) -> float:
    """
    A bound on the distance of two samples from one distribution in 99 of 100 comparisons.

    At each value the difference of the two shares below it is normal with variance F(1-F)(1/n + 1/m), so that its
    99 % quantile, integrated over the values, bounds the distance; for a column with two values it is exact. Rows are
    taken as independent, which makes the bound somewhat low where one subject has many of them.
    """
    below = np.arange(1, len(steps) + 1) / (len(steps) + 1)
    spread = float(np.sum(np.sqrt(below * (1 - below)) * steps))
    return _Z99 * spread * float(np.sqrt(1 / n_before + 1 / n_after))
