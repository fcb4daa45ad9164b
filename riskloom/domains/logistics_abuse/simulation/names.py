"""Identifiers that do not tell when or why something came up: numbers are dealt before they are written."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from riskloom.domains.logistics_abuse.simulation.population import ROUTE_TYPES, SHIFTS, Ints, Population
from riskloom.ingest.arrays import choices, identifiers
from riskloom.ingest.simulation import SimulationPlan

_STRIDE = 387_420_489  # 3^18: prime to ten, so multiples of it are different modulo each power of ten
_SSCC_START = 3_401_234_5  # extension digit and GS1 company prefix; nine digits of serial number follow
_SERIALS = 10**9


@dataclass(frozen=True, slots=True)
class Names:
    """Deals the numbers of a plan's population."""

    customer: Ints
    address: Ints
    device: Ints
    associate: Ints
    driver: Ints
    agent: Ints
    shift_class: Ints  # by associate
    route_class: Ints  # by driver

    def customers(self, who: Ints) -> pa.Array:
        """Customers as text."""
        return _named("c", self.customer, who)

    def addresses(self, where: Ints) -> pa.Array:
        """Addresses as text."""
        return _named("a", self.address, where)

    def devices(self, which: Ints) -> pa.Array:
        """Devices as text, null where none is known."""
        return _named("d", self.device, which)

    def associates(self, who: Ints) -> pa.Array:
        """Associates as text."""
        return _named("as", self.associate, who)

    def drivers(self, who: Ints) -> pa.Array:
        """Drivers as text, null where there was none."""
        return _named("dr", self.driver, who)

    def agents(self, who: Ints) -> pa.Array:
        """Agents as text, null where there was none."""
        return _named("ag", self.agent, who)

    def sites(self, associate: Ints) -> pa.Array:
        """The warehouses of associates."""
        return identifiers("wh", self.shift_class[associate] // len(SHIFTS))

    def shifts(self, associate: Ints) -> pa.Array:
        """The shifts of associates."""
        return choices(SHIFTS, self.shift_class[associate] % len(SHIFTS))

    def shift_classes(self, associate: Ints) -> pa.Array:
        """Warehouse and shift of associates."""
        return pc.binary_join_element_wise(self.sites(associate), self.shifts(associate), "/")

    def depots(self, driver: Ints) -> pa.Array:
        """The depots of drivers, null where there was none."""
        return identifiers("dp", np.where(driver < 0, -1, self.route_class[driver] // len(ROUTE_TYPES)))

    def route_types(self, driver: Ints) -> pa.Array:
        """The kinds of route drivers drive, null where there was none."""
        return choices(ROUTE_TYPES, np.where(driver < 0, -1, self.route_class[driver] % len(ROUTE_TYPES)))

    def route_classes(self, driver: Ints) -> pa.Array:
        """Depot and kind of route of drivers, null where there was none."""
        return pc.binary_join_element_wise(self.depots(driver), self.route_types(driver), "/")


def deal_names(plan: SimulationPlan, people: Population) -> Names:
    """Names of everybody in the population."""
    rng, work = plan.rng("names"), people.work
    return Names(
        customer=rng.permutation(people.customers.count),
        address=rng.permutation(people.addresses.count),
        device=rng.permutation(people.customers.count),
        associate=rng.permutation(len(work.shift_class)),
        driver=rng.permutation(len(work.route_class)),
        agent=rng.permutation(work.agents),
        shift_class=work.shift_class,
        route_class=work.route_class,
    )


def dealt(prefix: str, numbers: Ints, *, width: int) -> pa.Array:
    """Running numbers as text in no order; below ten to the ``width`` (at most 10) each has a text of its own."""
    return identifiers(prefix, np.where(numbers < 0, -1, numbers * _STRIDE % 10**width), width=width)


def sscc(numbers: Ints) -> pa.Array:
    """Serial Shipping Container Codes of 18 digits with their check digit (GS1 General Specifications, 7.9)."""
    serial = numbers * _STRIDE % _SERIALS
    digits = _SSCC_START * _SERIALS + serial
    total = np.zeros(len(numbers), dtype=np.int64)
    rest = digits
    for place in range(17):
        total += rest % 10 * (3 if place % 2 == 0 else 1)
        rest = rest // 10
    return pc.cast(pa.array(digits * 10 + -total % 10), pa.string())


def _named(prefix: str, dealt_numbers: Ints, which: Ints) -> pa.Array:
    return identifiers(prefix, np.where(which < 0, -1, dealt_numbers[which]))
