"""Who and where: customers, addresses and devices; warehouses with associates, depots with drivers, agents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskloom.ingest.simulation import SimulationPlan

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

PARCELS_A_CLAIM = 6  # parcels sent for each concession requested
ROUTE_TYPES = ("urban", "suburban", "rural", "locker")
SHIFTS = ("early", "late", "night")
CATEGORIES = ("clothing", "shoes", "home", "toys", "beauty", "books", "electronics", "jewellery")

#: By category: median value in cents, spread of its logarithm, median weight in grams, share in what is sold.
_CATEGORY_VALUE = np.array([4500, 7000, 5500, 3500, 3000, 2200, 16000, 14000])
_CATEGORY_SPREAD = np.array([0.6, 0.5, 0.8, 0.6, 0.6, 0.5, 0.9, 0.9])
_CATEGORY_GRAMS = np.array([700, 1200, 2600, 1100, 500, 800, 1500, 250])
_CATEGORY_SHARE = np.array([0.34, 0.17, 0.13, 0.09, 0.09, 0.07, 0.08, 0.03])
_RESOLD = np.array([1.0, 1.6, 0.6, 0.8, 1.2, 0.2, 5.0, 4.5])  # how much likelier thieves take them

_DAYS_BETWEEN_ORDERS = 10
_ROUTE_SHARES = (0.42, 0.36, 0.14, 0.08)
_STOLEN_FROM_DOOR = (1.6, 0.8, 0.4, 0.05)  # by kind of route
_SHARED_HOMES = 0.16  # share of customers at an address with many names: halls, offices, blocks with a concierge
_PEOPLE_A_SHARED_HOME = 12
_AT_WORK = 0.5  # share of customers whose other address has many names
_ELSEWHERE = 0.12  # share of parcels that go there
_FAMILIES = 0.12  # share of customers who use somebody else's device
_NEWCOMERS = 0.25  # accounts beyond the customers there are, opened while we watch


@dataclass(frozen=True, slots=True)
class Customers:
    """Customers by index; the last ``newcomers`` have ordered nothing before."""

    count: int
    newcomers: int
    address: Ints
    elsewhere: Ints  # another address that is ordered to: work, parents, presents
    device: Ints
    orders: Floats  # cumulative chances to be the one who orders
    claims: Floats  # cumulative chances to be the one who claims
    losses: Floats  # the same for parcels that vanish from the door

    @property
    def settled(self) -> int:
        """How many were there from the start."""
        return self.count - self.newcomers


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses by index: the route class that serves each, and how likely a parcel before the door is stolen."""

    count: int
    route_class: Ints
    theft: Floats


@dataclass(frozen=True, slots=True)
class Workforce:
    """
    Those who handle parcels and concessions, in classes of peers.

    A shift class is warehouse times shift, a route class depot times kind of route; members follow each other.
    """

    sites: int
    depots: int
    shift_class: Ints  # by associate
    first_associate: Ints  # by shift class, and one more
    corrects: Floats  # by associate, factor on corrections of the stock
    route_class: Ints  # by driver
    first_driver: Ints  # by route class, and one more
    careless: Floats  # by driver, factor on hand-overs without proof
    agents: int
    generous: Floats  # by agent, factor on what is granted


@dataclass(frozen=True, slots=True)
class Population:
    """All that is drawn once for a plan."""

    customers: Customers
    addresses: Addresses
    work: Workforce
    residents: Ints  # customers in the order of their route class
    first_resident: Ints  # by route class, and one more


def draw_population(plan: SimulationPlan) -> Population:
    """Draw a population that fits the plan's number of concessions a day."""
    a_day = plan.events / plan.days
    settled = max(int(a_day * PARCELS_A_CLAIM * _DAYS_BETWEEN_ORDERS), 240)
    work = _draw_workforce(plan.rng("workforce"), a_day, settled)
    customers, addresses = _draw_customers(plan.rng("customers"), settled, work.depots)
    home = addresses.route_class[customers.address[: customers.settled]]
    residents = np.argsort(home, kind="stable")
    first = np.searchsorted(home[residents], np.arange(len(work.first_driver)))
    return Population(customers, addresses, work, residents, first)


def draw_goods(rng: np.random.Generator, count: int, inflation: float, *, resold: bool = False) -> tuple[Ints, Ints]:
    """Category and value in cents of so many parcels; ``resold`` prefers what is easily sold again."""
    share = _CATEGORY_SHARE * (_RESOLD if resold else 1.0)
    category = rng.choice(len(CATEGORIES), count, p=share / share.sum())
    value = _CATEGORY_VALUE[category] * rng.lognormal(0, 1, count) ** _CATEGORY_SPREAD[category] * inflation
    return category, np.clip(value, 300, 400_000).astype(np.int64)


