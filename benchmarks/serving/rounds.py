"""Rounds in which everybody has a turn, so that what else the machine does strikes all of them."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from benchmarks.serving.contestants import Contestant
from benchmarks.serving.load import Answers, measured
from riskloom.stack.process import Running


class Heat(NamedTuple):
    """Who is asked, over how many connections at once."""

    name: str
    connections: int


@dataclass(frozen=True, slots=True)
class Turn:
    """
    What came of one contestant's seconds.

    Attributes:
        answers: What wrk saw.
        service_us: Processor time of the service in all its processes, an answer, in microseconds.
        redis_us: The same of Redis.
        others: Cores that anything but the service, Redis and wrk took meanwhile.
    """

    answers: Answers
    service_us: float
    redis_us: float
    others: float


@dataclass(frozen=True, slots=True)
class Figure:
    """The median over rounds, with the least and the greatest."""

    median: float
    spread: tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Spent:
    """Processor seconds so far."""

    wall: float
    service: float
    redis: float
    wrk: float
    ours: float
    machine: float


def run_rounds(
    heats: Sequence[Heat],
    contestants: Mapping[str, Contestant],
    *,
    redis: Any,
    rounds: int,
    seconds: float,
    folder: Path,
    say: Callable[[str], None],
) -> dict[Heat, list[Turn]]:
    """
    Give each heat a turn a round, every other round in the opposite order.

    Args:
        heats: Of contestants that are there.
        contestants: By name.
        redis: A client, to ask Redis what it has spent.
        rounds: How many.
        seconds: How long a turn is.
        folder: A folder to work in.
        say: Takes a line on progress.

    Raises:
        ServiceError: A request was not answered with status 200.
    """
    turns: dict[Heat, list[Turn]] = {heat: [] for heat in heats}
    for number in range(rounds):
        for heat in reversed(heats) if number % 2 else heats:
            turn = _take(heat, contestants[heat.name], redis, seconds=seconds, folder=folder)
            turns[heat].append(turn)
            rate, p99 = turn.answers.rate, turn.answers.p99_ms
            say(f"  round {number + 1}: {heat.name}, {heat.connections} connections: {rate:,.0f}/s, p99 {p99:.1f} ms")
    return turns


def figure(turns: Sequence[Turn], of: Callable[[Turn], float]) -> Figure:
    """One figure over the rounds."""
    values = [of(turn) for turn in turns]
    return Figure(statistics.median(values), (min(values), max(values)))


def _take(heat: Heat, contestant: Contestant, redis: Any, *, seconds: float, folder: Path) -> Turn:
    before = _spent(contestant.process, redis)
    answers = measured(contestant.target, connections=heat.connections, seconds=seconds, folder=folder)
    after = _spent(contestant.process, redis)
    service, in_redis = after.service - before.service, after.redis - before.redis
    known = service + in_redis + after.wrk - before.wrk + after.ours - before.ours
    return Turn(
        answers=answers,
        service_us=1e6 * service / answers.count,
        redis_us=1e6 * in_redis / answers.count,
        others=max(0.0, (after.machine - before.machine - known) / (after.wall - before.wall)),
    )


def _spent(process: Running, redis: Any) -> _Spent:
    in_redis, in_wrk, machine = redis.info("cpu"), resource.getrusage(resource.RUSAGE_CHILDREN), psutil.cpu_times()
    members = [member.cpu_times() for member in process.members()]
    return _Spent(
        wall=time.perf_counter(),
        service=sum(spent.user + spent.system for spent in members),
        redis=in_redis["used_cpu_user"] + in_redis["used_cpu_sys"],
        wrk=in_wrk.ru_utime + in_wrk.ru_stime,
        ours=time.process_time(),
        machine=sum(machine) - machine.idle - getattr(machine, "iowait", 0.0) - getattr(machine, "guest", 0.0),
    )
