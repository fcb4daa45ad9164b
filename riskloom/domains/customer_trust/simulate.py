"""
A made-up history of card payments: several kinds of fraud among honest behaviour that often looks like it.

Everything is drawn in whole days with NumPy; each stream of random numbers is seeded by the plan, a name and the day.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from riskloom.domains.customer_trust.simulation.fraud import (
    Campaigns,
    Compromises,
    plan_campaigns,
    plan_compromises,
    turn_to_fraud,
)
from riskloom.domains.customer_trust.simulation.honest import HonestDays, Payments, together
from riskloom.domains.customer_trust.simulation.labels import (
    REASONS,
    Chargebacks,
    Suspects,
    draw_chargebacks,
    suspects_of_day,
)
from riskloom.domains.customer_trust.simulation.logins import Logins, draw_logins
from riskloom.domains.customer_trust.simulation.population import (
    CATEGORIES,
    COUNTRIES,
    KINDS,
    SEGMENTS,
    Ints,
    draw_population,
)
from riskloom.domains.customer_trust.simulation.regime import DRIFTED, USUAL, Regime
from riskloom.ingest.arrays import choices, identifiers, money, timestamps
from riskloom.ingest.simulation import DAY, SimulationPlan, stretches

PAYMENTS = "payments__transactions"
_CHANNELS = ("card_present", "online")
_CURRENCIES = ("USD",)
_SECOND = 1_000_000
_LATE = 0.01  # share of payments that an offline terminal sends hours later
_CHANGED = 0.02  # share of customers whose segment changes while we watch


def simulate(plan: SimulationPlan) -> Iterator[tuple[str, pa.Table]]:
    """Yield (table, rows) in the contracts' columns: customers, terminals and devices first, then day by day."""
    world = _World(plan)
    yield "accounts__customers", world.customers()
    yield "acquiring__terminals", world.terminals()
    yield "accounts__devices", world.devices()
    for stretch in stretches(plan, USUAL, DRIFTED):
        for day in range(stretch.first, stretch.last):
            yield PAYMENTS, world.payments(day, stretch.regime)
            yield "accounts__logins", world.logins(day, stretch.regime)
    yield "payments__chargebacks", world.chargebacks()


