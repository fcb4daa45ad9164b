"""How well the model did on decisions whose truth is known: ranking, outcomes, calibration, and money."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from riskloom.catalog import AmountShare, Domain, Outcome
from riskloom.metrics import Ranking
from riskloom.policy import CostPolicy

_RESAMPLES = 200
_CENTRAL_95 = (0.025, 0.975)
_CENT = Decimal("0.01")

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Chosen = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Judged:
    """Scored decisions with their truth, one element a decision in every array."""

    score: Floats
    is_positive: Flags
    amount: Floats
    group: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its central 95 % bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Money:
    """What the decisions cost in the domain's currency, and what doing nothing would have cost."""

    currency: str
    with_model: Decimal
    without_model: Decimal
    lost: Decimal
    review: Decimal
    friction: Decimal


@dataclass(frozen=True, slots=True)
class Performance:
    """The model's figures on one window of matured decisions."""

    rows: int
    positives: int
    average_precision: Interval
    roc_auc: float
    recall: float
    precision: float
    flagged: int
    calibration_error: float
    money: Money


def choose(domain: Domain, judged: Judged, *, threshold: float | None) -> Chosen:
    """The outcomes that the policy gives the decisions, shape (rows,); see :meth:`CostPolicy.choose_rows`."""
    return CostPolicy(domain).choose_rows(judged.score, judged.amount, threshold=threshold)


def measure(domain: Domain, judged: Judged, chosen: Chosen, *, seed: int) -> Performance:
    """
    Measure a model on decisions of both kinds.

    Args:
        domain: Declares outcomes and what they cost, in its currency.
        judged: At least one positive and one negative decision.
        chosen: Their outcomes; flagged is what is not the mildest.
        seed: Of the bootstrap over groups.
    """
    ranking = Ranking(judged.is_positive, judged.score)
    flagged = chosen > 0
    caught = int(np.sum(flagged & judged.is_positive))
    positives = int(np.sum(judged.is_positive))
    return Performance(
        rows=len(judged.score),
        positives=positives,
        average_precision=bootstrap_average_precision(ranking, judged.group, seed),
        roc_auc=float(ranking.roc_auc()[0]),
        recall=caught / positives,
        precision=caught / max(int(np.sum(flagged)), 1),
        flagged=int(np.sum(flagged)),
        calibration_error=float(ranking.calibration_error()[0]),
        money=cost(domain, judged, chosen),
    )


def cost(domain: Domain, judged: Judged, chosen: Chosen) -> Money:
    """Sum, to the cent, what was lost, what was looked at and what honest subjects felt."""
    lost = review = friction = Decimal(0)
    for number, outcome in enumerate(domain.outcome):
        here = chosen == number
        honest = here & ~judged.is_positive
        lost += (1 - _exact(outcome.prevents)) * _loss(domain, judged, here & judged.is_positive)
        review += int(np.sum(here)) * _exact(outcome.minutes) * _exact(domain.costs.minute)
        friction += _friction(domain, judged, honest, outcome)
    lost, review, friction = (part.quantize(_CENT) for part in (lost, review, friction))
    return Money(
        currency=domain.currency,
        with_model=lost + review + friction,
        without_model=_loss(domain, judged, judged.is_positive),
        lost=lost,
        review=review,
        friction=friction,
    )


def _loss(domain: Domain, judged: Judged, rows: Flags) -> Decimal:
    loss = domain.costs.false_negative
    return _sum(judged.amount[rows]) if loss == "amount" else int(np.sum(rows)) * _exact(loss)


def _friction(domain: Domain, judged: Judged, honest: Flags, outcome: Outcome) -> Decimal:
    count, margin = int(np.sum(honest)), domain.costs.margin
    if isinstance(margin, AmountShare):
        earned = _exact(margin.share_of_amount) * _sum(judged.amount[honest])
    else:
        earned = count * _exact(margin)
    return count * _exact(outcome.friction) * _exact(domain.costs.friction) + _exact(outcome.drop_out) * earned


def _sum(amounts: Floats) -> Decimal:
    return Decimal(int(np.sum(np.rint(amounts * 100).astype(np.int64)))) / 100


def _exact(declared: float) -> Decimal:
    """A declared number as it was written."""
    return Decimal(str(declared))


def bootstrap_average_precision(ranking: Ranking, group: NDArray[np.int64], seed: int) -> Interval:
    """Average precision with an interval from Poisson weights drawn for each group (Hanley and MacGibbon 2006)."""
    generator = np.random.default_rng(seed)
    drawn = np.array([_resampled(ranking, group, generator) for _ in range(_RESAMPLES)])
    low, high = np.nanquantile(drawn, _CENTRAL_95)
    return Interval(value=float(ranking.average_precision()[0]), low=float(low), high=float(high))


def _resampled(ranking: Ranking, group: NDArray[np.int64], generator: np.random.Generator) -> float:
    """Average precision of one draw of groups; NaN where it drew no positive."""
    counts = generator.poisson(1.0, int(group.max()) + 1).astype(np.float64)
    return float(ranking.average_precision(counts[group].reshape(1, -1))[0])
