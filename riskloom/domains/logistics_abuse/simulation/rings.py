"""Who abuses: rings with people, addresses and devices of their own, and the concessions behind which they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from riskloom.domains.logistics_abuse.simulation.population import Bools, Ints, Population
from riskloom.domains.logistics_abuse.simulation.regime import DRIFTED, USUAL, Regime, Scenario
from riskloom.ingest.arrays import Columns
from riskloom.ingest.simulation import DAY, SimulationPlan, Stretch, stretches

MEMBERS = 8  # places for customers of a ring; a smaller ring has each of its customers more than once
_ADDRESSES, _DEVICES, _ASSOCIATES = 3, 4, 2
_ACTIVE_DAYS = (12.0, 45.0)
_OPENED = 0.8  # share of new accounts where there are any; the others were bought
_SIDELINE = 0.25  # share of a ring's concessions that come about in another way than its main one

#: Concessions of a ring in the mean, and how many customers it works with.
_SIZE = {
    Scenario.INTERNAL_THEFT: (48.0, 3),
    Scenario.GHOST_DELIVERY: (36.0, 3),
    Scenario.NOT_RECEIVED_FRAUD: (3.0, 1),
    Scenario.ACCOUNT_HOPPING: (9.0, 6),
    Scenario.EMPTY_BOX: (4.0, 2),
    Scenario.AGENT_COLLUSION: (10.0, 4),
    Scenario.ADDRESS_REDIRECT: (7.0, 3),
}
_BY_CUSTOMERS = (
    Scenario.NOT_RECEIVED_FRAUD,
    Scenario.ACCOUNT_HOPPING,
    Scenario.EMPTY_BOX,
    Scenario.ADDRESS_REDIRECT,
)
_NEW_ACCOUNTS = (Scenario.ACCOUNT_HOPPING, Scenario.ADDRESS_REDIRECT)


@dataclass(frozen=True, slots=True)
class Rings(Columns):
    """Rings by index: what they mainly do, from when to when (µs), and what their members share across the systems."""

    scenario: Ints
    begin: Ints
    end: Ints
    customers: Ints  # (n, MEMBERS)
    addresses: Ints  # (n, 3)
    devices: Ints  # (n, 4)
    associates: Ints  # (n, 2), of one shift class
    driver: Ints
    agent: Ints


@dataclass(frozen=True, slots=True)
class Planned(Columns):
    """Concessions that rings will request, by time; ``day`` counts from the plan's first."""

    day: Ints
    scenario: Ints
    ring: Ints

    def of_day(self, day: int, most: int) -> Planned:
        """Those of one day, ``most`` at most."""
        first, last = np.searchsorted(self.day, [day, day + 1])
        return self.take(slice(first, min(last, first + most)))


def plan_rings(plan: SimulationPlan, people: Population) -> tuple[Rings, Planned]:
    """All rings of the plan and what they will request."""
    rings: list[Rings] = []
    planned: list[Planned] = []
    offset = 0
    for stretch in stretches(plan, USUAL, DRIFTED):
        for scenario, size in _SIZE.items():
            wanted = plan.events * stretch.days / plan.days * stretch.regime.abuse * stretch.regime.mix[scenario]
            rng = plan.rng(scenario.name, stretch.first)
            part = _draw_rings(rng, plan, stretch, people, scenario, max(round(wanted / size[0]), 1))
            rings.append(part)
            planned.append(_draw_requests(rng, plan, stretch, part, scenario, round(wanted), offset))
            offset += len(part.begin)
    requests = Planned.joined(planned)
    return Rings.joined(rings), requests.take(np.argsort(requests.day, kind="stable"))


def _draw_rings(
    rng: np.random.Generator,
    plan: SimulationPlan,
    stretch: Stretch[Regime],
    people: Population,
    scenario: Scenario,
    count: int,
) -> Rings:
    customers, work = people.customers, people.work
    members = _SIZE[scenario][1]
    crew = rng.integers(0, customers.settled, (count, members))
    if scenario in _NEW_ACCOUNTS:
        crew = np.where(
            rng.random(crew.shape) < _OPENED,
            customers.settled + rng.integers(0, customers.newcomers, crew.shape),
            crew,
        )
    crew = crew[:, np.arange(MEMBERS) % members]
    # Rings live and order somewhere: at their first members', and at one more place.
    addresses = customers.address[crew[:, :_ADDRESSES]]
    addresses[:, -1] = rng.integers(0, people.addresses.count, count)
    devices = customers.device[crew[:, :_DEVICES]]
    devices[:, -1] = rng.integers(0, customers.count, count)
    shift = work.shift_class[rng.integers(0, len(work.shift_class), count)]
    size = work.first_associate[shift + 1] - work.first_associate[shift]
    nth = (rng.random((count, _ASSOCIATES)) * size[:, None]).astype(np.int64)
    begin = plan.start_us + ((stretch.first + rng.uniform(-0.2, 0.9, count) * stretch.days) * DAY).astype(np.int64)
    return Rings(
        scenario=np.full(count, int(scenario)),
        begin=begin,
        end=begin + (rng.uniform(*_ACTIVE_DAYS, count) * DAY).astype(np.int64),
        customers=crew,
        addresses=addresses,
        devices=devices,
        associates=work.first_associate[shift][:, None] + nth,
        driver=rng.integers(0, len(work.route_class), count),
        agent=rng.integers(0, work.agents, count),
    )


def _draw_requests(
    rng: np.random.Generator,
    plan: SimulationPlan,
    stretch: Stretch[Regime],
    rings: Rings,
    scenario: Scenario,
    wanted: int,
    offset: int,
) -> Planned:
    """So many requests, on days on which their ring is active within the stretch."""
    first = np.maximum((rings.begin - plan.start_us) / DAY, stretch.first)
    last = np.minimum((rings.end - plan.start_us) / DAY, stretch.last)
    weight = np.maximum(last - first, 0.01) * rng.gamma(2.0, 0.5, len(first))
    ring = np.searchsorted(weight.cumsum() / weight.sum(), rng.random(wanted)).clip(max=len(first) - 1)
    day = np.floor(first[ring] + rng.random(wanted) * (last - first)[ring]).astype(np.int64)
    others = np.array([int(one) for one in _BY_CUSTOMERS])
    is_sideline = (rng.random(wanted) < _SIDELINE) & (scenario != Scenario.NOT_RECEIVED_FRAUD)
    how = np.where(is_sideline, others[rng.integers(0, len(others), wanted)], int(scenario))
    return Planned(np.clip(day, stretch.first, stretch.last - 1), how, offset + ring)


def active(rings: Rings, scenario: Scenario, at: int) -> Bools:
    """Which rings of a scenario are at work at an instant."""
    found: Bools = (rings.scenario == int(scenario)) & (rings.begin <= at) & (at < rings.end)
    return found
