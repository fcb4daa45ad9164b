"""The concessions of one day: who asks for what, how and why, honest or not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from riskloom.domains.logistics_abuse.simulation.population import (
    Bools,
    Floats,
    Ints,
    Population,
    draw_goods,
    ordered_to,
    pick,
)
from riskloom.domains.logistics_abuse.simulation.regime import Regime, Scenario, is_busy
from riskloom.domains.logistics_abuse.simulation.rings import MEMBERS, Planned, Rings
from riskloom.ingest.simulation import DAY, SimulationPlan

HOUR = 3_600_000_000  # microseconds
CHANNELS = ("app", "web", "phone", "chat", "email")
KINDS = ("refund", "replacement", "credit")
PROBLEMS = ("missing", "damaged", "incomplete", "wrong_item", "unwanted", "late")
MISSING, DAMAGED, INCOMPLETE, WRONG_ITEM, UNWANTED, LATE = range(len(PROBLEMS))

_USUAL_DAY = np.array([0.17, 0.17, 0.08, 0.10, 0.41, 0.07])
_BUSY_DAY = np.array([0.26, 0.20, 0.09, 0.10, 0.24, 0.11])
#: What abusers say, by scenario; who colludes with an agent says what others say.
_SAID = {
    Scenario.INTERNAL_THEFT: (0.55, 0.0, 0.45, 0.0, 0.0, 0.0),
    Scenario.GHOST_DELIVERY: (0.95, 0.0, 0.0, 0.0, 0.0, 0.05),
    Scenario.NOT_RECEIVED_FRAUD: (0.82, 0.0, 0.18, 0.0, 0.0, 0.0),
    Scenario.ACCOUNT_HOPPING: (0.42, 0.28, 0.22, 0.05, 0.0, 0.03),
    Scenario.EMPTY_BOX: (0.0, 0.08, 0.0, 0.12, 0.80, 0.0),
    Scenario.ADDRESS_REDIRECT: (0.9, 0.0, 0.1, 0.0, 0.0, 0.0),
}
#: Median days from the hand-over to the request and spread of its logarithm, by problem.
_LAG_DAYS = np.array([1.8, 1.2, 1.4, 2.0, 10.0, 0.6])
_LAG_SPREAD = np.array([0.8, 0.9, 0.9, 0.8, 0.5, 0.7])
_KIND_SHARES = np.array(
    [[0.6, 0.4, 0.0], [0.4, 0.4, 0.2], [0.5, 0.3, 0.2], [0.4, 0.5, 0.1], [0.94, 0.0, 0.06], [0.1, 0.0, 0.9]]
)
_RETURNED = np.array([0.0, 0.35, 0.0, 0.8, 1.0, 0.0])  # share of problems for which the goods have to come back
_SELF_SERVICE = 0.5
_COLLUDES_FOR_GOODS = 0.2  # share of colluding agents' concessions for which the goods have to come back all the same
_STRANGE_DEVICE, _NO_DEVICE = 0.06, 0.07  # shares of requests from anybody's device, and from one without identity
_PARTLY_UNWANTED, _PARTLY_MISSING, _PARTLY_EMPTY = 0.25, 0.7, 0.25  # shares that are about a part of the goods
_PREFERS_CREDIT, _QUIET_HOURS = 0.4, 0.3  # of those who have reason to
_FAVOURITE_GOODS = 0.55  # share of abusers who choose what is easily sold again
_HOURS = np.array([1, 1, 1, 1, 1, 2, 4, 7, 10, 12, 13, 13, 12, 12, 12, 12, 12, 13, 14, 14, 12, 9, 5, 2], dtype=float)


@dataclass(frozen=True, slots=True)
class Claims:
    """Concessions by index, in no particular order."""

    at: Ints  # µs
    scenario: Ints
    ring: Ints  # -1: none
    customer: Ints
    address: Ints  # ordered to, or sent on to by a ring
    device: Ints  # -1: not known
    agent: Ints  # -1: self-service
    channel: Ints
    kind: Ints
    problem: Ints
    comes_back: Bools
    category: Ints
    goods: Ints  # cents
    cents: Ints  # what is granted
    partial: Floats  # share of the goods the amount is for
    lag: Floats  # days from the hand-over, or from when it was due


class ClaimDays:
    """Draws the concessions of each day of a plan."""

    def __init__(self, plan: SimulationPlan, people: Population, rings: Rings) -> None:
        self._plan, self._people, self._rings = plan, people, rings

    def draw(self, day: int, size: int, planned: Planned, regime: Regime) -> Claims:
        """``size`` concessions of a day: those that rings have planned, the others honest."""
        rng = self._plan.rng("claims", day)
        honest = size - len(planned.ring)
        scenario = np.concatenate([np.zeros(honest, dtype=np.int64), planned.scenario])
        ring = np.concatenate([np.full(honest, -1), planned.ring])
        problem = self._problems(rng, scenario, day)
        customer = self._customers(rng, scenario, ring, problem)
        at = self._plan.start_us + day * DAY + _time_of_day(rng, scenario)
        category, goods = self._goods(rng, scenario, regime)
        comes_back = rng.random(size) < _RETURNED[problem]
        comes_back &= (scenario != Scenario.AGENT_COLLUSION) | (rng.random(size) < _COLLUDES_FOR_GOODS)
        comes_back |= scenario == Scenario.EMPTY_BOX
        agent, channel = self._agents(rng, scenario, ring, regime)
        partial, granted = self._granted(rng, scenario, problem, agent)
        return Claims(
            at=at,
            scenario=scenario,
            ring=ring,
            customer=customer,
            address=self._addresses(rng, scenario, ring, customer),
            device=np.where(channel == CHANNELS.index("phone"), -1, self._devices(rng, scenario, ring, customer)),
            agent=agent,
            channel=channel,
            kind=_kinds(rng, scenario, problem),
            problem=problem,
            comes_back=comes_back,
            category=category,
            goods=goods,
            cents=np.maximum((goods * granted).astype(np.int64), 100),
            partial=partial,
            lag=_LAG_DAYS[problem] * rng.lognormal(0, 1, size) ** _LAG_SPREAD[problem],
        )

    def _problems(self, rng: np.random.Generator, scenario: Ints, day: int) -> Ints:
        """What is said to be wrong; in the busy season more is lost, damaged and late."""
        shares = _BUSY_DAY if is_busy(day) else _USUAL_DAY
        problem = rng.choice(len(PROBLEMS), len(scenario), p=shares / shares.sum())
        for one, said in _SAID.items():
            rows = np.flatnonzero(scenario == one)
            problem[rows] = rng.choice(len(PROBLEMS), len(rows), p=np.array(said) / sum(said))
        return problem

    def _customers(self, rng: np.random.Generator, scenario: Ints, ring: Ints, problem: Ints) -> Ints:
        """Who asks: anyone, those from whose door parcels vanish, a driver's consignees, members of a ring."""
        people, size = self._people, len(scenario)
        customer = np.where(
            problem == MISSING, pick(rng, people.customers.losses, size), pick(rng, people.customers.claims, size)
        )
        member = self._rings.customers[ring, rng.integers(0, MEMBERS, size)]
        is_victim = np.isin(scenario, [Scenario.HONEST, Scenario.INTERNAL_THEFT, Scenario.GHOST_DELIVERY])
        customer = np.where(is_victim, customer, member)
        robbed = np.flatnonzero(scenario == Scenario.GHOST_DELIVERY)
        home = people.work.route_class[self._rings.driver[ring[robbed]]]
        size_of = people.first_resident[home + 1] - people.first_resident[home]
        nth = people.first_resident[home] + (rng.random(len(robbed)) * size_of).astype(np.int64)
        resident = people.residents[np.minimum(nth, len(people.residents) - 1)]
        customer[robbed] = np.where(size_of > 0, resident, customer[robbed])
        return customer

    def _addresses(self, rng: np.random.Generator, scenario: Ints, ring: Ints, customer: Ints) -> Ints:
        """Home, or a place of the ring's; parcels sent on go to such a place, mostly."""
        rings, size = self._rings, len(scenario)
        chance = np.zeros(len(Scenario))
        chance[[Scenario.ACCOUNT_HOPPING, Scenario.AGENT_COLLUSION, Scenario.ADDRESS_REDIRECT]] = [0.7, 0.4, 0.95]
        chance[[Scenario.NOT_RECEIVED_FRAUD, Scenario.EMPTY_BOX]] = [0.15, 0.25]
        place = rings.addresses[ring, rng.integers(0, rings.addresses.shape[1], size)]
        return np.where(rng.random(size) < chance[scenario], place, ordered_to(rng, self._people.customers, customer))

    def _devices(self, rng: np.random.Generator, scenario: Ints, ring: Ints, customer: Ints) -> Ints:
        """One's own, now and then anybody's; members of rings lend each other theirs."""
        rings, customers, size = self._rings, self._people.customers, len(scenario)
        chance = np.zeros(len(Scenario))
        chance[[Scenario.ACCOUNT_HOPPING, Scenario.AGENT_COLLUSION, Scenario.ADDRESS_REDIRECT]] = [0.65, 0.4, 0.7]
        chance[[Scenario.NOT_RECEIVED_FRAUD, Scenario.EMPTY_BOX]] = [0.1, 0.3]
        draw = rng.random(size)
        is_strange = rng.random(size) < _STRANGE_DEVICE
        own = np.where(is_strange, rng.integers(0, customers.count, size), customers.device[customer])
        own = np.where(rng.random(size) < _NO_DEVICE, -1, own)
        lent = rings.devices[ring, rng.integers(0, rings.devices.shape[1], size)]
        return np.where(draw < chance[scenario], lent, own)

    def _agents(self, rng: np.random.Generator, scenario: Ints, ring: Ints, regime: Regime) -> tuple[Ints, Ints]:
        """Who enters it and by which channel; nobody in self-service."""
        size = len(scenario)
        alone = rng.random(size) < _SELF_SERVICE + regime.self_service
        colludes = scenario == Scenario.AGENT_COLLUSION
        alone &= ~colludes
        agent = rng.integers(0, self._people.work.agents, size)
        agent = np.where(colludes, self._rings.agent[ring], agent)
        channel = np.where(alone, rng.integers(0, 2, size), rng.choice([2, 3, 4], size, p=[0.4, 0.4, 0.2]))
        return np.where(alone, -1, agent), channel

    def _goods(self, rng: np.random.Generator, scenario: Ints, regime: Regime) -> tuple[Ints, Ints]:
        size = len(scenario)
        category, goods = draw_goods(rng, size, regime.inflation)
        wanted, worth = draw_goods(rng, size, regime.inflation, resold=True)
        greedy = (scenario != Scenario.HONEST) & (rng.random(size) < _FAVOURITE_GOODS)
        return np.where(greedy, wanted, category), np.where(greedy, worth, goods)

    def _granted(self, rng: np.random.Generator, scenario: Ints, problem: Ints, agent: Ints) -> tuple[Floats, Floats]:
        """Which share of the goods it is about, and which share of their value is to be granted."""
        size = len(scenario)
        chance = np.select([problem == UNWANTED, problem == INCOMPLETE], [_PARTLY_UNWANTED, _PARTLY_MISSING], 0.0)
        chance = np.where(scenario == Scenario.EMPTY_BOX, chance * _PARTLY_EMPTY, chance)
        some = rng.random(size) < chance
        partial = np.where(some, rng.uniform(0.2, 0.85, size), 1.0)
        eased = np.select(
            [problem == LATE, problem == DAMAGED], [rng.uniform(0.05, 0.2, size), rng.uniform(0.3, 1.0, size)], 1.0
        )
        eased = np.where(scenario == Scenario.AGENT_COLLUSION, np.maximum(eased, rng.uniform(0.3, 1.0, size)), eased)
        generous = np.where(agent < 0, 1.0, self._people.work.generous[agent])
        return partial, np.minimum(partial * eased * np.where(eased < 1, generous, 1.0), 1.0)


def _kinds(rng: np.random.Generator, scenario: Ints, problem: Ints) -> Ints:
    edges = _KIND_SHARES[problem].cumsum(axis=1)
    kind = (rng.random(len(problem))[:, None] > edges).sum(axis=1).clip(max=len(KINDS) - 1)
    prefers = np.isin(scenario, [Scenario.AGENT_COLLUSION, Scenario.ACCOUNT_HOPPING])
    prefers &= rng.random(len(problem)) < _PREFERS_CREDIT
    return np.where(prefers, KINDS.index("credit"), kind)


def _time_of_day(rng: np.random.Generator, scenario: Ints) -> Ints:
    """Microseconds since midnight, by a rhythm; agents who collude prefer quiet hours a little."""
    size = len(scenario)
    hour = rng.choice(24, size, p=_HOURS / _HOURS.sum()) + rng.random(size)
    quiet = (scenario == Scenario.AGENT_COLLUSION) & (rng.random(size) < _QUIET_HOURS)
    return (np.where(quiet, (hour + 9) % 24, hour) * HOUR).astype(np.int64)
