"""How vendors bill before and after a drift: what goes wrong, how often, and what only looks wrong."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from riskloom.ingest.simulation import SimulationPlan, Stretch, stretches


class Cause(IntEnum):
    """Why an order line is billed as it is; never part of a table."""

    CLEAN = 0
    PARTIAL = 1  # less is shipped, and less is billed
    SPLIT = 2  # several deliveries, each billed
    STANDING = 3  # a standing order, billed in equal parts that look like copies
    ACCEPTED_OVER = 4  # more is shipped, and the buyer keeps it
    CASES = 5  # billed in cases where single units were ordered, for the same money
    EXEMPT = 6  # the order has the wrong tax, the invoice the right one
    SHORTAGE = 7  # billed in full, received in part
    REFUSED_OVER = 8  # more is shipped and billed than anyone wanted
    PRICE = 9  # a price that nobody agreed on
    PADDING = 10  # a little more than agreed, below most tolerances
    UNIT_SLIP = 11  # the price of a case for a single unit
    ROUNDED_UP = 12  # quantity rounded up to whole cases
    DUPLICATE = 13  # billed a second time
    TAX = 14  # more tax than is due
    RETURN = 15  # goods that went back before they were billed


#: From here on a cause makes a line wrong to pay as billed.
FIRST_WRONG = Cause.SHORTAGE


@dataclass(frozen=True, slots=True)
class Regime:
    """
    How vendors bill for a stretch of days.

    Attributes:
        shares: Share of order lines with each cause; the rest is clean.
        posting: Factor on the time until a receipt is posted.
    """

    shares: dict[Cause, float]
    posting: float = 1.0


_HONEST = {
    Cause.PARTIAL: 0.05,
    Cause.SPLIT: 0.11,
    Cause.STANDING: 0.045,
    Cause.ACCEPTED_OVER: 0.016,
    Cause.CASES: 0.015,
    Cause.EXEMPT: 0.008,
}
USUAL = Regime(
    shares=_HONEST
    | {
        Cause.SHORTAGE: 0.021,
        Cause.REFUSED_OVER: 0.008,
        Cause.PRICE: 0.014,
        Cause.PADDING: 0.010,
        Cause.UNIT_SLIP: 0.004,
        Cause.ROUNDED_UP: 0.005,
        Cause.DUPLICATE: 0.011,
        Cause.TAX: 0.004,
        Cause.RETURN: 0.008,
    }
)
DRIFTED = Regime(
    shares=_HONEST
    | {
        Cause.SHORTAGE: 0.014,
        Cause.REFUSED_OVER: 0.006,
        Cause.PRICE: 0.028,
        Cause.PADDING: 0.022,
        Cause.UNIT_SLIP: 0.004,
        Cause.ROUNDED_UP: 0.005,
        Cause.DUPLICATE: 0.019,
        Cause.TAX: 0.006,
        Cause.RETURN: 0.006,
    },
    posting=1.7,
)


#: Consecutive days of one regime that are drawn at once.
Block: TypeAlias = Stretch[Regime]

_LINES_A_BLOCK = 200_000


def blocks(plan: SimulationPlan) -> list[Block]:
    """The plan's days in order, cut where the regime changes and where there would be too many lines to hold."""
    days = max(1, _LINES_A_BLOCK * plan.days // plan.events)
    return [
        Stretch(stretch.regime, first, min(first + days, stretch.last))
        for stretch in stretches(plan, USUAL, DRIFTED)
        for first in range(stretch.first, stretch.last, days)
    ]
