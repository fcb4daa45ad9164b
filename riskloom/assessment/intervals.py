"""
Intervals that hold the truth as often as declared.

Conformalised quantile regression (Romano, Patterson and Candès 2019, section 3): two quantiles are fitted on one part
of the history; on another part it is measured how far the truth lies outside of what they span, and they are moved
apart by the margin that would have held it as often as declared. Where later cases are exchangeable with that part, the
interval covers at least as often, whatever the quantiles are worth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskloom.errors import TrainingError

FloatArray = NDArray[np.float64]
_ROUNDING = 1e-9  # 0.9 / 0.1 is a little more than nine


def conformal_margin(low: FloatArray, high: FloatArray, truth: FloatArray, coverage: float) -> float:
    """
    By how much to move both ends outwards; below zero where they lie too far apart.

    Args:
        low: Lower quantiles of cases the regression had not seen, shape (cases,).
        high: Upper quantiles.
        truth: What turned out to be true.
        coverage: Share of cases that the interval must hold.

    Raises:
        TrainingError: There are too few cases for any margin to do so.
    """
    rank = int(np.ceil(coverage * (len(truth) + 1) - _ROUNDING))
    if rank > len(truth):
        raise TrainingError(
            f"{len(truth)} cases are too few to set an interval that holds {coverage:.0%}: "
            f"at least {int(np.ceil(coverage / (1 - coverage) - _ROUNDING))} are needed"
        )
    outside = np.maximum(low - truth, truth - high)
    return float(np.sort(outside)[rank - 1])


def widened(low: FloatArray, high: FloatArray, margin: float) -> tuple[FloatArray, FloatArray]:
    """Both ends moved outwards by the margin and kept within [0, 1]; ends that pass each other meet in the middle."""
    middle = (low + high) / 2
    return np.clip(np.minimum(low - margin, middle), 0, 1), np.clip(np.maximum(high + margin, middle), 0, 1)


def in_order(low: FloatArray, middle: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """
    Fitted quantiles of a share, cut to [0, 1] and put in order.

    Quantiles that are fitted one by one may cross; sorted they are no worse (Chernozhukov, Fernández-Val and Galichon
    2010, section 2).
    """
    ordered = np.sort(np.clip(np.column_stack([low, middle, high]), 0, 1), axis=1)
    return ordered[:, 0], ordered[:, 1], ordered[:, 2]
