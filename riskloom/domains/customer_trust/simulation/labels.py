"""What turns out to be fraud, and when: chargebacks, the false ones among them, and their reversals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskloom.domains.customer_trust.simulation.honest import HOUR
from riskloom.domains.customer_trust.simulation.population import Ints
from riskloom.domains.customer_trust.simulation.regime import Scenario
from riskloom.ingest.arrays import Columns, known_before
from riskloom.ingest.simulation import DAY, SimulationPlan

REASONS = ("fraud_card_absent", "fraud_card_present", "counterfeit", "not_recognised", "reversed")
_CARD_ABSENT, _NOT_RECOGNISED, _REVERSED = map(REASONS.index, ("fraud_card_absent", "not_recognised", "reversed"))
_VAGUE = 0.25  # share of chargebacks whose reason says nothing
_REPORTED = 0.93  # share of fraud that is ever noticed
_FALSE_ALARM = 0.0004  # share of honest payments that are charged back as fraud
_WITHDRAWN_FALSE, _WITHDRAWN_TRUE = 0.7, 0.01  # shares of false and of right chargebacks that are reversed
_MEDIAN_DAYS, _SPREAD = 2.0, 0.9  # of the time until a chargeback is filed; nine in ten arrive within seven days
_LONGEST_DAYS = 45.0


@dataclass(frozen=True, slots=True)
class Suspects(Columns):
    """Payments that get a chargeback if they are noticed: number of the payment, when it was, and why."""

    payment: Ints
    at: Ints  # µs, when the payment was observed
    scenario: Ints
    online: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Chargebacks(Columns):
    """Statements about payments, by the time they were observed."""

    payment: Ints
    is_fraud: NDArray[np.bool_]
    reason: Ints
    filed: Ints  # µs
    observed: Ints  # µs


def suspects_of_day(
    rng: np.random.Generator, number: Ints, at: Ints, scenario: Ints, online: NDArray[np.bool_]
) -> Suspects:
    """The fraud of a day, and the few honest payments that will be charged back all the same."""
    chosen = (scenario != int(Scenario.HONEST)) | (rng.random(len(at)) < _FALSE_ALARM)
    return Suspects(number, at, scenario, online).take(chosen)


def draw_chargebacks(plan: SimulationPlan, parts: list[Suspects]) -> Chargebacks:
    """All statements observed before the plan ends, each observed some hours after it was filed."""
    rng = plan.rng("chargebacks")
    suspects = Suspects.joined(parts)
    is_honest = suspects.scenario == int(Scenario.HONEST)
    suspects = suspects.take(is_honest | (rng.random(len(is_honest)) < _REPORTED))
    is_honest = suspects.scenario == int(Scenario.HONEST)
    count = len(is_honest)
    days = np.clip(rng.lognormal(np.log(_MEDIAN_DAYS), _SPREAD, count), 0.1, _LONGEST_DAYS)
    filed = suspects.at + (days * DAY).astype(np.int64)
    observed = filed + (rng.uniform(0.5, 20, count) * HOUR).astype(np.int64)
    withdrawn = rng.random(count) < np.where(is_honest, _WITHDRAWN_FALSE, _WITHDRAWN_TRUE)
    later = observed + (rng.lognormal(1.6, 0.6, count) * DAY).astype(np.int64)
    reason = np.where(suspects.online, _CARD_ABSENT, rng.integers(_CARD_ABSENT + 1, _NOT_RECOGNISED, count))
    reason = np.where(rng.random(count) < _VAGUE, _NOT_RECOGNISED, reason)
    statements = Chargebacks(
        payment=np.concatenate([suspects.payment, suspects.payment[withdrawn]]),
        is_fraud=np.concatenate([np.ones(count, dtype=np.bool_), np.zeros(int(withdrawn.sum()), dtype=np.bool_)]),
        reason=np.concatenate([reason, np.full(int(withdrawn.sum()), _REVERSED)]),
        filed=np.concatenate([filed, later[withdrawn]]),
        observed=np.concatenate([observed, later[withdrawn] + HOUR]),
    )
    return statements.take(known_before(statements.observed, plan.end_us))
