"""
From raw scores to probabilities.

Beta calibration (Kull, Silva Filho and Flach 2017): three parameters, so a few dozen positives are enough, where
isotonic regression needs about a thousand (Niculescu-Mizil and Caruana 2005); and it is strictly rising wherever the
scores mean anything, so it makes no ties and leaves every ranking as it was. A weak pull towards «leave the scores
alone» keeps it tame when positives are very few. The curve is stored as corner points: applying it is ``np.interp``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskloom.registry import Calibration

FloatArray = NDArray[np.float64]
_EDGE = 1e-7  # raw scores are cut to [_EDGE, 1 - _EDGE] before their logarithm is taken
_CORNERS = 301
_PULL = 1.0  # weight of the prior on the two slopes, in units of one observation


def fit_calibration(raw: FloatArray, labels: NDArray[np.int8]) -> Calibration:
    """
    Fit the curve on out-of-fold scores.

    Args:
        raw: Scores in [0, 1] of rows the model had not seen, shape (rows,).
        labels: What turned out to be true, shape (rows,); both classes must occur.
    """
    from scipy.optimize import minimize  # noqa: PLC0415

    columns, truth = _columns(raw), labels.astype(np.float64)
    prior = np.array([1.0, 1.0, 0.0])
    pull = np.array([_PULL, _PULL, 0.0])

    def loss(weights: FloatArray) -> tuple[float, FloatArray]:
        log_odds = columns @ weights
        value = np.logaddexp(0, log_odds).sum() - truth @ log_odds + 0.5 * pull @ (weights - prior) ** 2
        return float(value), columns.T @ (_logistic(log_odds) - truth) + pull * (weights - prior)

    # slopes below zero would turn the ranking round
    best = minimize(loss, prior, jac=True, method="L-BFGS-B", bounds=[(0, None), (0, None), (None, None)])
    inner = _logistic(np.linspace(np.log(_EDGE), -np.log(_EDGE), _CORNERS))
    corners = np.concatenate([[0.0], inner, [1.0]])
    probability = np.maximum.accumulate(np.clip(_logistic(_columns(corners) @ best.x), 0, 1 - _EDGE))
    return Calibration(method="beta", raw=tuple(corners.tolist()), probability=tuple(probability.tolist()))


def apply_calibration(calibration: Calibration, raw: FloatArray) -> FloatArray:
    """Probabilities for raw scores, shape (rows,)."""
    corners = np.array(calibration.raw, dtype=np.float64), np.array(calibration.probability, dtype=np.float64)
    return np.interp(raw, *corners)


def _columns(raw: FloatArray) -> FloatArray:
    inside = np.clip(raw, _EDGE, 1 - _EDGE)
    return np.column_stack([np.log(inside), -np.log1p(-inside), np.ones(len(inside))])


def _logistic(log_odds: FloatArray) -> FloatArray:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * log_odds)), dtype=np.float64)
