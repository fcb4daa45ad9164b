"""What the world is like before and after a drift, and in the busy season: claims, abuse, and how people behave."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

_SEASON_EVERY, _SEASON_DAYS, _SEASON_FROM = 90, 14, 40  # days: a busy fortnight in each quarter


class Scenario(IntEnum):
    """What lies behind a concession; never part of a table."""

    HONEST = 0
    INTERNAL_THEFT = 1
    GHOST_DELIVERY = 2
    NOT_RECEIVED_FRAUD = 3
    ACCOUNT_HOPPING = 4
    EMPTY_BOX = 5
    AGENT_COLLUSION = 6
    ADDRESS_REDIRECT = 7


@dataclass(frozen=True, slots=True)
class Regime:
    """
    How people behave for a stretch of days.

    Attributes:
        abuse: Share of concessions behind which there is abuse.
        mix: Share of each scenario in the abuse.
        inflation: Factor on the value of goods.
        self_service: Added to the share of concessions that no agent enters.
        photographed: Added to the share of hand-overs that are photographed.
    """

    abuse: float
    mix: dict[Scenario, float]
    inflation: float = 1.0
    self_service: float = 0.0
    photographed: float = 0.0


USUAL = Regime(
    abuse=0.085,
    mix={
        Scenario.INTERNAL_THEFT: 0.12,
        Scenario.GHOST_DELIVERY: 0.16,
        Scenario.NOT_RECEIVED_FRAUD: 0.20,
        Scenario.ACCOUNT_HOPPING: 0.18,
        Scenario.EMPTY_BOX: 0.16,
        Scenario.AGENT_COLLUSION: 0.08,
        Scenario.ADDRESS_REDIRECT: 0.10,
    },
)
DRIFTED = Regime(
    abuse=0.105,
    mix={
        Scenario.INTERNAL_THEFT: 0.06,
        Scenario.GHOST_DELIVERY: 0.08,
        Scenario.NOT_RECEIVED_FRAUD: 0.16,
        Scenario.ACCOUNT_HOPPING: 0.28,
        Scenario.EMPTY_BOX: 0.20,
        Scenario.AGENT_COLLUSION: 0.06,
        Scenario.ADDRESS_REDIRECT: 0.16,
    },
    inflation=1.25,
    self_service=0.2,
    photographed=0.25,
)


def is_busy(day: int) -> bool:
    """Whether the day lies in the busy season, when more is sent, lost, damaged and late."""
    return _SEASON_FROM <= day % _SEASON_EVERY < _SEASON_FROM + _SEASON_DAYS
