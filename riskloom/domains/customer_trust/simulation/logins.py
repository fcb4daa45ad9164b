"""Attempts to log in: owners who sometimes mistype, strangers who guess, and takeovers that get in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskloom.domains.customer_trust.simulation.fraud import Takeovers
from riskloom.domains.customer_trust.simulation.honest import own_device, time_of_day
from riskloom.domains.customer_trust.simulation.population import COUNTRIES, Ints, Population
from riskloom.domains.customer_trust.simulation.regime import Regime
from riskloom.ingest.arrays import Columns
from riskloom.ingest.simulation import DAY, SimulationPlan

_A_PAYMENT = 0.3  # visits to the account for each payment
_GUESSED = 0.02  # share of visits that are strangers' guesses
_ABROAD = 0.03  # share of visits through a network of another country
_GIVES_UP = 0.1  # share of owners who mistyped and then try no more
_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Logins(Columns):
    """Attempts by index, by time."""

    at: Ints  # µs
    customer: Ints
    device: Ints  # -1: unknown
    succeeded: NDArray[np.bool_]
    country: Ints


def draw_logins(
    plan: SimulationPlan, people: Population, regime: Regime, day: int, payments: int, takeovers: Takeovers
) -> Logins:
    """All attempts of one day."""
    rng = plan.rng("logins", day)
    begin = plan.start_us + day * DAY
    parts = [_owners(rng, people, regime, begin, round(payments * _A_PAYMENT))]
    parts.append(_guesses(rng, people, begin, rng.poisson(payments * _A_PAYMENT * _GUESSED)))
    today = (takeovers.at >= begin) & (takeovers.at < begin + DAY)
    parts.append(_takeovers(rng, takeovers, today))
    joined = Logins.joined(parts)
    return joined.take(np.argsort(joined.at, kind="stable"))


def _owners(rng: np.random.Generator, people: Population, regime: Regime, begin: int, visits: int) -> Logins:
    """Visits of owners: none or some failures, then usually success."""
    customers = people.customers
    chances = np.cumsum(customers.rate * (0.3 + customers.online))
    who = np.searchsorted(chances, rng.random(visits) * chances[-1]).clip(max=customers.count - 1)
    failures = rng.geometric(1 - customers.forgetful[who]) - 1
    failures = np.minimum(failures, 6)
    at = begin + time_of_day(rng, customers, who, regime)
    country = np.where(rng.random(visits) < _ABROAD, rng.integers(0, len(COUNTRIES), visits), customers.country[who])
    device = own_device(rng, people.devices, who, at)
    gives_up = (failures > 0) & (rng.random(visits) < _GIVES_UP)
    return _attempts(rng, at, who, device, country, failures, ~gives_up)


def _guesses(rng: np.random.Generator, people: Population, begin: int, count: int) -> Logins:
    """Lists of stolen passwords tried on many accounts, in vain."""
    who = rng.integers(0, people.customers.count, count)
    at = begin + rng.integers(0, DAY, count)
    country = rng.integers(0, len(COUNTRIES), count)
    return _attempts(
        rng, at, who, np.full(count, -1), country, rng.integers(1, 5, count), np.zeros(count, dtype=np.bool_)
    )


def _takeovers(rng: np.random.Generator, takeovers: Takeovers, today: NDArray[np.bool_]) -> Logins:
    """Attempts before an account is taken over, the last of them with success."""
    count = int(today.sum())
    country = rng.integers(0, len(COUNTRIES), count)
    at, who, device = takeovers.at[today], takeovers.customer[today], takeovers.device[today]
    return _attempts(rng, at, who, device, country, takeovers.failures[today], np.ones(count, dtype=np.bool_))


def _attempts(
    rng: np.random.Generator,
    at: Ints,
    who: Ints,
    device: Ints,
    country: Ints,
    failures: Ints,
    succeeds: NDArray[np.bool_],
) -> Logins:
    """Each visit as its failed attempts, some seconds apart, and the successful one that follows, if it does."""
    size = failures + succeeds
    one = np.repeat(np.arange(len(at)), size)
    nth = np.arange(len(one)) - np.repeat(np.cumsum(size) - size, size)
    pause = rng.integers(4 * _SECOND, 25 * _SECOND, len(one))
    return Logins(at[one] + nth * 25 * _SECOND + pause, who[one], device[one], nth >= failures[one], country[one])
