"""Figures on decisions whose truth is known."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from riskloom.catalog import AmountShare, Costs, Domain, load_catalog
from riskloom.monitoring.performance import Chosen, Judged, choose, cost, measure
from riskloom.policy import CostPolicy


def declared(domain: Domain, costs: Costs, *outcomes: dict[str, float]) -> Domain:
    """The domain with these costs and outcomes."""
    first = domain.outcome[0]
    named = [first.model_copy(update={"name": f"o{n}", **properties}) for n, properties in enumerate(outcomes)]
    return domain.model_copy(update={"costs": costs, "outcome": tuple(named)})


DOMAIN = declared(
    next(iter(load_catalog().values())),
    Costs(false_negative="amount", minute=1.0, friction=12.0),
    {},
    {"prevents": 1, "minutes": 3, "friction": 1},
)


def above(rows: Judged, score: float) -> Chosen:
    """The second outcome from a score on."""
    return (rows.score >= score).astype(np.intp)


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
    found = measure(DOMAIN, rows, above(rows, 0.2), seed=0)
    assert found.average_precision.value == pytest.approx(average_precision_score(rows.is_positive, rows.score))
    assert found.roc_auc == pytest.approx(roc_auc_score(rows.is_positive, rows.score))


def test_the_interval_holds_the_value_and_follows_the_seed() -> None:
    """The bootstrap interval surrounds the value, narrows with rows, and is the same for the same seed."""
    few, many = (
        measure(DOMAIN, rows, above(rows, 0.2), seed=1).average_precision for rows in (judged(2_000), judged(30_000))
    )
    again = measure(DOMAIN, judged(2_000), above(judged(2_000), 0.2), seed=1).average_precision
    assert few.low < few.value < few.high
    assert many.high - many.low < few.high - few.low
    assert again == few


def test_figures_of_what_is_flagged() -> None:
    """Recall and precision count what does not get the mildest outcome."""
    rows = Judged(
        score=np.array([0.1, 0.2, 0.2, 0.9]),
        is_positive=np.array([True, True, False, True]),
        amount=np.ones(4),
        group=np.arange(4),
    )
    found = measure(DOMAIN, rows, above(rows, 0.2), seed=0)
    assert (found.flagged, found.recall, found.precision) == (3, 2 / 3, 2 / 3)


@pytest.mark.parametrize(("false_negative", "lost"), [("amount", Decimal("20.31")), (50.0, Decimal("110.00"))])
def test_money_is_exact(false_negative: Literal["amount"] | float, lost: Decimal) -> None:
    """
    Ten cents and twenty are thirty; what an outcome does not prevent is lost; its minutes are paid for every row.

    An honest subject feels its friction, and one in ten gives up a quarter of 8.00: 12.5 / 2 and 0.20.
    """
    rows = Judged(
        score=np.array([0.0, 0.0, 1.0, 1.0]),
        is_positive=np.array([True, True, True, False]),
        amount=np.array([0.1, 0.2, 100.05, 8.0]),
        group=np.arange(4),
    )
    margin = AmountShare(share_of_amount=0.25)
    costs = Costs(false_negative=false_negative, minute=0.5, friction=12.5, margin=margin)
    domain = declared(DOMAIN, costs, {}, {"prevents": 0.8, "minutes": 3, "friction": 0.5, "drop_out": 0.1})
    found = cost(domain, rows, above(rows, 0.5))
    assert (found.lost, found.review, found.friction) == (lost, Decimal("3.00"), Decimal("6.45"))
    assert found.with_model == lost + Decimal("9.45")
    assert found.without_model == (Decimal("100.35") if false_negative == "amount" else Decimal(150))


def test_money_is_what_the_policy_promises() -> None:
    """Summed to the cent, the same as the served policy's costs with the truth in place of the probability."""
    rows = judged()
    for domain in load_catalog().values():
        chosen, policy = choose(domain, rows, threshold=None), CostPolicy(domain)
        costs = [terms.expected(rows.is_positive.astype(np.float64), rows.amount) for terms in policy.terms]
        expected = np.stack(costs, axis=1)[np.arange(len(chosen)), chosen].sum()
        assert float(cost(domain, rows, chosen).with_model) == pytest.approx(expected, abs=0.05)
