"""One day of payments as people make them, with what looks odd and is not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskloom.domains.customer_trust.simulation.population import (
    CATEGORY_SHIFT,
    HOURS_FROM_UTC,
    STREET_CHOICES,
    Customers,
    Devices,
    Floats,
    Ints,
    Population,
)
from riskloom.domains.customer_trust.simulation.regime import Regime
from riskloom.ingest.arrays import Columns
from riskloom.ingest.simulation import DAY, SimulationPlan

HOUR = 3_600_000_000  # microseconds
MAX_CENTS = 2_000_000
_FIRST_WEEKEND_DAY = 5  # Monday is 0
_ELSEWHERE = 0.04  # share of payments at a terminal or shop the customer does not usually use
_LARGE = 0.012  # share of presents and other large purchases
_AT_LUNCH = 0.45  # share of payments around noon, the others in the evening
_ROUND_THE_CLOCK = 0.06  # share of payments at any hour
_HOLIDAYS_EVERY = 120  # days
_HOLIDAY_SHARE = 0.35  # of customers who travel in such a period
_NO_DEVICE, _STRANGE_DEVICE = 0.14, 0.05  # shares of online payments: as a guest; on a device not bound to the account
_HABIT = np.cumsum(1 / np.arange(1, STREET_CHOICES + 1)) / np.sum(1 / np.arange(1, STREET_CHOICES + 1))


@dataclass(frozen=True, slots=True)
class Payments(Columns):
    """Payments by index, in no particular order."""

    at: Ints  # µs
    customer: Ints
    terminal: Ints
    device: Ints  # -1: none
    online: NDArray[np.bool_]
    cents: Ints
    scenario: Ints


def together(parts: list[Payments]) -> Payments:
    """All payments of all parts, by time."""
    joined = Payments.joined(parts)
    return joined.take(np.argsort(joined.at, kind="stable"))


class HonestDays:
    """Draws honest days of a population."""

    def __init__(self, plan: SimulationPlan, people: Population, strange_devices: Ints) -> None:
        self._plan = plan
        self._people = people
        self._strange = strange_devices
        rates = people.customers.rate
        self._weekday = np.cumsum(rates) / rates.sum()
        weekend = rates * people.customers.weekend
        self._weekend = np.cumsum(weekend) / weekend.sum()

    def draw(self, day: int, count: int, regime: Regime) -> Payments:
        """``count`` payments of one day, scenario 0, in no particular order."""
        rng = self._plan.rng("honest", day)
        people, customers = self._people, self._people.customers
        chances = self._weekend if _weekday(self._plan, day) >= _FIRST_WEEKEND_DAY else self._weekday
        customer = np.searchsorted(chances, rng.random(count)).clip(max=customers.count - 1)
        away = self._away(day)[customer]
        online = rng.random(count) < customers.online[customer] + regime.online_shift
        terminal = np.where(online, self._shops(rng, customer), self._streets(rng, customer, away))
        at = self._plan.start_us + day * DAY + time_of_day(rng, customers, customer, regime)
        habit = usual_amount(rng, customers, customer, people.terminals.category[terminal])
        large = np.where(rng.random(count) < _LARGE, rng.uniform(3, 9, count), 1.0)
        return Payments(
            at=at,
            customer=customer,
            terminal=terminal,
            device=np.where(online, self._devices(rng, customer, at), -1),
            online=online,
            cents=to_cents(habit * large * np.where(away, 1.6, 1.0) * regime.inflation),
            scenario=np.zeros(count, dtype=np.int64),
        )

    def _streets(self, rng: np.random.Generator, customer: Ints, away: NDArray[np.bool_]) -> Ints:
        """A usual terminal; now and then, or on holiday, another: holidays keep to one corner of the map."""
        streets, count = self._people.terminals.streets, len(customer)
        usual = self._people.customers.haunts[customer, np.searchsorted(_HABIT, rng.random(count))]
        resort = (customer * 7_919 + rng.integers(0, 12, count)) % streets
        anywhere = rng.integers(0, streets, count)
        return np.where(away, resort, np.where(rng.random(count) < _ELSEWHERE, anywhere, usual))

    def _shops(self, rng: np.random.Generator, customer: Ints) -> Ints:
        terminals, shops = self._people.terminals, self._people.customers.shops
        usual = shops[customer, rng.integers(0, shops.shape[1], len(customer))]
        other = rng.choice(len(terminals.popularity), len(customer), p=terminals.popularity) + terminals.streets
        return np.where(rng.random(len(customer)) < 3 * _ELSEWHERE, other, usual)

    def _devices(self, rng: np.random.Generator, customer: Ints, at: Ints) -> Ints:
        device = own_device(rng, self._people.devices, customer, at)
        draw = rng.random(len(customer))
        device[draw < _NO_DEVICE + _STRANGE_DEVICE] = self._strange[rng.integers(0, len(self._strange), len(customer))][
            draw < _NO_DEVICE + _STRANGE_DEVICE
        ]
        device[draw < _NO_DEVICE] = -1
        return device

    def _away(self, day: int) -> NDArray[np.bool_]:
        """Who is on holiday that day."""
        period, day_of_period = divmod(day, _HOLIDAYS_EVERY)
        rng = self._plan.rng("holidays", period)
        count = self._people.customers.count
        travels = rng.random(count) < _HOLIDAY_SHARE
        first = rng.integers(0, _HOLIDAYS_EVERY - 16, count)
        return travels & (first <= day_of_period) & (day_of_period < first + rng.integers(4, 16, count))


def usual_amount(rng: np.random.Generator, customers: Customers, customer: Ints, category: Ints) -> Floats:
    """An amount as the customer pays it in such a shop, in currency units."""
    noise = rng.standard_normal(len(customer)) * customers.amount_spread[customer]
    amount: Floats = np.exp(customers.amount_mean[customer] + CATEGORY_SHIFT[category] + noise)
    return amount


def time_of_day(rng: np.random.Generator, customers: Customers, customer: Ints, regime: Regime) -> Ints:
    """Microseconds after midnight UTC: lunch and evening in local time, a few at any hour."""
    count = len(customer)
    peak = np.where(rng.random(count) < _AT_LUNCH, 12.5, 18.0)
    local = peak + rng.normal(0, 2.4, count) + customers.chronotype[customer] + regime.hour_shift
    local = np.where(rng.random(count) < _ROUND_THE_CLOCK, rng.uniform(0, 24, count), local)
    hour = (local - HOURS_FROM_UTC[customers.country[customer]]) % 24
    past_midnight: Ints = (hour * HOUR).astype(np.int64)
    return past_midnight.clip(max=DAY - 1)


def own_device(rng: np.random.Generator, devices: Devices, customer: Ints, at: Ints) -> Ints:
    """One of the customer's devices that is already bound at that time."""
    device = devices.first[customer] + (rng.random(len(customer)) * devices.owned[customer]).astype(np.int64)
    return np.where(devices.bound[device] < at, device, devices.first[customer])


def to_cents(amount: Floats) -> Ints:
    """Amounts in hundredths, from 0.50 up to the largest a card pays."""
    return np.clip(np.rint(amount * 100), 50, MAX_CENTS).astype(np.int64)


def _weekday(plan: SimulationPlan, day: int) -> int:
    return (plan.start.weekday() + day) % 7
