"""What investigations find, and when: few concessions are looked at, some findings are wrong, some are withdrawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from riskloom.domains.logistics_abuse.simulation.claims import HOUR, MISSING, Claims
from riskloom.domains.logistics_abuse.simulation.population import Bools, Floats, Ints
from riskloom.domains.logistics_abuse.simulation.regime import Scenario
from riskloom.ingest.arrays import Columns, known_before
from riskloom.ingest.simulation import DAY, SimulationPlan

PARTIES = ("customer", "driver", "associate", "agent", "outsider")
_PARTY = {
    Scenario.INTERNAL_THEFT: "associate",
    Scenario.GHOST_DELIVERY: "driver",
    Scenario.AGENT_COLLUSION: "agent",
    Scenario.ADDRESS_REDIRECT: "outsider",
}
#: Share of each scenario's concessions that are looked at; of honest ones those in a sample, and large losses.
_LOOKED_AT = np.array([0.02, 0.45, 0.5, 0.42, 0.6, 0.55, 0.5, 0.6])
_LARGE, _LARGE_LOOKED_AT = 20_000, 0.12  # cents
_PROVEN, _WRONGLY_HELD = 0.88, 0.06
_WITHDRAWN_TRUE, _WITHDRAWN_FALSE = 0.02, 0.6
_OPENED_DAYS = (0.1, 3.0)
_MEDIAN_DAYS, _SPREAD, _LONGEST_DAYS = 4.5, 0.65, 60.0  # of an investigation; nine in ten end within the maturity


@dataclass(frozen=True, slots=True)
class Cases(Columns):
    """Concessions that are investigated: their number, when they were observed, what lies behind them."""

    concession: Ints
    at: Ints  # µs
    scenario: Ints


@dataclass(frozen=True, slots=True)
class Findings(Columns):
    """Statements about concessions, by the time they were observed."""

    concession: Ints
    is_abuse: Bools
    party: Ints  # -1: nobody
    concluded: Ints  # µs
    observed: Ints  # µs


def cases_of_day(rng: np.random.Generator, number: Ints, observed: Ints, claims: Claims) -> Cases:
    """The concessions of a day that will be investigated; large losses rather than others."""
    chance: Floats = _LOOKED_AT[claims.scenario] * np.clip(claims.cents / 6_000, 0.6, 1.5)
    is_large_loss = (claims.problem == MISSING) & (claims.cents > _LARGE)
    chance = np.where(is_large_loss, np.maximum(chance, _LARGE_LOOKED_AT), chance)
    rows = rng.random(len(number)) < chance
    return Cases(number[rows], observed[rows], claims.scenario[rows])


def draw_findings(plan: SimulationPlan, parts: list[Cases]) -> Findings:
    """All statements observed before the plan ends: findings, and those of them that are withdrawn later."""
    rng = plan.rng("findings")
    cases = Cases.joined(parts)
    concession, scenario, count = cases.concession, cases.scenario, len(cases.concession)
    days = np.clip(rng.lognormal(np.log(_MEDIAN_DAYS), _SPREAD, count), 0.2, _LONGEST_DAYS)
    concluded = cases.at + ((days + rng.uniform(*_OPENED_DAYS, count)) * DAY).astype(np.int64)
    observed = concluded + (rng.uniform(0.2, 8, count) * HOUR).astype(np.int64)
    is_guilty = scenario != Scenario.HONEST
    is_held = rng.random(count) < np.where(is_guilty, _PROVEN, _WRONGLY_HELD)
    withdrawn = is_held & (rng.random(count) < np.where(is_guilty, _WITHDRAWN_TRUE, _WITHDRAWN_FALSE))
    later = observed + (rng.lognormal(2.0, 0.6, count) * DAY).astype(np.int64)
    party = np.array([PARTIES.index(_PARTY.get(Scenario(code), "customer")) for code in range(len(Scenario))])[scenario]
    again = np.flatnonzero(withdrawn)
    statements = Findings(
        concession=np.concatenate([concession, concession[again]]),
        is_abuse=np.concatenate([is_held, np.zeros(len(again), dtype=np.bool_)]),
        party=np.concatenate([np.where(is_held, party, -1), np.full(len(again), -1)]),
        concluded=np.concatenate([concluded, later[again]]),
        observed=np.concatenate([observed, later[again] + HOUR]),
    )
    return statements.take(known_before(statements.observed, plan.end_us))
