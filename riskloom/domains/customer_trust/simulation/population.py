"""Who pays where: customers with habits, terminals with categories, devices; drawn once for a plan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskloom.ingest.simulation import DAY, SimulationPlan

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

SEGMENTS = ("personal", "student", "premium", "business")
COUNTRIES = ("US", "CA", "MX", "GB", "DE")
KINDS = ("phone", "tablet", "desktop")
STREET = ("grocery", "fuel", "restaurant", "pharmacy", "clothing", "transport", "electronics", "travel")
ONLINE = ("marketplace", "fashion", "digital_goods", "electronics", "travel", "gift_cards")
CATEGORIES = tuple(dict.fromkeys(STREET + ONLINE))

#: How far a category's amounts lie from a customer's usual amount, in logarithms.
_CATEGORY_SHIFT = {"fuel": 0.2, "restaurant": -0.1, "clothing": 0.4, "transport": -1.2, "electronics": 1.0}
_CATEGORY_SHIFT |= {"travel": 1.2, "fashion": 0.4, "digital_goods": -0.9, "gift_cards": 0.3}
CATEGORY_SHIFT = np.array([_CATEGORY_SHIFT.get(name, 0.0) for name in CATEGORIES])

_STREET_SHARES = (0.28, 0.12, 0.22, 0.08, 0.12, 0.12, 0.04, 0.02)
_ONLINE_SHARES = (0.34, 0.2, 0.2, 0.12, 0.08, 0.06)
_SEGMENT_SHARES = (0.68, 0.16, 0.1, 0.06)
_SEGMENT_SHIFT = np.array([0.0, -0.45, 0.45, 0.6])
_PAYMENTS_A_DAY = 1.3  # of a customer, in the mean
_COUNTRY_EDGES = np.array([78.0, 86.0, 92.0, 96.0])  # on the map's 100 units, west to east
HOURS_FROM_UTC = np.array([-6, -5, -6, 0, 1])
STREET_CHOICES = 16  # terminals a customer usually goes to
_ONLINE_CHOICES = 8
_NEAR = 40  # terminals on either side of the customer's own corner that are looked at


@dataclass(frozen=True, slots=True)
class Terminals:
    """Terminals by index: first those in streets, ordered so that neighbours stand near each other, then web shops."""

    streets: int
    merchant: Ints
    category: Ints
    country: Ints
    x: Floats
    y: Floats
    popularity: Floats  # of the web shops, sums to 1

    @property
    def count(self) -> int:
        """Terminals and web shops together."""
        return len(self.merchant)


@dataclass(frozen=True, slots=True)
class Customers:
    """Customers by index, with what is usual for each."""

    segment: Ints
    country: Ints
    rate: Floats  # payments a day
    weekend: Floats  # factor on the rate
    amount_mean: Floats  # of the logarithm
    amount_spread: Floats
    online: Floats  # share of payments
    chronotype: Floats  # hours later than most
    forgetful: Floats  # chance to mistype a password
    haunts: Ints  # (n, STREET_CHOICES) terminals, the favourite first
    shops: Ints  # (n, _ONLINE_CHOICES) web shops
    registered: Ints  # µs

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.segment)


@dataclass(frozen=True, slots=True)
class Devices:
    """Devices bound to customers by index, those of one customer in a row, the first bound at registration."""

    customer: Ints
    kind: Ints
    bound: Ints  # µs
    first: Ints  # by customer
    owned: Ints  # by customer


@dataclass(frozen=True, slots=True)
class Population:
    """All that is drawn once for a plan."""

    customers: Customers
    terminals: Terminals
    devices: Devices


def draw_population(plan: SimulationPlan) -> Population:
    """Draw customers, terminals and devices to fit the plan's number of payments a day."""
    count = max(int(plan.events / plan.days / _PAYMENTS_A_DAY), 60)
    terminals = _draw_terminals(plan.rng("terminals"), streets=max(count // 2, 48), shops=max(count // 20, 16))
    customers = _draw_customers(plan, terminals, count)
    return Population(customers, terminals, _draw_devices(plan, customers))


def _draw_terminals(rng: np.random.Generator, *, streets: int, shops: int) -> Terminals:
    towns = rng.uniform(3, 97, (max(streets // 400, 6), 2))
    place = towns[rng.integers(0, len(towns), streets)] + rng.normal(0, 3.0, (streets, 2))
    place = np.clip(place, 0, 99.99)
    place = place[np.argsort(_along_curve(place), kind="stable")]
    country = np.searchsorted(_COUNTRY_EDGES, place[:, 0], side="right")
    street = np.array([CATEGORIES.index(name) for name in STREET])[_pick(rng, _STREET_SHARES, streets)]
    online = np.array([CATEGORIES.index(name) for name in ONLINE])[_pick(rng, _ONLINE_SHARES, shops)]
    popularity = rng.pareto(1.2, shops) + 0.2
    owners = rng.integers(0, max(streets // 2, 1), streets)
    return Terminals(
        streets=streets,
        merchant=np.concatenate([owners, streets + np.arange(shops)]),
        category=np.concatenate([street, online]),
        country=np.concatenate([country, rng.choice(len(COUNTRIES), shops, p=[0.8, 0.05, 0.02, 0.08, 0.05])]),
        x=place[:, 0],
        y=place[:, 1],
        popularity=popularity / popularity.sum(),
    )


def _draw_customers(plan: SimulationPlan, terminals: Terminals, count: int) -> Customers:
    rng = plan.rng("customers")
    segment = _pick(rng, _SEGMENT_SHARES, count)
    corner = rng.integers(0, terminals.streets, count)
    return Customers(
        segment=segment,
        country=terminals.country[corner],
        rate=rng.gamma(2.0, 0.5, count) + 0.05,
        weekend=rng.lognormal(0.05, 0.3, count),
        amount_mean=rng.normal(3.1, 0.55, count) + _SEGMENT_SHIFT[segment],
        amount_spread=rng.uniform(0.45, 0.85, count),
        online=rng.beta(1.6, 3.6, count),
        chronotype=rng.normal(0, 1.5, count),
        forgetful=rng.beta(1.2, 8.0, count),
        haunts=_nearest(rng, terminals, corner),
        shops=terminals.streets
        + rng.choice(len(terminals.popularity), (count, _ONLINE_CHOICES), p=terminals.popularity),
        registered=plan.start_us - rng.integers(DAY, 900 * DAY, count),
    )


def _nearest(rng: np.random.Generator, terminals: Terminals, corner: Ints) -> Ints:
    """For each customer the terminals nearest to a home beside ``corner``, nearest first, among those around it."""
    around = (corner[:, None] + np.arange(-_NEAR, _NEAR)) % terminals.streets
    home_x = terminals.x[corner] + rng.normal(0, 0.8, len(corner))
    home_y = terminals.y[corner] + rng.normal(0, 0.8, len(corner))
    far = (terminals.x[around] - home_x[:, None]) ** 2 + (terminals.y[around] - home_y[:, None]) ** 2
    far *= rng.lognormal(0, 0.5, far.shape)  # the nearest is not always the favourite
    order = np.argsort(far, axis=1, kind="stable")[:, :STREET_CHOICES]
    return np.take_along_axis(around, order, axis=1)


def _draw_devices(plan: SimulationPlan, customers: Customers) -> Devices:
    rng = plan.rng("devices")
    owned = 1 + rng.binomial(3, 0.35, customers.count)
    customer = np.repeat(np.arange(customers.count), owned)
    first = np.cumsum(owned) - owned
    since = customers.registered[customer]
    bound = since + (rng.random(len(customer)) * (plan.end_us - since)).astype(np.int64)
    bound[first] = customers.registered
    return Devices(customer, _pick(rng, (0.68, 0.1, 0.22), len(customer)), bound, first, owned)


def _along_curve(place: Floats) -> Ints:
    """Position along a Z-order curve: near on it is near on the map."""
    cells = (place * (1 << 10) / 100).astype(np.int64)
    code = np.zeros(len(place), dtype=np.int64)
    for bit in range(10):
        code |= ((cells[:, 0] >> bit) & 1) << (2 * bit)
        code |= ((cells[:, 1] >> bit) & 1) << (2 * bit + 1)
    return code


def _pick(rng: np.random.Generator, shares: tuple[float, ...], count: int) -> Ints:
    return rng.choice(len(shares), count, p=np.array(shares) / sum(shares)).astype(np.int64)
