"""
A made-up history of parcels and the concessions asked for them: several kinds of abuse among honest bad luck.

Everything is drawn in whole days with NumPy; each stream of random numbers is seeded by the plan, a name and the day.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from riskloom.domains.logistics_abuse.simulation.claims import ClaimDays
from riskloom.domains.logistics_abuse.simulation.desk import draw_adjustments, draw_contacts, draw_returns
from riskloom.domains.logistics_abuse.simulation.findings import Cases, cases_of_day, draw_findings
from riskloom.domains.logistics_abuse.simulation.names import deal_names
from riskloom.domains.logistics_abuse.simulation.population import (
    PARCELS_A_CLAIM,
    Ints,
    draw_goods,
    draw_population,
    ordered_to,
    pick,
)
from riskloom.domains.logistics_abuse.simulation.regime import DRIFTED, USUAL, Regime, is_busy
from riskloom.domains.logistics_abuse.simulation.rings import plan_rings
from riskloom.domains.logistics_abuse.simulation.rows import Rows
from riskloom.domains.logistics_abuse.simulation.scans import transport_scans, warehouse_scans
from riskloom.domains.logistics_abuse.simulation.way import WayDays, Ways, due_at
from riskloom.ingest.simulation import DAY, SimulationPlan, stretches

_BUSY = 1.45  # as many parcels in the busy season
_WEEK = np.array([1.18, 1.08, 1.02, 1.0, 1.02, 0.9, 0.8])  # concessions by weekday, Monday first


def simulate(plan: SimulationPlan) -> Iterator[tuple[str, pa.Table]]:
    """Yield (table, rows) in the contracts' columns, day by day; findings last."""
    world = _World(plan)
    for stretch in stretches(plan, USUAL, DRIFTED):
        for day in range(stretch.first, stretch.last):
            yield from world.day(day, stretch.regime)
    yield "service__investigations", world.findings()


class _World:
    """The drawn population and what has happened so far."""

    def __init__(self, plan: SimulationPlan) -> None:
        self._plan = plan
        self._people = draw_population(plan)
        self._rings, self._planned = plan_rings(plan, self._people)
        self._claims = ClaimDays(plan, self._people, self._rings)
        self._ways = WayDays(plan, self._people, self._rings)
        self._rows = Rows(plan, deal_names(plan, self._people))
        self._sizes = claims_a_day(plan)
        self._cases: list[Cases] = []

    def day(self, day: int, regime: Regime) -> Iterator[tuple[str, pa.Table]]:
        """Concessions of a day with the ways of their parcels, and the parcels handed over that nobody claims."""
        size = int(self._sizes[day])
        claims = self._claims.draw(day, size, self._planned.of_day(day, size), regime)
        order = np.argsort(claims.at, kind="stable")
        rng = self._plan.rng("ways", day)
        ways = Ways.joined([self._ways.of_claims(rng, claims, regime), self._unclaimed(rng, day, size, regime)])
        end = self._plan.end_us
        rows = self._rows.of_day(rng, ways)
        yield "warehouse__parcels", rows.parcels()
        yield "warehouse__scans", rows.warehouse(warehouse_scans(rng, ways, end))
        carried = transport_scans(rng, ways, end)
        yield "transport__scans", rows.transport(carried)
        yield "transport__error_declarations", rows.declarations(carried)
        yield "transport__redirects", rows.redirects()
        busy = _BUSY if is_busy(day) else 1.0
        adjustments = draw_adjustments(self._plan, self._people, self._rings, day, busy)
        yield "warehouse__adjustments", rows.adjustments(adjustments)
        yield "warehouse__returns", rows.returns(draw_returns(rng, self._people, claims, ways))
        contacts = draw_contacts(rng, self._people, claims, ways, self._plan.start_us + day * DAY)
        yield "service__contacts", rows.contacts(contacts)
        number, observed, concessions = rows.concessions(claims, order)
        self._cases.append(cases_of_day(rng, number, observed, claims))
        yield "service__concessions", concessions

    def findings(self) -> pa.Table:
        """All statements about concessions asked for so far that arrive before the plan ends."""
        return self._rows.findings(draw_findings(self._plan, self._cases))

    def _unclaimed(self, rng: np.random.Generator, day: int, claims: int, regime: Regime) -> Ways:
        """Parcels handed over on a day for which nobody asks anything."""
        size = round(claims * (PARCELS_A_CLAIM - 1))
        customer = pick(rng, self._people.customers.orders, size)
        begin = self._plan.start_us + day * DAY
        due = due_at(rng, np.full(size, begin), np.full(size, begin + 2 * DAY))
        address = ordered_to(rng, self._people.customers, customer)
        return self._ways.usual(rng, customer, address, due, draw_goods(rng, size, regime.inflation), regime)


def claims_a_day(plan: SimulationPlan) -> Ints:
    """Concessions of each day, together exactly the plan's: fewer at the end of the week, more in the busy season."""
    weekday = (plan.start.weekday() + np.arange(plan.days)) % 7
    weight = _WEEK[weekday] * np.where([is_busy(day) for day in range(plan.days)], _BUSY, 1.0)
    return plan.rng("days").multinomial(plan.events, weight / weight.sum())
