"""
From scores to tail probabilities: how often a row like the training rows scores as high.

Up to a high quantile the curve is the empirical one. Beyond it a generalised Pareto distribution continues it (peaks
over a threshold: Pickands 1975; for anomaly scores Siffer, Fouque, Termier and Largouet 2017), fitted by
probability-weighted moments (Hosking and Wallis 1987), so a row can be one in a million after ten thousand were seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_KNOTS = 513
_TAIL_SHARE = 0.005
_TAIL_ROWS = 50  # of small data the tail is more than that, so that there is something to fit
_HEAVIEST = 0.5
_SMALLEST = 1e-300


@dataclass(frozen=True)
class Tail:
    """
    The tail of the training scores.

    Attributes:
        quantiles: Scores that parts of the training rows exceed, the parts from one to ``share`` by equal factors,
            rising, shape (knots,).
        share: Part of the training rows above the last quantile.
        shape, scale: Of the generalised Pareto distribution of what lies above.
    """

    quantiles: FloatArray
    share: float
    shape: float
    scale: float

    def probability(self, scores: FloatArray) -> FloatArray:
        """How often a training-like row scores at least as high, shape (rows,); never zero."""
        start = self.quantiles[-1]
        # just below the score: of equal scores all count as at least as high
        below = np.interp(np.nextafter(scores, -np.inf), self.quantiles, np.log(self._parts()))
        excess = np.maximum(scores - start, 0) / self.scale
        with np.errstate(under="ignore"):
            decay = np.exp(-excess) if self.shape == 0 else (1 + self.shape * excess) ** (-1 / self.shape)
        return np.maximum(np.where(scores > start, self.share * decay, np.exp(below)), _SMALLEST)

    def score_at(self, probability: float) -> float:
        """The score that training-like rows exceed with this probability."""
        if probability >= self.share:
            return float(np.interp(np.log(probability), np.log(self._parts()[::-1]), self.quantiles[::-1]))
        ratio = self.share / probability
        excess = np.log(ratio) if self.shape == 0 else (ratio**self.shape - 1) / self.shape
        return float(self.quantiles[-1] + self.scale * excess)

    def _parts(self) -> FloatArray:
        return np.geomspace(1.0, self.share, len(self.quantiles))


def fit_tail(scores: FloatArray) -> Tail:
    """Fit the curve on scores of rows that are scored as new ones are, shape (rows,)."""
    ordered = np.sort(scores)
    share = min(0.5, max(_TAIL_SHARE, _TAIL_ROWS / len(ordered)))
    quantiles = np.quantile(ordered, 1 - np.geomspace(1.0, share, _KNOTS))
    shape, scale = _pareto(ordered[ordered > quantiles[-1]] - quantiles[-1])
    return Tail(quantiles=quantiles, share=share, shape=shape, scale=scale)


def _pareto(excess: FloatArray) -> tuple[float, float]:
    """Shape and scale by probability-weighted moments; a shape below zero, which would end the tail, is put to zero."""
    if not len(excess) or excess.mean() <= 0:
        return 0.0, 1e-6
    first = float(excess.mean())
    ranks = (np.arange(len(excess)) + 0.65) / len(excess)
    second = float(((1 - ranks) * np.sort(excess)).mean())
    shape = 2 - first / (first - 2 * second) if first > 2 * second else _HEAVIEST
    shape = float(np.clip(shape, 0.0, _HEAVIEST))
    if shape < 1e-6:  # noqa: PLR2004 - the exponential tail, where the power would lose its digits
        return 0.0, first
    return shape, first * (1 - shape)
