"""Ten minutes at 70 % of what the service can do: memory that does not grow, no error, and no minute that is late."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import psutil

from benchmarks.rows import Row
from benchmarks.soak.load import Heard, load
from benchmarks.soak.memory import Memory, sample
from benchmarks.soak.target import Target, serving
from benchmarks.workbench import Workbench
from riskloom.errors import ServiceError

#: The share of its capacity that a service is run at. A short run shares the machine with other tests, which may take
#: most of the capacity away after it was measured.
SHARE, SHARE_QUICK = 0.7, 0.25
CONNECTIONS = 8
#: By how much of itself the worker's memory may seem to grow: what noise in ten minutes comes to. Over a short run the
#: allocator's own warming up is more than that.
MOST_GROWTH, MOST_GROWTH_QUICK = 0.01, 0.1
#: How many times the median the slowest in a thousand may take.
MOST_SPREAD = 5.0
_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """
    How long what is done.

    Attributes:
        seconds: The soak.
        first: So many seconds of it are warming up, and not judged.
        probing: How long the capacity is measured.
        every: Seconds between samples of memory.
        share: Of the capacity.
        is_quick: Whether latency is told and not judged, and noise in memory may be larger.
    """

    seconds: float
    first: float
    probing: float
    every: float
    share: float
    is_quick: bool


QUICK = Plan(seconds=20, first=5, probing=3, every=0.5, share=SHARE_QUICK, is_quick=True)


def plan_of(minutes: float) -> Plan:
    """The full soak of so many minutes; its first is not judged."""
    return Plan(seconds=minutes * _MINUTE, first=_MINUTE, probing=15, every=2, share=SHARE, is_quick=False)


@dataclass(frozen=True, slots=True)
class Soaked:
    """What was found: the load's rate, what callers heard, memory of the worker and of Redis."""

    rate: float
    heard: Heard
    worker: Memory
    redis: Memory


def measure(bench: Workbench) -> Iterator[Row]:
    """As ``make soak`` does, for ten minutes."""
    with serving(bench) as target:
        yield from run(bench, target, QUICK if bench.is_quick else plan_of(10))


def run(bench: Workbench, target: Target, plan: Plan) -> Iterator[Row]:
    """Soak a service that is there; says how each minute went."""
    soaked = asyncio.run(soak(target, plan))
    for line in minutes(soaked, plan):
        bench.say(f"  {line}")
    yield from rows(soaked, plan)


async def soak(target: Target, plan: Plan) -> Soaked:
    """Measure the capacity, then load the service with a share of it."""
    probe = await load(target.address, target.bodies, seconds=plan.probing, connections=CONNECTIONS)
    if not probe.at:
        raise ServiceError(f"soak: expected decisions, found {probe.errors}")
    rate = plan.share * len(probe.at) / plan.probing
    redis = psutil.Process(target.redis.pid)
    watching = asyncio.create_task(sample([target.worker, redis], plan.every))
    heard = await load(target.address, target.bodies, seconds=plan.seconds, connections=CONNECTIONS, rate=rate)
    watching.cancel()
    worker, stored = await watching
    return Soaked(rate, heard, worker, stored)


def rows(soaked: Soaked, plan: Plan) -> Iterator[Row]:
    """The figures with their targets."""
    what = f"soak of {plan.seconds / _MINUTE:.3g} min at {plan.share:.0%} of capacity"
    errors, worker = sum(soaked.heard.errors.values()), soaked.worker
    yield Row(f"{what}: decisions a second", soaked.rate, "1/s", "higher")
    yield Row(f"{what}: errors", errors, "requests", "lower", target=0)
    yield Row(f"{what}: decisions without the store", soaked.heard.safe, "decisions", "lower", target=0)
    most = MOST_GROWTH_QUICK if plan.is_quick else MOST_GROWTH
    grown = worker.growth(after=plan.first)
    yield Row(f"{what}: growth of the worker's memory after warming up", 100 * grown, "%", "lower", target=100 * most)
    each = worker.slope(after=plan.first) / soaked.rate
    yield Row(f"{what}: the same for each decision", each, "bytes", "lower")
    yield Row(f"{what}: the worker's memory", worker.median_mib(after=plan.first), "MiB", "lower")
    redis = 100 * soaked.redis.growth(after=plan.first)
    yield Row(f"{what}: growth of Redis's memory, which holds the windows", redis, "%", "lower")
    p50, p99, p999 = percentiles(soaked.heard, plan.first, plan.seconds)
    for name, seconds in (("p50", p50), ("p99", p99), ("p99.9", p999)):
        yield Row(f"{what}: {name}", 1e3 * seconds, "ms", "lower")
    limit = None if plan.is_quick else MOST_SPREAD
    yield Row(f"{what}: p99.9 in medians, outside the warm-up", p999 / p50, "times", "lower", target=limit)


def minutes(soaked: Soaked, plan: Plan) -> Iterator[str]:
    """A line for each minute: its percentiles, and the worker's memory at its end."""
    step = plan.first if plan.is_quick else _MINUTE
    for begin in np.arange(0.0, plan.seconds, step):
        p50, p99, p999 = (1e3 * one for one in percentiles(soaked.heard, begin, begin + step))
        place = int(np.searchsorted(soaked.worker.at, begin + step)) - 1
        resident = soaked.worker.resident[place] / 1024**2
        yield f"{begin:4.0f} s: p50 {p50:.2f} ms, p99 {p99:.2f} ms, p99.9 {p999:.2f} ms, worker {resident:.1f} MiB"


def percentiles(heard: Heard, begin: float, end: float) -> Sequence[float]:
    """The 50th, 99th and 99.9th of the answers that were due between two instants, in seconds."""
    at, took = np.asarray(heard.at), np.asarray(heard.took)
    found = took[(at >= begin) & (at < end)]
    return [float(one) for one in np.percentile(found, [50, 99, 99.9])] if found.size else [float("nan")] * 3