def draw_weight(rng: np.random.Generator, category: Ints) -> Ints:
    """What the catalogue expects parcels of these categories to weigh, in grams."""
    return (_CATEGORY_GRAMS[category] * rng.lognormal(0, 0.45, len(category)) + 80).astype(np.int64)


def _draw_workforce(rng: np.random.Generator, a_day: float, settled: int) -> Workforce:
    sites = int(np.clip(settled // 12_000, 2, 24))
    depots = int(np.clip(settled // 4_000, 3, 90))
    parcels = a_day * PARCELS_A_CLAIM
    associates = max(int(parcels / 45), sites * len(SHIFTS) * 3)
    drivers = max(int(parcels / 45), depots * len(ROUTE_TYPES) * 2)
    shift_class = np.sort(rng.integers(0, sites * len(SHIFTS), associates))
    shift_class[: sites * len(SHIFTS)] = np.arange(sites * len(SHIFTS))
    kind = rng.choice(len(ROUTE_TYPES), drivers, p=_ROUTE_SHARES)
    route_class = rng.integers(0, depots, drivers) * len(ROUTE_TYPES) + kind
    route_class[: depots * len(ROUTE_TYPES)] = np.arange(depots * len(ROUTE_TYPES))
    shift_class, route_class = np.sort(shift_class), np.sort(route_class)
    agents = max(int(a_day / 20), 8)
    return Workforce(
        sites=sites,
        depots=depots,
        shift_class=shift_class,
        first_associate=np.searchsorted(shift_class, np.arange(sites * len(SHIFTS) + 1)),
        route_class=route_class,
        first_driver=np.searchsorted(route_class, np.arange(depots * len(ROUTE_TYPES) + 1)),
        careless=rng.lognormal(0, 0.5, drivers),
        agents=agents,
        generous=rng.lognormal(0, 0.2, agents),
        corrects=rng.lognormal(-0.3, 0.8, associates),
    )


def _draw_customers(rng: np.random.Generator, settled: int, depots: int) -> tuple[Customers, Addresses]:
    """Customers and where they live; the addresses with many names are the last ones."""
    newcomers = max(int(settled * _NEWCOMERS), 60)
    count = settled + newcomers
    shared = max(int(settled * _SHARED_HOMES / _PEOPLE_A_SHARED_HOME), 3)
    crowd = (rng.pareto(1.5, shared) + 0.3).cumsum()
    many = np.searchsorted(crowd, rng.random(count) * crowd[-1])
    address = np.where(rng.random(count) < _SHARED_HOMES, count + many, np.arange(count))
    device = np.where(rng.random(count) < _FAMILIES, rng.integers(0, count, count), np.arange(count))
    addresses = _draw_addresses(rng, count + shared, depots)
    elsewhere = np.where(rng.random(count) < _AT_WORK, count + many, rng.integers(0, count, count))
    orders = rng.gamma(1.5, 1.0, count) + 0.05
    orders[settled:] *= 0.15
    claims = orders * rng.lognormal(0, 0.7, count)
    losses = orders * addresses.theft[address]
    customers = Customers(
        count=count,
        newcomers=newcomers,
        address=address,
        elsewhere=elsewhere,
        device=device,
        orders=_chances(orders),
        claims=_chances(claims),
        losses=_chances(losses),
    )
    return customers, addresses


def _draw_addresses(rng: np.random.Generator, count: int, depots: int) -> Addresses:
    kind = rng.choice(len(ROUTE_TYPES), count, p=_ROUTE_SHARES)
    theft = rng.lognormal(0, 0.9, count) * np.array(_STOLEN_FROM_DOOR)[kind]
    return Addresses(count, rng.integers(0, depots, count) * len(ROUTE_TYPES) + kind, theft)


def _chances(weight: Floats) -> Floats:
    chances: Floats = weight.cumsum() / weight.sum()
    return chances


def ordered_to(rng: np.random.Generator, customers: Customers, who: Ints) -> Ints:
    """Where parcels of these customers go: home, or elsewhere."""
    return np.where(rng.random(len(who)) < _ELSEWHERE, customers.elsewhere[who], customers.address[who])


def pick(rng: np.random.Generator, chances: Floats, count: int) -> Ints:
    """So many indices, drawn by cumulative chances."""
    return np.searchsorted(chances, rng.random(count)).clip(max=len(chances) - 1)


def member_of(rng: np.random.Generator, first: Ints, classes: Ints) -> Ints:
    """A random member of each class, where members follow each other from ``first`` on; -1 for an empty one."""
    size = first[classes + 1] - first[classes]
    return np.where(size > 0, first[classes] + (rng.random(len(classes)) * size).astype(np.int64), -1)
