"""
A made-up history of refund requests: a few customers abuse refunds now and then, among many who sometimes look like it.

Everything is drawn in whole days with NumPy; each stream of random numbers is seeded by the plan, a name and the day.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from riskloom.ingest.arrays import choices, identifiers, money, timestamps
from riskloom.ingest.simulation import DAY, SimulationPlan

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_REASONS = ("damaged", "not_as_described", "not_received", "changed_mind")
_HONEST_REASONS, _ABUSE_REASONS = (0.25, 0.25, 0.20, 0.30), (0.25, 0.15, 0.45, 0.15)
_REQUESTS_EACH = 12  # of a customer in the mean
_ABUSERS = 0.08  # share of customers
_ABUSE, _SLIP = 0.35, 0.01  # share of abuse among the requests of those, and of all others
_FOUND, _CLEARED = 0.8, 0.05  # share of abuse and of honest requests that somebody looks into
_MISTAKEN = 0.02  # share of findings that are wrong
_SECOND = 1_000_000


def simulate(plan: SimulationPlan) -> Iterator[tuple[str, pa.Table]]:
    """Yield (table, rows) in the contracts' columns, day by day; what would be observed after the end is not there."""
    people = _draw_people(plan)
    sizes = plan.rng("days").multinomial(plan.events, np.full(plan.days, 1 / plan.days))
    first = 0
    for day, size in enumerate(sizes):
        requests = _draw_requests(plan, people, day, first + np.arange(size))
        yield "refunds__requests", _request_rows(requests)
        yield "refunds__findings", _draw_findings(plan, day, requests)
        first += size


@dataclass(frozen=True)
class _People:
    """Customers: how often each asks, and whether it is one who abuses refunds; both of shape (customers,)."""

    weight: NDArray[np.float64]
    is_abuser: Bools


@dataclass(frozen=True)
class _Requests:
    """The requests of a day by time; times in microseconds, arrays of one length."""

    number: Ints
    customer: Ints
    reason: Ints
    cents: Ints
    ordered: Ints
    at: Ints
    observed: Ints
    is_abuse: Bools


def _draw_people(plan: SimulationPlan) -> _People:
    rng, count = plan.rng("people"), max(plan.events // _REQUESTS_EACH, 20)
    is_abuser = rng.random(count) < _ABUSERS
    weight = rng.gamma(2.0, size=count) * np.where(is_abuser, 2.0, 1.0)
    return _People(weight / weight.sum(), is_abuser)


def _draw_requests(plan: SimulationPlan, people: _People, day: int, number: Ints) -> _Requests:
    """Who asks for what on a day; after the drift amounts rise, and abusers say less often that nothing arrived."""
    rng, size, is_drifted = plan.rng("requests", day), len(number), day >= plan.drift_day
    customer = rng.choice(len(people.weight), size, p=people.weight)
    is_abuse = rng.random(size) < np.where(people.is_abuser[customer], _ABUSE, _SLIP)
    honest = rng.choice(len(_REASONS), size, p=_HONEST_REASONS)
    pretended = rng.choice(len(_REASONS), size, p=_HONEST_REASONS if is_drifted else _ABUSE_REASONS)
    amount = rng.lognormal(3.6, 0.8, size) * np.where(is_abuse, 1.5, 1.0) * (1.3 if is_drifted else 1.0)
    hour = np.clip(rng.normal(15.0, 4.5, size), 0.0, 23.99)
    at = np.sort(plan.start_us + day * DAY + (hour * 3600 * _SECOND).astype(np.int64))
    waited = rng.gamma(2.0, np.where(is_abuse, 4.0, 5.0) * DAY) + DAY
    lag = (rng.lognormal(1.0, 0.8, size) * _SECOND).astype(np.int64)
    return _Requests(
        number=number,
        customer=customer,
        reason=np.where(is_abuse, pretended, honest),
        cents=(amount * 100).astype(np.int64),
        ordered=at - waited.astype(np.int64),
        at=at,
        observed=np.maximum(np.minimum(at + lag, plan.end_us - 1), at),
        is_abuse=is_abuse,
    )


def _request_rows(requests: _Requests) -> pa.Table:
    columns = {
        "request_id": identifiers("rq", requests.number, width=10),
        "customer_id": identifiers("c", requests.customer),
        "reason": choices(_REASONS, requests.reason),
        "amount": money(requests.cents),
        "ordered_at": timestamps(requests.ordered),
        "effective_at": timestamps(requests.at),
        "observed_at": timestamps(requests.observed),
    }
    return pa.table(columns)


def _draw_findings(plan: SimulationPlan, day: int, requests: _Requests) -> pa.Table:
    """What is found out about a day's requests: days later, mostly about abuse, and now and then wrongly."""
    rng, size = plan.rng("findings", day), len(requests.number)
    is_looked_into = rng.random(size) < np.where(requests.is_abuse, _FOUND, _CLEARED)
    is_found_abuse = requests.is_abuse ^ (rng.random(size) < _MISTAKEN)
    found = requests.observed + (rng.lognormal(np.log(3.0), 0.5, size) * DAY).astype(np.int64)
    observed = found + rng.integers(3600, 12 * 3600, size) * _SECOND
    rows = np.flatnonzero(is_looked_into & (observed < plan.end_us))
    columns = {
        "finding_id": identifiers("f", requests.number[rows], width=10),
        "request_id": identifiers("rq", requests.number[rows], width=10),
        "customer_id": identifiers("c", requests.customer[rows]),
        "is_abuse": pa.array(is_found_abuse[rows]),
        "effective_at": timestamps(found[rows]),
        "observed_at": timestamps(observed[rows]),
    }
    return pa.table(columns)
