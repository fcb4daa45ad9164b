"""Figures on decisions whose truth is known."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from riskloom.catalog import Costs
from riskloom.monitoring.performance import Judged, cost, measure

COSTS = Costs(false_negative="amount", review=3.0, friction=12.0)


def judged(rows: int = 4_000, *, seed: int = 0) -> Judged:
    """Scores with many ties that say something about the truth."""
    rng = np.random.default_rng(seed)
    score = np.round(rng.beta(1, 8, rows), 2)
    return Judged(
        score=score,
        is_positive=rng.random(rows) < score,
        amount=np.round(rng.lognormal(4, 1, rows), 2),
        group=rng.integers(0, 300, rows),
    )


def test_ranking_figures_are_scikit_learns() -> None:
    """Average precision and ROC AUC are the usual ones, ties included."""
    rows = judged()
    found = measure(rows, threshold=0.2, costs=COSTS, currency="USD", seed=0)
    assert found.average_precision.value == pytest.approx(average_precision_score(rows.is_positive, rows.score))
    assert found.roc_auc == pytest.approx(roc_auc_score(rows.is_positive, rows.score))


def test_the_interval_holds_the_value_and_follows_the_seed() -> None:
    """The bootstrap interval surrounds the value, narrows with rows, and is the same for the same seed."""
    few, many = (
        measure(judged(rows), threshold=0.2, costs=COSTS, currency="USD", seed=1).average_precision
        for rows in (2_000, 30_000)
    )
    again = measure(judged(2_000), threshold=0.2, costs=COSTS, currency="USD", seed=1).average_precision
    assert few.low < few.value < few.high
    assert many.high - many.low < few.high - few.low
    assert again == few


def test_figures_at_the_threshold() -> None:
    """Recall and precision count what is flagged from the threshold on, the threshold included."""
    rows = Judged(
        score=np.array([0.1, 0.2, 0.2, 0.9]),
        is_positive=np.array([True, True, False, True]),
        amount=np.ones(4),
        group=np.arange(4),
    )
    found = measure(rows, threshold=0.2, costs=COSTS, currency="USD", seed=0)
    assert (found.flagged, found.recall, found.precision) == (3, 2 / 3, 2 / 3)


@pytest.mark.parametrize(("false_negative", "lost"), [("amount", Decimal("0.30")), (50.0, Decimal("100.0"))])
def test_money_is_exact(false_negative: Literal["amount"] | float, lost: Decimal) -> None:
    """Ten cents and twenty are thirty; each flagged row costs a review, each honest one friction besides."""
    rows = Judged(
        score=np.array([0.0, 0.0, 1.0, 1.0]),
        is_positive=np.array([True, True, True, False]),
        amount=np.array([0.1, 0.2, 100.05, 7.0]),
        group=np.arange(4),
    )
    costs = Costs(false_negative=false_negative, review=3.0, friction=12.5)
    found = cost(rows, rows.score >= 0.5, costs, "USD")
    assert (found.lost, found.review, found.friction) == (lost, Decimal(6), Decimal("12.5"))
    assert found.with_model == lost + Decimal("18.5")
    assert found.without_model == (Decimal("100.35") if false_negative == "amount" else Decimal(150))
