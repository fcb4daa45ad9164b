"""How well the model did on decisions whose truth is known: ranking, threshold, calibration, and money."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from riskloom.catalog import Costs
from riskloom.metrics import Ranking

_RESAMPLES = 200
_CENTRAL_95 = (0.025, 0.975)

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


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

    threshold: float
    rows: int
    positives: int
    average_precision: Interval
    roc_auc: float
    recall: float
    precision: float
    flagged: int
    calibration_error: float
    money: Money


def measure(judged: Judged, *, threshold: float, costs: Costs, currency: str, seed: int) -> Performance:
    """
    Measure a model on decisions of both kinds.

    Args:
        judged: At least one positive and one negative decision.
        threshold: Scores from here on are flagged.
        costs: What each kind of decision costs.
        currency: ISO 4217 code of the amounts and costs.
        seed: Of the bootstrap over groups.
    """
    ranking = Ranking(judged.is_positive, judged.score)
    flagged = judged.score >= threshold
    caught = int(np.sum(flagged & judged.is_positive))
    positives = int(np.sum(judged.is_positive))
    return Performance(
        threshold=threshold,
        rows=len(judged.score),
        positives=positives,
        average_precision=bootstrap_average_precision(ranking, judged.group, seed),
        roc_auc=float(ranking.roc_auc()[0]),
        recall=caught / positives,
        precision=caught / max(int(np.sum(flagged)), 1),
        flagged=int(np.sum(flagged)),
        calibration_error=float(ranking.calibration_error()[0]),
        money=cost(judged, flagged, costs, currency),
    )


def cost(judged: Judged, flagged: Flags, costs: Costs, currency: str) -> Money:
    """Sum, to the cent, what was lost, what was looked at and which honest subjects were troubled."""
    lost = _loss(judged, judged.is_positive & ~flagged, costs)
    review = int(np.sum(flagged)) * Decimal(str(costs.review))
    friction = int(np.sum(flagged & ~judged.is_positive)) * Decimal(str(costs.friction))
    return Money(
        currency=currency,
        with_model=lost + review + friction,
        without_model=_loss(judged, judged.is_positive, costs),
        lost=lost,
        review=review,
        friction=friction,
    )


def _loss(judged: Judged, missed: Flags, costs: Costs) -> Decimal:
    if costs.false_negative != "amount":
        return int(np.sum(missed)) * Decimal(str(costs.false_negative))
    cents = np.rint(judged.amount[missed] * 100).astype(np.int64)
    return Decimal(int(np.sum(cents))) / 100


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
