"""
From a raw matrix to the three views that distances are taken in.

Every feature gets a robust scale (median and interquartile range) and an ordinary one (mean and standard deviation). A
feature that never varied keeps a scale too, of the size that a single deviating row would have given it, so the first
row that deviates stands out. Missing values are put to the median, where they say nothing; a feature that was missing
in training also has a column that says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_LINEAR_TO = 2.0  # robust deviations beyond this grow like a logarithm
_LIMIT = 20.0  # no single value counts for more
_NORMAL_IQR = 1.349  # interquartile range of the standard normal distribution
_LARGEST = 1e150  # squares of larger values overflow
_FLAT = 1e-9
_SCALE_ROWS = 100_000
_CHUNK = 65_536


@dataclass(frozen=True)
class Preparation:
    """
    Scales of the columns: first the features in order, then a column for each feature that can be missing.

    Attributes:
        median, spread: Robust centre and scale, shape (columns,).
        mean, deviation: Ordinary centre and scale, shape (columns,).
        flagged: Indices of the features that were missing in training, shape (flags,).
    """

    median: FloatArray
    spread: FloatArray
    mean: FloatArray
    deviation: FloatArray
    flagged: IntArray

    @property
    def features(self) -> int:
        """How many columns a raw matrix has."""
        return len(self.median) - len(self.flagged)

    def filled(self, matrix: FloatArray) -> FloatArray:
        """A raw matrix with missing values at the median and the columns that flag them, shape (rows, columns)."""
        is_missing = np.isnan(matrix)
        values = np.where(is_missing, self.median[: self.features], matrix)
        return np.hstack([values, is_missing[:, self.flagged]])

    def views(self, filled: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """
        The three views of filled rows, each of shape (rows, columns).

        Robust with logarithmic tails; standardised; standardised with square roots. They see different outliers: the
        first those of skewed data, the second those far off in the bulk's own units, the third rows that are a little
        unusual in many features.
        """
        with np.errstate(over="ignore"):
            robust = (filled - self.median) / self.spread
            ordinary = np.clip((filled - self.mean) / self.deviation, -_LIMIT, _LIMIT)
        size = np.abs(robust)
        tamed = np.where(size > _LINEAR_TO, _LINEAR_TO + np.log1p(np.maximum(size - _LINEAR_TO, 0)), size)
        compressed = np.sign(robust) * np.minimum(tamed, _LIMIT)
        return compressed, ordinary, np.sign(ordinary) * np.sqrt(np.abs(ordinary))


def prepare(matrix: FloatArray, random: np.random.Generator) -> Preparation:
    """
    Measure a training matrix: means over all rows, quantiles over a sample.

    Args:
        matrix: Shape (rows, features), NaN where missing; infinite values play no part in the scales.
        random: Draws the sample.
    """
    rows = len(matrix)
    mean, deviation, missing = _moments(matrix)
    sample = matrix if rows <= _SCALE_ROWS else matrix[np.sort(random.choice(rows, _SCALE_ROWS, replace=False))]
    low, median, high = _quartiles(sample, mean)
    size = np.maximum(np.abs(median), 1.0)
    is_flat = deviation <= _FLAT * size
    deviation = np.where(is_flat, size / np.sqrt(rows), deviation)
    spread = (high - low) / _NORMAL_IQR
    spread = np.where(spread <= _FLAT * deviation, deviation, spread)
    flagged = np.flatnonzero((missing > 0) & (missing < 1))
    share = missing[flagged]
    flag_scale = np.sqrt(share * (1 - share))
    return Preparation(
        median=np.concatenate([median, (share > 0.5).astype(np.float64)]),  # noqa: PLR2004 - the median of 0 and 1
        spread=np.concatenate([spread, flag_scale]),
        mean=np.concatenate([mean, share]),
        deviation=np.concatenate([deviation, flag_scale]),
        flagged=flagged,
    )


def _moments(matrix: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean and standard deviation of the finite values and share of missing ones, a column each; zeros for no value."""
    features = matrix.shape[1]
    count, total, missing = np.zeros(features), np.zeros(features), np.zeros(features)
    for start in range(0, len(matrix), _CHUNK):
        chunk = matrix[start : start + _CHUNK]
        is_finite = np.isfinite(chunk)
        count += is_finite.sum(axis=0)
        missing += np.isnan(chunk).sum(axis=0)
        total += _tame(chunk, is_finite).sum(axis=0)
    mean = total / np.maximum(count, 1)
    squares = np.zeros(features)
    for start in range(0, len(matrix), _CHUNK):
        chunk = matrix[start : start + _CHUNK]
        is_finite = np.isfinite(chunk)
        squares += np.where(is_finite, (_tame(chunk, is_finite) - mean) ** 2, 0).sum(axis=0)
    return mean, np.sqrt(squares / np.maximum(count, 1)), missing / len(matrix)


def _tame(chunk: FloatArray, is_finite: NDArray[np.bool_]) -> FloatArray:
    return np.where(is_finite, np.clip(chunk, -_LARGEST, _LARGEST), 0)


def _quartiles(sample: FloatArray, mean: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Quartiles of each column's finite values, shape (columns,) each; the mean where there are none."""
    quartiles = np.tile(mean, (3, 1))
    for column, values in enumerate(sample.T):
        finite = values[np.isfinite(values)]
        if len(finite):
            quartiles[:, column] = np.clip(np.quantile(finite, [0.25, 0.5, 0.75]), -_LARGEST, _LARGEST)
    return quartiles[0], quartiles[1], quartiles[2]
