"""
Distance to the nearest of a few random rows, over many draws.

LeSiNN (Pang, Ting and Albrecht 2015, *LeSiNN: detecting anomalies by identifying least similar nearest neighbours*):
the mean over draws of the distance to the nearest of a few reference rows. Few rows a draw keep outliers of the
training data from vouching for each other, and make scoring cost the same whatever the training data's size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Metric = Literal["cityblock", "euclidean"]


@dataclass(frozen=True)
class References:
    """Reference rows of one view, shape (draws, rows a draw, columns), and how distance to them is measured."""

    metric: Metric
    rows: FloatArray

    def nearest(self, view: FloatArray) -> tuple[FloatArray, IntArray]:
        """Distance to the nearest reference and which it is, for each draw; shape (rows, draws) each."""
        draws, size, columns = self.rows.shape
        distances = self._distances(view, self.rows.reshape(-1, columns)).reshape(len(view), draws, size)
        which = distances.argmin(axis=2)
        return np.take_along_axis(distances, which[:, :, np.newaxis], axis=2)[:, :, 0], which

    def mean_distance(self, view: FloatArray) -> FloatArray:
        """Mean over draws of the distance to the nearest reference, shape (rows,)."""
        return np.asarray(self.nearest(view)[0].mean(axis=1), dtype=np.float64)

    def out_of_bag(self, view: FloatArray, positions: IntArray) -> FloatArray:
        """
        The mean distance of rows that references were drawn from, over the draws they are not part of.

        Args:
            view: The rows, shape (rows, columns).
            positions: Which of them are references, shape (draws, rows a draw).
        """
        distances = self.nearest(view)[0]
        for draw, members in enumerate(positions):
            distances[members, draw] = np.nan
        is_in_all = np.isnan(distances).all(axis=1)
        distances[is_in_all] = 0.0  # of a handful of rows one can be in every draw: nothing is known of it
        return np.asarray(np.nanmean(distances, axis=1), dtype=np.float64)

    def shares(self, view: FloatArray) -> FloatArray:
        """What part of the mean distance comes from each column, shape (rows, columns); they add up to one."""
        distances, which = self.nearest(view)
        parts = np.zeros(view.shape)
        for draw in range(len(self.rows)):
            gaps = np.abs(view - self.rows[draw][which[:, draw]])
            if self.metric == "euclidean":
                length = distances[:, draw, np.newaxis]
                gaps = np.divide(gaps**2, length, out=np.zeros_like(gaps), where=length > 0)
            parts += gaps
        total = parts.sum(axis=1, keepdims=True)
        shares: FloatArray = np.divide(parts, total, out=np.zeros_like(parts), where=total > 0)
        return shares

    def _distances(self, view: FloatArray, rows: FloatArray) -> FloatArray:
        if self.metric == "cityblock":
            from scipy.spatial.distance import cdist  # noqa: PLC0415

            return np.asarray(cdist(view, rows, "cityblock"), dtype=np.float64)
        squares = (view**2).sum(axis=1)[:, np.newaxis] + (rows**2).sum(axis=1) - 2 * (view @ rows.T)
        return np.asarray(np.sqrt(np.maximum(squares, 0)), dtype=np.float64)


def draw_positions(pool: IntArray, draws: int, size: int, random: np.random.Generator) -> IntArray:
    """Draw reference rows without replacement within a draw, shape (draws, rows a draw); at most half the pool."""
    size = max(1, min(size, len(pool) // 2))
    return np.stack([random.choice(pool, size, replace=False) for _ in range(draws)])
