"""Fraud: campaigns planned ahead, and honest-looking payments that are turned into fraud where they happen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskloom.domains.customer_trust.simulation.honest import (
    HOUR,
    Payments,
    own_device,
    to_cents,
    together,
    usual_amount,
)
from riskloom.domains.customer_trust.simulation.population import CATEGORIES, STREET_CHOICES, Floats, Ints, Population
from riskloom.domains.customer_trust.simulation.regime import DRIFTED, USUAL, Regime, Scenario
from riskloom.ingest.arrays import Columns
from riskloom.ingest.simulation import DAY, SimulationPlan, Stretch, stretches

_TESTED = {Scenario.STOLEN_CREDENTIALS: 6.0, Scenario.ACCOUNT_TAKEOVER: 4.0, Scenario.CARD_TESTING: 6.5}
_AS_GUEST, _ON_OWN_DEVICE = 0.45, 0.2  # shares of thieves who pay as a guest, or from the victim's own device
_WORTH_A_LIE = 4_000  # cents
_RESOLD = {"electronics": 3.0, "gift_cards": 4.0, "travel": 2.0}  # how much likelier fraudsters choose such shops


@dataclass(frozen=True, slots=True)
class Takeovers(Columns):
    """Accounts taken over: when it began, whose, on which new device, after how many failed attempts."""

    at: Ints
    customer: Ints
    device: Ints
    failures: Ints


@dataclass(frozen=True, slots=True)
class Campaigns:
    """All planned fraud: its payments by time, and the takeovers behind some of them."""

    payments: Payments
    takeovers: Takeovers


@dataclass(frozen=True, slots=True)
class Compromises(Columns):
    """Terminals whose cards are copied and used there: from, until (µs), and the share of payments that is fraud."""

    terminal: Ints
    begin: Ints
    until: Ints
    share: Floats


class Campaigner:
    """Plans the campaigns of one regime; all of one scenario are drawn at once."""

    def __init__(
        self, plan: SimulationPlan, people: Population, stretch: Stretch[Regime], strange_devices: Ints
    ) -> None:
        self._plan, self._people, self._stretch = plan, people, stretch
        self._strange = strange_devices
        self._fraud = plan.events * stretch.days / plan.days * stretch.regime.fraud
        terminals = people.terminals
        resold = np.array([_RESOLD.get(name, 1.0) for name in CATEGORIES])[terminals.category[terminals.streets :]]
        chances = terminals.popularity * resold
        self._shop_chances = chances / chances.sum()

    def stolen_credentials(self) -> Payments:
        """A burst of online payments over some days, each a few times the customer's habit."""
        rng, begin = self._begin(Scenario.STOLEN_CREDENTIALS)
        victim = self._victims(rng, len(begin), self._people.customers.online)
        size = 2 + rng.poisson(_TESTED[Scenario.STOLEN_CREDENTIALS] - 2, len(begin))
        one = np.repeat(np.arange(len(begin)), size)
        at = begin[one] + (rng.random(len(one)) * rng.uniform(0.2, 5, len(begin))[one] * DAY).astype(np.int64)
        device = self._strange[rng.integers(0, len(self._strange), len(begin))][one]
        draw = rng.random(len(begin))[one]
        own = own_device(rng, self._people.devices, victim[one], at)
        device = np.where(draw < _AS_GUEST, -1, np.where(draw < _AS_GUEST + _ON_OWN_DEVICE, own, device))
        return self._online(
            rng, Scenario.STOLEN_CREDENTIALS, at, victim[one], device, rng.lognormal(0.7, 0.5, len(one))
        )

    def account_takeovers(self, first_device: int) -> tuple[Payments, Takeovers]:
        """Failed log-ins, a new device, then payments; devices are numbered from ``first_device`` on."""
        rng, begin = self._begin(Scenario.ACCOUNT_TAKEOVER)
        victim = self._victims(rng, len(begin), np.ones(self._people.customers.count))
        device = first_device + np.arange(len(begin))
        size = 2 + rng.poisson(_TESTED[Scenario.ACCOUNT_TAKEOVER] - 2, len(begin))
        one = np.repeat(np.arange(len(begin)), size)
        wait = rng.lognormal(0.5, 0.9, len(begin))[one] + rng.exponential(9.0, len(one))
        at = begin[one] + (wait * HOUR).astype(np.int64)
        used = np.where(rng.random(len(one)) < _AS_GUEST / 2, -1, device[one])
        payments = self._online(
            rng, Scenario.ACCOUNT_TAKEOVER, at, victim[one], used, rng.lognormal(0.5, 0.6, len(one))
        )
        return payments, Takeovers(begin, victim, device, rng.poisson(3.0, len(begin)))

    def card_testing(self) -> Payments:
        """Small amounts at a few places within hours, then a large one or two."""
        rng, begin = self._begin(Scenario.CARD_TESTING)
        victim = self._victims(rng, len(begin), np.ones(self._people.customers.count))
        tests = 3 + rng.poisson(_TESTED[Scenario.CARD_TESTING] - 4.5, len(begin))
        large = rng.integers(1, 3, len(begin))
        one = np.repeat(np.arange(len(begin)), tests + large)
        is_large = (
            np.arange(len(one)) - np.repeat(np.cumsum(tests + large) - tests - large, tests + large) >= tests[one]
        )
        after = np.where(is_large, rng.uniform(3, 30, len(one)), rng.uniform(0, 3, len(one)))
        at = begin[one] + (after * HOUR).astype(np.int64)
        device = np.where(
            rng.random(len(begin)) < _AS_GUEST, -1, self._strange[rng.integers(0, len(self._strange), len(begin))]
        )
        paid = self._online(rng, Scenario.CARD_TESTING, at, victim[one], device[one], rng.lognormal(1.1, 0.5, len(one)))
        small = to_cents(rng.lognormal(0.9, 0.7, len(one)))
        return Payments(
            at=paid.at,
            customer=paid.customer,
            terminal=paid.terminal,
            device=paid.device,
            online=paid.online,
            cents=np.where(is_large, paid.cents, small),
            scenario=paid.scenario,
        )

    def compromises(self) -> Compromises:
        """Enough terminals, for long enough, that their fraud makes up the scenario's share."""
        rng = self._rng("compromises")
        terminals, customers = self._people.terminals, self._people.customers
        weight = customers.rate * (1 - customers.online)
        visits = np.bincount(
            customers.haunts.ravel(),
            np.outer(weight, 1 / np.arange(1, STREET_CHOICES + 1)).ravel(),
            minlength=terminals.streets,
        )
        a_day = visits / visits.sum() * self._plan.events / self._plan.days * weight.sum() / customers.rate.sum()
        terminal = rng.permutation(terminals.streets)
        days = np.minimum(rng.uniform(10, 28, len(terminal)), self._stretch.days)
        share = rng.uniform(0.15, 0.6, len(terminal))
        first = self._stretch.first + rng.uniform(-0.3, 1, len(terminal)) * (self._stretch.days - 0.3 * days)
        inside = np.minimum(first + days, self._stretch.last) - np.maximum(first, self._stretch.first)
        expected = np.cumsum(a_day[terminal] * inside.clip(min=0) * share)
        wanted = self._fraud * self._stretch.regime.mix[Scenario.COMPROMISED_TERMINAL]
        count = max(int(np.searchsorted(expected, wanted)), 1)
        begin = self._plan.start_us + (first[:count] * DAY).astype(np.int64)
        return Compromises(terminal[:count], begin, begin + (days[:count] * DAY).astype(np.int64), share[:count])

    def _rng(self, stream: str) -> np.random.Generator:
        return self._plan.rng(stream, self._stretch.first)

    def _begin(self, scenario: Scenario) -> tuple[np.random.Generator, Ints]:
        """When each campaign of a scenario begins."""
        rng = self._rng(scenario.name)
        count = max(round(self._fraud * self._stretch.regime.mix[scenario] / _TESTED[scenario]), 1)
        begin = self._plan.start_us + self._stretch.first * DAY
        return rng, begin + (rng.random(count) * self._stretch.days * DAY).astype(np.int64)

    def _victims(self, rng: np.random.Generator, count: int, weight: Floats) -> Ints:
        return rng.choice(self._people.customers.count, count, p=weight / weight.sum()).astype(np.int64)

    def _online(
        self, rng: np.random.Generator, scenario: Scenario, at: Ints, customer: Ints, device: Ints, times: Floats
    ) -> Payments:
        """Online payments of ``times`` the customer's habit, in shops whose goods sell again or that are popular."""
        terminals = self._people.terminals
        terminal = terminals.streets + rng.choice(len(self._shop_chances), len(at), p=self._shop_chances)
        habit = usual_amount(rng, self._people.customers, customer, terminals.category[terminal])
        return Payments(
            at=at,
            customer=customer,
            terminal=terminal,
            device=device,
            online=np.ones(len(at), dtype=np.bool_),
            cents=to_cents(habit * times * self._stretch.regime.inflation),
            scenario=np.full(len(at), int(scenario)),
        )


