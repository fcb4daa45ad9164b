"""Redis killed and started again, several times, under load: what callers hear, and how soon decisions are whole."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.rows import Row
from benchmarks.soak.load import Heard, load
from benchmarks.soak.target import Target, serving, wait_for
from benchmarks.workbench import Workbench

CONNECTIONS, RATE = 8, 200.0
#: Seconds that Redis is there before it is killed, and that it is gone.
_UP, _DOWN = 4.0, 4.0


@dataclass(frozen=True, slots=True)
class Survived:
    """What callers heard, and when Redis was back each time, in seconds since the load began."""

    heard: Heard
    back_at: list[float]


def measure(bench: Workbench) -> Iterator[Row]:
    """As ``make soak`` does: ten outages."""
    with serving(bench) as target:
        yield from run(target, bench.size(10, 1))


def run(target: Target, outages: int) -> Iterator[Row]:
    """Let the store of a service that is there die so many times."""
    survived = asyncio.run(survive(target, outages))
    wait_for(lambda: target.status()["missed_events"] == 0, "every missed event is counted", seconds=60)
    yield from rows(survived)


async def survive(target: Target, outages: int) -> Survived:
    """Let Redis die so many times while decisions are asked for at an even rate."""
    seconds, back_at = outages * (_UP + _DOWN) + 2 * _UP, list[float]()
    begun = time.perf_counter()
    asking = asyncio.create_task(
        load(target.address, target.bodies, seconds=seconds, connections=CONNECTIONS, rate=RATE)
    )
    for _ in range(outages):
        await asyncio.sleep(_UP)
        await asyncio.to_thread(target.redis.kill)
        await asyncio.sleep(_DOWN)
        await asyncio.to_thread(target.redis.start)
        back_at.append(time.perf_counter() - begun)
    return Survived(await asking, back_at)


def rows(survived: Survived) -> Iterator[Row]:
    """The figures with their targets."""
    heard, times = survived.heard, len(survived.back_at)
    what = f"Redis killed {times} times under load"
    calls = len(heard.at) + sum(heard.errors.values())
    yield Row(f"{what}: errors", 100 * sum(heard.errors.values()) / calls, "% of requests", "lower", target=1)
    yield Row(f"{what}: safe outcomes", 100 * heard.safe / calls, "% of requests", "lower")
    slowest = 1e3 * float(np.percentile(np.asarray(heard.took), 99.9))
    yield Row(f"{what}: p99.9", slowest, "ms", "lower")
    whole = np.asarray(heard.whole_at)
    waits = [float(whole[whole > back].min(initial=np.inf) - back) for back in survived.back_at]
    yield Row(f"{what}: longest until decisions are whole again", max(waits), "s", "lower")
