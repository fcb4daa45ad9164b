"""Scores become honest probabilities, and the threshold is the cheapest one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskloom.catalog import Costs
from riskloom.metrics import average_precision, expected_calibration_error
from riskloom.training.calibration import apply_calibration, fit_calibration
from riskloom.training.costs import NOBODY, cheapest_threshold, cost_curve, row_costs

COSTS = Costs(false_negative="amount", review=3.0, friction=12.0)


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
    assert curve.probability[-1] < NOBODY


def test_certain_scores_stay_finite() -> None:
    """Raw scores of exactly 0 and 1 are no problem."""
    raw = np.array([0.0, 0.0, 1.0, 1.0])
    curve = fit_calibration(raw, np.array([0, 0, 1, 0], dtype=np.int8))
    assert np.isfinite(apply_calibration(curve, raw)).all()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 8), st.integers(0, 200)), min_size=1, max_size=40))
def test_no_other_threshold_is_cheaper(drawn: list[tuple[bool, int, int]]) -> None:
    """The threshold equals the best of all, found by trying each."""
    labels = np.array([int(label) for label, _, _ in drawn], dtype=np.int8)
    scores = np.array([score / 9 for _, score, _ in drawn])
    costs = row_costs(COSTS, labels, np.array([float(amount) for _, _, amount in drawn]))

    def cost(threshold: float) -> float:
        return float(np.where(scores >= threshold, costs.flagged, costs.approved).sum())

    chosen = cheapest_threshold(costs, scores)
    assert cost(chosen) == pytest.approx(min(cost(t) for t in [*scores.tolist(), NOBODY]))
    thresholds, totals = cost_curve(costs, scores)
    assert totals.tolist() == pytest.approx([cost(t) for t in thresholds])


def test_where_nothing_pays_nobody_is_flagged() -> None:
    """If every loss is smaller than a review, the cheapest threshold is one nobody reaches."""
    costs = row_costs(COSTS, np.array([1, 0], dtype=np.int8), np.array([1.0, 1.0]))
    assert cheapest_threshold(costs, np.array([0.9, 0.1])) == NOBODY


def test_costs_by_hand() -> None:
    """A missed positive costs its amount, a flagged honest one review and friction, a caught one its review."""
    costs = row_costs(COSTS, np.array([1, 0], dtype=np.int8), np.array([80.0, 50.0]))
    assert costs.approved.tolist() == [80.0, 0.0]
    assert costs.flagged.tolist() == [3.0, 15.0]
    flat = row_costs(COSTS.model_copy(update={"false_negative": 20.0}), np.array([1, 0], dtype=np.int8), np.zeros(2))
    assert flat.approved.tolist() == [20.0, 0.0]