def plan_campaigns(plan: SimulationPlan, people: Population, strange_devices: Ints, first_device: int) -> Campaigns:
    """All campaigns of the plan, their payments by time; what would happen after the plan's end is left out."""
    payments: list[Payments] = []
    takeovers: list[Takeovers] = []
    for stretch in stretches(plan, USUAL, DRIFTED):
        planner = Campaigner(plan, people, stretch, strange_devices)
        taken, behind = planner.account_takeovers(first_device + sum(len(one.at) for one in takeovers))
        payments += [planner.stolen_credentials(), taken, planner.card_testing()]
        takeovers.append(behind)
    joined = together(payments)
    return Campaigns(joined.take(joined.at < plan.end_us), Takeovers.joined(takeovers))


def plan_compromises(plan: SimulationPlan, people: Population, strange_devices: Ints) -> Compromises:
    """All compromised terminals of the plan."""
    parts = [
        Campaigner(plan, people, stretch, strange_devices).compromises() for stretch in stretches(plan, USUAL, DRIFTED)
    ]
    return Compromises.joined(parts)


def turn_to_fraud(
    rng: np.random.Generator, payments: Payments, regime: Regime, compromises: Compromises, terminals: int
) -> Ints:
    """
    The scenario of each honest payment once fraud has crept in: at compromised terminals, and by the payer's own lie.

    Amounts, times and places stay what the customer's habit made them.
    """
    draw = rng.random(len(payments.at))
    share = np.zeros(terminals)
    day = payments.at.min(initial=np.iinfo(np.int64).max)
    active = (compromises.begin <= day) & (day < compromises.until)
    share[compromises.terminal[active]] = compromises.share[active]
    copied = ~payments.online & (draw < share[payments.terminal])
    disputed = _friendly(rng, payments, regime)
    return np.where(copied, int(Scenario.COMPROMISED_TERMINAL), np.where(disputed, int(Scenario.FRIENDLY), 0))


def _friendly(rng: np.random.Generator, payments: Payments, regime: Regime) -> NDArray[np.bool_]:
    """Online payments denied later by the one who made them; those worth a lie twice as often."""
    wanted = regime.fraud * regime.mix[Scenario.FRIENDLY] * len(payments.at)
    weight = np.where(payments.cents > _WORTH_A_LIE, 2.0, 1.0) * payments.online
    lies: NDArray[np.bool_] = rng.random(len(weight)) < weight * wanted / max(weight.sum(), 1.0)
    return lies
