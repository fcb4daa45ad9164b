"""Attempts to sign in to the console: people who sometimes mistype, and lists of stolen passwords tried on many."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from riskloom.domains.cloud_security.simulation.catalogue import Ints
from riskloom.domains.cloud_security.simulation.organisation import (
    CONSOLE,
    Bools,
    Organisation,
    chance,
    roaming_network,
)
from riskloom.domains.cloud_security.simulation.regime import Attack
from riskloom.domains.cloud_security.simulation.sessions import HOUR, MINUTE, SECOND, Sessions
from riskloom.ingest.arrays import Columns
from riskloom.ingest.simulation import SimulationPlan

_GIVES_UP = 0.08  # share of people who mistyped and then try no more
_STRANGERS = 0.02  # share of attempts that are guesses of people who attack nobody in particular
_TRIED = 40  # accounts tried in vain before one gives way, in the mean


@dataclass(frozen=True, slots=True)
class Attempts(Columns):
    """Attempts by index."""

    at: Ints  # µs
    principal: Ints
    account: Ints
    succeeded: Bools
    mfa: Ints  # -1: the log does not say
    network: Ints
    agent: Ints


def draw_attempts(plan: SimulationPlan, people: Organisation, sessions: Sessions, day: int) -> Attempts:
    """The attempts that belong to a day's sessions, hostile ones included, and strangers' in vain; by time."""
    rng = plan.rng("sign-ins", day)
    in_console = (sessions.agent == CONSOLE) & people.principals.is_person[sessions.principal] & (sessions.calls > 0)
    visits = sessions.take(in_console)
    stuffed = visits.take(visits.attack == int(Attack.CREDENTIAL_STUFFING))
    parts = [_owners(rng, visits), _stuffing(rng, people, stuffed)]
    parts.append(_strangers(rng, people, visits, plan.start_us, day))
    joined = Attempts.joined(parts)
    joined = joined.take(np.argsort(joined.at, kind="stable"))
    return replace(joined, at=np.clip(joined.at, plan.start_us, plan.end_us - SECOND))


def _owners(rng: np.random.Generator, visits: Sessions) -> Attempts:
    """Before each visit none or some failures, then usually success."""
    failures = np.minimum(rng.geometric(0.88, visits.count) - 1, 5)
    gives_up = (failures > 0) & (chance(rng, _GIVES_UP, visits.count))
    size = failures + ~gives_up
    one = np.repeat(np.arange(visits.count), size)
    nth = np.arange(len(one)) - np.repeat(np.cumsum(size) - size, size)
    ahead = (size[one] - nth) * 20 * SECOND + rng.integers(2 * SECOND, 15 * SECOND, len(one))
    succeeded = nth >= failures[one]
    return Attempts(
        at=visits.begin[one] - ahead,
        principal=visits.principal[one],
        account=visits.account[one],
        succeeded=succeeded,
        mfa=np.where(succeeded, visits.mfa[one], -1),
        network=visits.network[one],
        agent=visits.agent[one],
    )


def _stuffing(rng: np.random.Generator, people: Organisation, stuffed: Sessions) -> Attempts:
    """Many accounts tried from the network of the session that follows, in the hours before it."""
    tried = 2 + rng.poisson(_TRIED, stuffed.count)
    one = np.repeat(np.arange(stuffed.count), tried)
    count = len(one)
    return Attempts(
        at=stuffed.begin[one] - (rng.uniform(0.02, 3, count) * HOUR).astype(np.int64),
        principal=_anybody(rng, people, count),
        account=stuffed.account[one],
        succeeded=np.zeros(count, dtype=np.bool_),
        mfa=np.full(count, -1),
        network=stuffed.network[one],
        agent=stuffed.agent[one],
    )


def _strangers(rng: np.random.Generator, people: Organisation, visits: Sessions, start: int, day: int) -> Attempts:
    """Guesses that lead nowhere, from anywhere, singly and in small bursts."""
    count = int(rng.poisson(visits.count * _STRANGERS))
    size = rng.geometric(0.3, count)
    one = np.repeat(np.arange(count), size)
    begin = start + day * 24 * HOUR + rng.integers(0, 24 * HOUR, count)
    return Attempts(
        at=begin[one] + rng.integers(0, 20 * MINUTE, len(one)),
        principal=_anybody(rng, people, len(one)),
        account=rng.integers(0, 8, len(one)),
        succeeded=np.zeros(len(one), dtype=np.bool_),
        mfa=np.full(len(one), -1),
        network=roaming_network(rng, people.networks, count)[one],
        agent=np.full(len(one), CONSOLE),
    )


def _anybody(rng: np.random.Generator, people: Organisation, count: int) -> Ints:
    return rng.choice(np.flatnonzero(people.principals.is_person), count).astype(np.int64)
