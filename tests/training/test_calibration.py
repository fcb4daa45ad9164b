"""Scores become honest probabilities."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from riskloom.metrics import average_precision, expected_calibration_error
from riskloom.training.calibration import apply_calibration, fit_calibration


def test_calibration_makes_bold_scores_honest() -> None:
    """Scores that are far too high come down to the observed rate, and the ranking stays as it was."""
    random = np.random.default_rng(3)
    truth = random.beta(0.3, 6, 20_000)
    labels = (random.random(20_000) < truth).astype(np.int8)
    bold = truth**0.4
    probability = apply_calibration(fit_calibration(bold, labels), bold)
    assert expected_calibration_error(labels, bold) > 0.1
    assert expected_calibration_error(labels, probability) < 0.01
    assert average_precision(labels, probability) == average_precision(labels, bold)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_calibration_rises_whatever_the_data(seed: int, positives: int) -> None:
    """With a handful of positives, even the wrong way round, the curve never falls and stays within (0, 1)."""
    random = np.random.default_rng(seed)
    labels = np.zeros(200, dtype=np.int8)
    labels[:positives] = 1
    curve = fit_calibration(random.random(200), labels)
    assert (np.diff(curve.probability) >= 0).all()
    assert curve.probability[0] >= 0
    assert curve.probability[-1] < 1


def test_certain_scores_stay_finite() -> None:
    """Raw scores of exactly 0 and 1 are no problem."""
    raw = np.array([0.0, 0.0, 1.0, 1.0])
    curve = fit_calibration(raw, np.array([0, 0, 1, 0], dtype=np.int8))
    assert np.isfinite(apply_calibration(curve, raw)).all()
