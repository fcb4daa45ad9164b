"""The detector: how unusual rows are, how often that happens, and which features make it so. No labels are needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from riskloom.detector.covariance import Ellipsoids, fit_ellipsoids
from riskloom.detector.preparation import Preparation, prepare
from riskloom.detector.references import FloatArray, IntArray, Metric, References, draw_positions
from riskloom.detector.tail import Tail, fit_tail
from riskloom.errors import DetectorError

METRICS: tuple[Metric, ...] = ("cityblock", "euclidean", "euclidean")
#: Parts of the score: distance to references in three views, and from the nearest ellipsoid in the first.
PARTS = 4
WEIGHTS = np.array([2.0, 2.0, 2.0, 1.0]) / 7
# of clean rows the ellipsoids can be trusted most: nothing in them was drawn towards outliers
CLEAN_WEIGHTS = np.array([4.0, 1.0, 1.0, 6.0]) / 12
_DRAWS = 48
_DRAW_ROWS = 16
_TRIM_DRAWS = 24
_TRIM_ROUNDS = 2
_TRIMMED = 0.1
_FIT_ROWS = 20_000
_FEWEST_ROWS = 20
_CHUNK = 8_192
_FLOOR = 0.05  # in units of the mean distance: how much nearer than near a duplicate is


@dataclass(frozen=True)
class Detector:
    """
    A fitted detector. Higher scores are more unusual; the training median lies near zero.

    Attributes:
        preparation: From raw rows to views.
        references: For each of the three views.
        ellipsoids: Of the first view.
        unit: What each part's distance is divided by before its logarithm is taken, shape (parts,).
        centre, spread: Median and interquartile range of each part's logarithm in training, shape (parts,).
        weights: Of the parts, adding up to one, shape (parts,).
        tail: From scores to probabilities.
        feature_of: Which feature each column of the input belongs to, for contributions, shape (inputs,).
    """

    preparation: Preparation
    references: tuple[References, References, References]
    ellipsoids: Ellipsoids
    unit: FloatArray
    centre: FloatArray
    spread: FloatArray
    weights: FloatArray
    tail: Tail
    feature_of: IntArray = field(repr=False)

    @property
    def inputs(self) -> int:
        """How many columns a matrix must have."""
        return self.preparation.features

    def score(self, matrix: FloatArray) -> FloatArray:
        """
        How unusual each row is, shape (rows,).

        Args:
            matrix: Shape (rows, inputs), NaN where a value is missing; rows are scored in chunks.

        Raises:
            DetectorError: It has another number of columns.
        """
        scores = [self._combine(self._distances(filled)) for filled in self._chunks(matrix)]
        return np.concatenate(scores) if scores else np.empty(0)

    def tail_probability(self, matrix: FloatArray) -> FloatArray:
        """How often a row like the training rows is as unusual, shape (rows,), above 0 and at most 1."""
        return self.tail.probability(self.score(matrix))

    def one_in(self, matrix: FloatArray) -> FloatArray:
        """One in how many training-like rows is as unusual, shape (rows,)."""
        return np.asarray(1 / self.tail_probability(matrix), dtype=np.float64)

    def threshold(self, quantile: float) -> float:
        """The score below which this part of training-like rows lies, 0.95 for instance."""
        return self.tail.score_at(1 - quantile)

    def contributions(self, matrix: FloatArray) -> FloatArray:
        """
        What each feature adds to the score, shape (rows, features); a row's contributions add up to its score.

        Each part of the score is split as its distance splits: by the gap to the nearest references in each column, or
        by the column's term of the quadratic form. A feature's columns are added up.
        """
        found = [self._explain(filled) for filled in self._chunks(matrix)]
        return np.concatenate(found) if found else np.empty((0, int(self.feature_of.max()) + 1))

    def _chunks(self, matrix: FloatArray) -> Iterator[FloatArray]:
        if matrix.ndim != 2 or matrix.shape[1] != self.inputs:  # noqa: PLR2004
            raise DetectorError(f"expected a matrix of {self.inputs} columns, found shape {matrix.shape}")
        for start in range(0, len(matrix), _CHUNK):
            yield self.preparation.filled(np.asarray(matrix[start : start + _CHUNK], dtype=np.float64))

    def _distances(self, filled: FloatArray) -> FloatArray:
        """The four distances, shape (rows, parts)."""
        views = self.preparation.views(filled)
        near = [each.mean_distance(view) for each, view in zip(self.references, views, strict=True)]
        return np.column_stack([*near, np.sqrt(self.ellipsoids.squared(views[0]))])

    def _standardised(self, distances: FloatArray) -> FloatArray:
        """Weighted terms of the score, shape (rows, parts)."""
        logged = np.log(_FLOOR + distances / self.unit)
        return np.asarray((logged - self.centre) / self.spread * self.weights, dtype=np.float64)

    def _combine(self, distances: FloatArray) -> FloatArray:
        return np.asarray(self._standardised(distances).sum(axis=1), dtype=np.float64)

    def _explain(self, filled: FloatArray) -> FloatArray:
        views = self.preparation.views(filled)
        terms = self._standardised(self._distances(filled))
        shares = [each.shares(view) for each, view in zip(self.references, views, strict=True)]
        shares.append(self.ellipsoids.shares(views[0]))
        columns = np.zeros(filled.shape)
        for number, share in enumerate(shares):
            is_known = share.any(axis=1, keepdims=True)
            # a row at distance zero has no columns to blame: all of them are as ordinary
            columns += terms[:, [number]] * np.where(is_known, share, 1 / share.shape[1])
        owners = np.concatenate([self.feature_of, self.feature_of[self.preparation.flagged]])
        values = np.zeros((len(filled), int(self.feature_of.max()) + 1))
        np.add.at(values.T, owners, columns.T)
        return values


def fit_detector(
    matrix: FloatArray, *, seed: int, is_clean: bool = False, feature_of: Sequence[int] | None = None
) -> Detector:
    """
    Fit on rows without labels. The same rows and seed give the same detector.

    Args:
        matrix: Shape (rows, inputs), NaN where a value is missing; at least twenty rows.
        seed: Of the sampled rows.
        is_clean: The rows are known to hold no outliers. Otherwise the tenth that looks most unusual may vouch for
            nobody; it counts in the tail all the same.
        feature_of: Which feature each column belongs to, where features have several; each its own by default.

    Raises:
        DetectorError: There are too few rows, no columns, or ``feature_of`` does not fit.
    """
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    owners = _checked(matrix, feature_of)
    random = np.random.default_rng(seed)
    preparation = prepare(matrix, random)
    if len(matrix) > _FIT_ROWS:
        matrix = matrix[np.sort(random.choice(len(matrix), _FIT_ROWS, replace=False))]
    views = preparation.views(preparation.filled(np.asarray(matrix, dtype=np.float64)))
    # with more threads sums are added up in another order, and the same rows would give other bytes
    with threadpool_limits(limits=1):
        pool = np.arange(len(matrix))
        for _ in range(0 if is_clean else _TRIM_ROUNDS):
            pool = _least_unusual(views, pool, random)
        references, distances = _fit_references(views, pool, _DRAWS, random)
        ellipsoids, group_of_pool = fit_ellipsoids(views[0][pool], seed=seed)
        group_of = np.full(len(matrix), -1)
        group_of[pool] = group_of_pool
        distances.append(np.sqrt(ellipsoids.out_of_bag(views[0], group_of)))
    weights = CLEAN_WEIGHTS if is_clean else WEIGHTS
    return _calibrated(preparation, references, ellipsoids, np.column_stack(distances), weights, owners)


def _checked(matrix: FloatArray, feature_of: Sequence[int] | None) -> IntArray:
    if matrix.ndim != 2 or matrix.shape[1] == 0 or len(matrix) < _FEWEST_ROWS:  # noqa: PLR2004
        raise DetectorError(f"expected at least {_FEWEST_ROWS} rows of at least one column, found shape {matrix.shape}")
    owners = np.arange(matrix.shape[1]) if feature_of is None else np.asarray(feature_of, dtype=np.int64)
    if owners.shape != (matrix.shape[1],) or owners.min() < 0:
        raise DetectorError(f"expected a feature for each of {matrix.shape[1]} columns, found shape {owners.shape}")
    return owners


def _fit_references(
    views: tuple[FloatArray, ...], pool: IntArray, draws: int, random: np.random.Generator
) -> tuple[tuple[References, References, References], list[FloatArray]]:
    """References of each view, and the distance of every row to those it is no part of."""
    fitted, distances = [], []
    for metric, view in zip(METRICS, views, strict=True):
        positions = draw_positions(pool, draws, _DRAW_ROWS, random)
        fitted.append(References(metric, view[positions]))
        distances.append(fitted[-1].out_of_bag(view, positions))
    return (fitted[0], fitted[1], fitted[2]), distances


def _least_unusual(views: tuple[FloatArray, ...], pool: IntArray, random: np.random.Generator) -> IntArray:
    """The nine tenths of all rows that look least unusual to references drawn from ``pool``."""
    _, distances = _fit_references(views, pool, _TRIM_DRAWS, random)
    ranks = sum(each.argsort(kind="stable").argsort(kind="stable") for each in distances)
    return np.sort(np.argsort(ranks, kind="stable")[: len(views[0]) - int(_TRIMMED * len(views[0]))])


def _calibrated(
    preparation: Preparation,
    references: tuple[References, References, References],
    ellipsoids: Ellipsoids,
    distances: FloatArray,
    weights: FloatArray,
    owners: IntArray,
) -> Detector:
    """Bring the parts to one scale and fit the tail, on the distances of rows that were left out."""
    unit = distances.mean(axis=0)
    unit = np.where(unit > 0, unit, 1.0)
    logged = np.log(_FLOOR + distances / unit)
    low, centre, high = np.quantile(logged, [0.25, 0.5, 0.75], axis=0)
    spread = np.maximum(high - low, _FLOOR)
    terms = (logged - centre) / spread * weights
    return Detector(
        preparation, references, ellipsoids, unit, centre, spread, weights, fit_tail(terms.sum(axis=1)), owners
    )
