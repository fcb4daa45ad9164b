"""How well the model did on decisions whose truth is known: ranking, threshold, calibration, and money."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from riskloom.catalog import Costs

_RESAMPLES = 200
_BINS = 10
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
    flagged = judged.score >= threshold
    caught = int(np.sum(flagged & judged.is_positive))
    positives = int(np.sum(judged.is_positive))
    return Performance(
        threshold=threshold,
        rows=len(judged.score),
        positives=positives,
        average_precision=bootstrap_average_precision(judged, seed),
        roc_auc=roc_auc(judged.score, judged.is_positive),
        recall=caught / positives,
        precision=caught / max(int(np.sum(flagged)), 1),
        flagged=int(np.sum(flagged)),
        calibration_error=calibration_error(judged.score, judged.is_positive),
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


def roc_auc(score: Floats, is_positive: Flags) -> float:
    """The chance that a positive scores above a negative; a tie counts half (Mann-Whitney)."""
    _, place, size = np.unique(score, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(size) - (size - 1) / 2
    positives = int(np.sum(is_positive))
    negatives = len(score) - positives
    rank_sum = float(np.sum(mean_rank[place][is_positive]))
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def calibration_error(score: Floats, is_positive: Flags) -> float:
    """Expected calibration error over ten bins of equal size (Naeini et al. 2015)."""
    order = np.argsort(score, kind="stable")
    parts = np.array_split(order, _BINS)
    gaps = [
        len(part) * abs(float(np.mean(score[part])) - float(np.mean(is_positive[part]))) for part in parts if len(part)
    ]
    return sum(gaps) / len(score)


def bootstrap_average_precision(judged: Judged, seed: int) -> Interval:
    """Average precision with an interval from Poisson weights drawn for each group (Oza 2001)."""
    order = np.argsort(-judged.score, kind="stable")
    score, is_positive, group = judged.score[order], judged.is_positive[order], judged.group[order]
    last_of_tie = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
    value = _average_precision(is_positive, np.ones(len(score)), last_of_tie)
    generator = np.random.default_rng(seed)
    drawn = []
    for _ in range(_RESAMPLES):
        weight = generator.poisson(1.0, int(group.max()) + 1).astype(np.float64)[group]
        if np.sum(weight[is_positive]) > 0:
            drawn.append(_average_precision(is_positive, weight, last_of_tie))
    low, high = np.quantile(drawn, _CENTRAL_95)
    return Interval(value=value, low=float(low), high=float(high))


def _average_precision(is_positive: Flags, weight: Floats, last_of_tie: NDArray[np.int64]) -> float:
    """Sum of precision times gain in recall over the distinct scores, the highest first."""
    true_flagged = np.cumsum(weight * is_positive)[last_of_tie]
    all_flagged = np.cumsum(weight)[last_of_tie]
    gain = np.diff(true_flagged, prepend=0.0) / true_flagged[-1]
    precision = np.divide(true_flagged, all_flagged, out=np.zeros_like(all_flagged), where=all_flagged > 0)
    return float(np.sum(gain * precision))