class _World:
    """The drawn population and what has happened so far."""

    def __init__(self, plan: SimulationPlan) -> None:
        self._plan = plan
        self._people = draw_population(plan)
        bound = len(self._people.devices.customer)
        # Devices that are bound to nobody: friends' phones, cleared browsers, and what fraudsters use.
        self._strange = bound + np.arange(max(self._people.customers.count // 3, 30))
        first = bound + len(self._strange)
        self._campaigns: Campaigns = plan_campaigns(plan, self._people, self._strange, first)
        self._compromises: Compromises = plan_compromises(plan, self._people, self._strange)
        self._honest = HonestDays(plan, self._people, self._strange)
        # Numbers are dealt at random, so that a device's number does not tell when or why it came up.
        self._device_number = plan.rng("device numbers").permutation(first + len(self._campaigns.takeovers.at))
        self._sizes = _sizes(plan)
        self._paid = self._logged_in = 0
        self._suspects: list[Suspects] = []

    def payments(self, day: int, regime: Regime) -> pa.Table:
        """All payments of one day, honest and not, by time."""
        size = int(self._sizes[day])
        planned = self._planned(day)[:size]
        honest = self._honest.draw(day, size - len(planned), regime)
        rng = self._plan.rng("mixture", day)
        count = self._people.terminals.count
        scenario = turn_to_fraud(rng, honest, regime, self._compromises, count)
        honest = Payments(
            honest.at, honest.customer, honest.terminal, honest.device, honest.online, honest.cents, scenario
        )
        payments = together([honest, self._campaigns.payments.take(planned)])
        number = self._paid + np.arange(size)
        observed = self._observed(rng, payments.at)
        self._paid += size
        self._suspects.append(suspects_of_day(rng, number, observed, payments.scenario, payments.online))
        return self._payment_rows(payments, number, observed)

    def logins(self, day: int, regime: Regime) -> pa.Table:
        """All attempts to log in of one day, by time."""
        takeovers = self._campaigns.takeovers
        logins = draw_logins(self._plan, self._people, regime, day, int(self._sizes[day]), takeovers)
        number = self._logged_in + np.arange(len(logins.at))
        self._logged_in += len(number)
        return self._login_rows(logins, number)

    def chargebacks(self) -> pa.Table:
        """All statements about payments made so far that arrive before the plan ends."""
        return _chargeback_rows(draw_chargebacks(self._plan, self._suspects))

    def customers(self) -> pa.Table:
        """Customers, and a second row for those whose segment changes."""
        people, rng = self._people.customers, self._plan.rng("customer changes")
        changed = np.flatnonzero(rng.random(people.count) < _CHANGED)
        when = self._plan.start_us + rng.integers(0, self._plan.days * DAY, len(changed))
        who = np.concatenate([np.arange(people.count), changed])
        segment = np.concatenate([people.segment, rng.integers(0, len(SEGMENTS), len(changed))])
        since = np.concatenate([people.registered, when])
        return _rows(
            customer_id=identifiers("c", who),
            segment=choices(SEGMENTS, segment),
            home_country=choices(COUNTRIES, people.country[who]),
            **self._times(since, rng),
        )

    def terminals(self) -> pa.Table:
        """Terminals and web shops, all known from before the first day."""
        terminals, rng = self._people.terminals, self._plan.rng("terminal times")
        since = self._plan.start_us - rng.integers(DAY, 900 * DAY, terminals.count)
        return _rows(
            terminal_id=identifiers("t", np.arange(terminals.count)),
            merchant_id=identifiers("m", terminals.merchant),
            category=choices(CATEGORIES, terminals.category),
            country=choices(COUNTRIES, terminals.country),
            **self._times(since, rng),
        )

    def devices(self) -> pa.Table:
        """Devices bound to accounts, by their owners and by those who took an account over; by time."""
        devices, taken, rng = self._people.devices, self._campaigns.takeovers, self._plan.rng("device times")
        known = np.flatnonzero(taken.at + 60 * _SECOND * 10 < self._plan.end_us)
        number = np.concatenate([np.arange(len(devices.customer)), taken.device[known]])
        customer = np.concatenate([devices.customer, taken.customer[known]])
        kind = np.concatenate([devices.kind, rng.integers(0, len(KINDS), len(known))])
        bound = np.concatenate([devices.bound, taken.at[known] + 60 * _SECOND * rng.integers(3, 9, len(known))])
        order = np.argsort(bound, kind="stable")
        return _rows(
            device_id=identifiers("d", self._device_number[number[order]]),
            customer_id=identifiers("c", customer[order]),
            kind=choices(KINDS, kind[order]),
            **self._times(bound[order], rng),
        )

    def _planned(self, day: int) -> Ints:
        """The rows of the campaigns' payments that fall on a day."""
        begin = self._plan.start_us + day * DAY
        first, last = np.searchsorted(self._campaigns.payments.at, [begin, begin + DAY])
        return np.arange(first, last)

    def _observed(self, rng: np.random.Generator, at: Ints) -> Ints:
        """When each event reaches us: after seconds, now and then hours; never after the plan's end."""
        lag = rng.lognormal(0.5, 0.6, len(at))
        lag = np.where(rng.random(len(at)) < _LATE, rng.uniform(60, 6 * 3600, len(at)), lag)
        return np.maximum(np.minimum(at + (lag * _SECOND).astype(np.int64), self._plan.end_us - 1), at)

    def _times(self, at: Ints, rng: np.random.Generator) -> dict[str, pa.Array]:
        return {"effective_at": timestamps(at), "observed_at": timestamps(self._observed(rng, at))}

    def _payment_rows(self, payments: Payments, number: Ints, observed: Ints) -> pa.Table:
        return _rows(
            transaction_id=identifiers("tx", number, width=10),
            customer_id=identifiers("c", payments.customer),
            terminal_id=identifiers("t", payments.terminal),
            device_id=self._device_ids(payments.device),
            channel=choices(_CHANNELS, payments.online.astype(np.int64)),
            amount=money(payments.cents),
            currency=choices(_CURRENCIES, np.zeros(len(number), dtype=np.int64)),
            effective_at=timestamps(payments.at),
            observed_at=timestamps(observed),
        )

    def _login_rows(self, logins: Logins, number: Ints) -> pa.Table:
        at = np.minimum(logins.at, self._plan.end_us - 1)
        return _rows(
            login_id=identifiers("l", number, width=10),
            customer_id=identifiers("c", logins.customer),
            device_id=self._device_ids(logins.device),
            is_successful=pa.array(logins.succeeded),
            country=choices(COUNTRIES, logins.country),
            effective_at=timestamps(at),
            observed_at=timestamps(np.minimum(at + _SECOND, self._plan.end_us - 1)),
        )

    def _device_ids(self, device: Ints) -> pa.Array:
        return identifiers("d", np.where(device < 0, -1, self._device_number[device]))


def _chargeback_rows(chargebacks: Chargebacks) -> pa.Table:
    return _rows(
        chargeback_id=identifiers("cb", np.arange(len(chargebacks.payment)), width=8),
        transaction_id=identifiers("tx", chargebacks.payment, width=10),
        is_fraud=pa.array(chargebacks.is_fraud),
        reason_code=choices(REASONS, chargebacks.reason),
        effective_at=timestamps(chargebacks.filed),
        observed_at=timestamps(chargebacks.observed),
    )


def _sizes(plan: SimulationPlan) -> Ints:
    """Payments of each day, together exactly the plan's: a little more towards the weekend, no growth."""
    weekday = (plan.start.weekday() + np.arange(plan.days)) % 7
    weight = np.array([0.95, 0.94, 0.97, 1.0, 1.1, 1.12, 0.92])[weekday]
    return plan.rng("days").multinomial(plan.events, weight / weight.sum())


def _rows(**columns: pa.Array) -> pa.Table:
    return pa.table(columns)
