"""Several workers at once, and workers that are killed: what they answered together is what the definition says."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from riskloom.windows import WindowPlan, fold
from riskloom.windows.engine import Observation, WindowEngine
from riskloom.windows.redis_store import RedisStateStore
from riskloom.windows.sqlite_store import SqliteStateStore
from riskloom.windows.store import StateStore
from tests.windows.conftest import fold_often
from tests.windows.streams import SECOND, Answered, Step, differences
from tests.windows.test_proof import started

_PROCESSES = 4
_processes = multiprocessing.get_context("fork")
_STORES = ["sqlite", pytest.param("redis", marks=pytest.mark.needs("redis-server"))]

Open = Callable[[], StateStore]


@pytest.fixture
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens one store, in any process."""
    if request.param == "sqlite":
        return lambda: SqliteStateStore(tmp_path / "state.db")
    import redis  # noqa: PLC0415

    url: str = request.getfixturevalue("redis_server")
    redis.Redis.from_url(url).flushdb()
    return lambda: RedisStateStore(url)


def drawn(seed: int, events: int) -> list[Step]:
    """Events on few keys, so that workers meet; when each is sent is left to the worker's clock."""
    draw, now = random.Random(seed), time.time_ns() // 1_000
    steps = []
    for place in range(events):
        late = draw.choice([0, 0, 1, SECOND, 7 * SECOND])
        keys = {"card": draw.choice("abc"), "shop": draw.choice("ab")}
        if place % 4:
            event: dict[str, Any] = {"payment": f"{seed}-{place}", **keys, "amount": Decimal(draw.randrange(500))}
            event["is_paid"] = draw.choice([True, False, None])
            steps.append(Step("payments", event, now - late, 0, {"device": draw.choice("ab")}))
        else:
            change = draw.choice([1, -1])
            event = {"verdict": f"{seed}-{place}", "shop": keys["shop"], "device": draw.choice("ab"), "change": change}
            event["confirmed"] = 1 if change == 1 else None
            steps.append(Step("verdicts", event, now - late, 0, {"card": keys["card"]}))
    return steps


def begin(plan: WindowPlan, shared: Open) -> None:
    """Say that there is no history, and let go of the store: SQLite's connections must not be open when forking."""
    store = shared()
    started(plan, store)
    store.close()


def _clock(skew_us: int) -> Callable[[], int]:
    """A clock that is fast by some hundred, and coarse, so that workers' stamps meet and cross."""
    return lambda: (time.time_ns() // 1_000 + skew_us) // 50 * 50


def _work(plan: WindowPlan, shared: Open, calls: Sequence[Step], worker: int, start: Barrier, out: Connection) -> None:
    """A worker: its clock differs from the others' by some hundred microseconds."""
    engine = WindowEngine(plan, shared(), _clock(300 * worker))
    start.wait()
    for step in calls:
        out.send((step, observed(engine, step)))
    out.close()


def observed(engine: WindowEngine, step: Step) -> Observation:
    """Send one step by the engine's own clock."""
    return engine.observe(step.stream, step.event, effective_us=step.effective_us, reads=step.reads)


@pytest.mark.parametrize("shared", _STORES, indirect=True)
def test_workers_at_once_answer_as_one(plan: WindowPlan, shared: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four processes on few keys, folding often: replayed from their stamps every value is that of the definition."""
    fold_often(monkeypatch, after=4, left=fold.LEFT)
    begin(plan, shared)
    start = _processes.Barrier(_PROCESSES)
    received, processes = [], []
    for worker in range(_PROCESSES):
        mine, theirs = _processes.Pipe(duplex=False)
        calls = drawn(worker, 80)
        processes.append(_processes.Process(target=_work, args=(plan, shared, calls, worker, start, theirs)))
        processes[-1].start()
        theirs.close()
        received.append(mine)
    answers = [each for pipe in received for each in _received(pipe)]
    for process in processes:
        process.join(timeout=30)
    assert [process.exitcode for process in processes] == [0] * _PROCESSES
    assert len(answers) == 80 * _PROCESSES
    assert not list(differences(plan, answers, in_order=False))


@pytest.mark.parametrize("shared", _STORES, indirect=True)
def test_a_killed_worker_loses_and_doubles_nothing(
    plan: WindowPlan, shared: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker is killed in the middle of its work, again and again, and everything is sent again from the start."""
    fold_often(monkeypatch, after=4, left=fold.LEFT)
    begin(plan, shared)
    calls = drawn(7, 150)
    answers: list[Answered] = []
    for killed_after in (20, 45, 90, None):
        mine, theirs = _processes.Pipe(duplex=False)
        start = _processes.Barrier(1)
        process = _processes.Process(target=_work, args=(plan, shared, calls, 0, start, theirs))
        process.start()
        theirs.close()
        got = _received(mine, killed_after)
        if killed_after is not None and process.pid is not None:
            os.kill(process.pid, signal.SIGKILL)
            got += _received(mine)
        process.join(timeout=30)
        answers += got
    assert len(got) == len(calls)
    assert not list(differences(plan, _as_first_sent(answers), in_order=False))


def _received(pipe: Connection, at_most: int | None = None) -> list[Answered]:
    """What a worker answered until it ended, or so many answers."""
    found: list[Answered] = []
    while at_most is None or len(found) < at_most:
        try:
            found.append(Answered(*pipe.recv()))
        except (EOFError, OSError):  # the second where it was killed in the middle of a message
            break
    return found


def _as_first_sent(answers: Sequence[Answered]) -> list[Answered]:
    """
    One answer an event: the first that arrived.

    Where a worker was killed between counting and answering, that is the answer to a repeat: it must bear the stamp
    that the event was counted with, and the values as of then.
    """
    first: dict[str, Answered] = {}
    for each in answers:
        known = first.setdefault(each.step.event_id, each)
        assert known.observation.stamp_us == each.observation.stamp_us
        assert each is known or each.observation.is_duplicate
    return [Answered(each.step, replace(each.observation, is_duplicate=False)) for each in first.values()]
