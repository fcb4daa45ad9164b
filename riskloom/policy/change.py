"""What would have changed a decision: the probability and the amount below which a milder outcome costs less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

from pydantic import Field

from riskloom.catalog import CostTerms


@dataclass(frozen=True, slots=True)
class Change:
    """What would have made an outcome milder, each by itself and all else as it was; null where it could not have."""

    probability_below: Annotated[float | None, Field(description="A lower probability, at this amount.")] = None
    amount_below: Annotated[float | None, Field(description="A smaller amount, at this probability.")] = None
    score_below: Annotated[
        float | None, Field(description="A lower score, where the score says how unusual the subject is.")
    ] = None
    without_rules: Annotated[str | None, Field(description="The outcome, had no rule forced or forbidden any.")] = None


@dataclass(frozen=True, slots=True)
class _Line:
    """The expected cost of an outcome as one of the two quantities varies: ``start + slope * x``."""

    start: float
    slope: float

    def at(self, x: float) -> float:
        return self.start + self.slope * x


def probability_below(
    milder: Sequence[CostTerms], others: Sequence[CostTerms], *, probability: float, amount: float
) -> float | None:
    """
    The probability below which one of the milder outcomes would have cost least, at the same amount.

    Args:
        milder: The allowed outcomes that are milder than the chosen one.
        others: The chosen outcome and the allowed ones that are harder.
        probability: At which none of the milder ones costs least.
        amount: At stake.
    """

    def line(terms: CostTerms) -> _Line:
        honest = terms.honest(amount)
        return _Line(honest, terms.bad(amount) - honest)

    return _last_crossing([line(terms) for terms in milder], [line(terms) for terms in others], probability)


def amount_below(
    milder: Sequence[CostTerms], others: Sequence[CostTerms], *, probability: float, amount: float
) -> float | None:
    """The amount below which one of the milder outcomes would have cost least, at the same probability."""

    def line(terms: CostTerms) -> _Line:
        slope = probability * terms.bad_share + (1 - probability) * terms.honest_share
        return _Line(terms.expected(probability, 0.0), slope)

    return _last_crossing([line(terms) for terms in milder], [line(terms) for terms in others], amount)


def _last_crossing(milder: Sequence[_Line], others: Sequence[_Line], end: float) -> float | None:
    """
    The largest x below ``end`` just below which the lowest line is one of the milder.

    Which of the two groups has the lowest line changes only where two lines cross, so it is looked at once between any
    two neighbouring crossings.
    """
    crossings = {_crossing(one, other) for one in milder for other in others} - {None}
    inside = sorted({0.0, *(x for x in crossings if x is not None and 0 < x <= end)}, reverse=True)
    for high, low in pairwise(inside):
        middle = (low + high) / 2
        if min(line.at(middle) for line in milder) <= min(line.at(middle) for line in others):
            return high
    return None


def _crossing(one: _Line, other: _Line) -> float | None:
    steeper = one.slope - other.slope
    return None if steeper == 0 else (other.start - one.start) / steeper
