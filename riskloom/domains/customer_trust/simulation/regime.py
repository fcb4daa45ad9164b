"""What the world is like before and after a drift: the level of fraud, its mix, and how honest people behave."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Scenario(IntEnum):
    """Why a payment is fraudulent; never part of a table."""

    HONEST = 0
    COMPROMISED_TERMINAL = 1
    STOLEN_CREDENTIALS = 2
    ACCOUNT_TAKEOVER = 3
    CARD_TESTING = 4
    FRIENDLY = 5


@dataclass(frozen=True, slots=True)
class Regime:
    """
    How people and fraudsters behave for a stretch of days.

    Attributes:
        fraud: Share of fraudulent payments.
        mix: Share of each scenario in the fraud.
        inflation: Factor on every amount.
        online_shift: Added to each customer's share of online payments.
        hour_shift: Hours by which the daily rhythm moves.
    """

    fraud: float
    mix: dict[Scenario, float]
    inflation: float = 1.0
    online_shift: float = 0.0
    hour_shift: float = 0.0


USUAL = Regime(
    fraud=0.0095,
    mix={
        Scenario.COMPROMISED_TERMINAL: 0.33,
        Scenario.STOLEN_CREDENTIALS: 0.26,
        Scenario.ACCOUNT_TAKEOVER: 0.15,
        Scenario.CARD_TESTING: 0.14,
        Scenario.FRIENDLY: 0.12,
    },
)
DRIFTED = Regime(
    fraud=0.0115,
    mix={
        Scenario.COMPROMISED_TERMINAL: 0.12,
        Scenario.STOLEN_CREDENTIALS: 0.22,
        Scenario.ACCOUNT_TAKEOVER: 0.38,
        Scenario.CARD_TESTING: 0.12,
        Scenario.FRIENDLY: 0.16,
    },
    inflation=1.3,
    online_shift=0.15,
    hour_shift=2.0,
)
