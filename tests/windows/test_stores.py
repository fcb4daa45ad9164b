"""What a store does besides counting: forgets in time, survives restarts of others, and stays with its process."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from riskloom.errors import StateUnavailableError
from riskloom.windows import WindowPlan
from riskloom.windows.engine import WindowEngine, entities_of, event_prefix
from riskloom.windows.redis_store import RedisStateStore
from riskloom.windows.sqlite_store import SqliteStateStore
from tests.windows.conftest import OpenStore
from tests.windows.streams import SECOND, START, Answered, differences
from tests.windows.test_bad_input import EVENT
from tests.windows.test_proof import started
from tests.windows.test_workers import drawn, observed

_numbers = count(50_000)
_HOUR = 3_600 * SECOND


def test_sqlite_forgets_what_no_window_needs(plan: WindowPlan, tmp_path: Path) -> None:
    """Keys go an hour after their last event left every window, event ids at the end of their dedupe time."""
    store = SqliteStateStore(tmp_path / "state.db")
    engine = started(plan, store)
    engine.observe("payments", EVENT, effective_us=START, observed_us=START)
    entity = entities_of(plan)["card"]
    last_us = START + entity.layout.retention_us + _HOUR
    for now_us, keys, events in ((START + 60 * SECOND, 2, 1), (last_us, 1, 0), (last_us + _HOUR, 0, 0)):
        for _ in range(2):  # a part at a time; at the end it begins again
            store.sweep(now_us)
        run = store._connection().execute
        assert run("select count(*) from state").fetchone()[0] == keys
        assert run("select count(*) from event").fetchone()[0] == events
    store.close()


@pytest.mark.needs("redis-server")
def test_redis_forgets_what_no_window_needs(plan: WindowPlan, redis_server: str) -> None:
    """The same by expiry: everything that is written has a time to live."""
    import redis  # noqa: PLC0415

    client = redis.Redis.from_url(redis_server)
    client.flushdb()
    store = RedisStateStore(redis_server)
    engine = started(plan, store)
    for number in range(40):
        engine.observe("payments", {**EVENT, "payment": f"p{number}"}, effective_us=START, reads={"device": "d"})
    lasting = [key for key in client.scan_iter() if client.pttl(key) == -1]
    assert len(lasting) == 1, "only the marker stays for good"
    entity = entities_of(plan)["card"]
    left_ms = client.pttl(entity.prefix + b"a")
    assert 0 < left_ms <= (entity.layout.retention_us + _HOUR) // 1_000
    assert 0 < client.pttl(event_prefix(plan, "payments") + b"p1") <= 60_000
    store.close()


@pytest.mark.needs("redis-server")
def test_redis_that_forgot_the_scripts_is_told_them_again(plan: WindowPlan, redis_server: str) -> None:
    """After a restart Redis knows no script; the call is repeated with it, and nothing is counted twice."""
    import redis  # noqa: PLC0415

    client = redis.Redis.from_url(redis_server)
    client.flushdb()
    store = RedisStateStore(redis_server)
    engine = started(plan, store)
    for number in range(3):
        client.script_flush()
        found = engine.observe("payments", {**EVENT, "payment": f"p{number}"}, effective_us=START)
        assert not found.is_duplicate
    assert engine.read({"card": "a"}, START + 1)["card_count_4s"] == 3
    store.close()


def test_threads_share_a_store(plan: WindowPlan, open_store: OpenStore) -> None:
    """Each thread has a connection of its own; what they answer together is what the definition says."""
    store = open_store(next(_numbers))
    started(plan, store)

    def work(worker: int) -> list[Answered]:
        clock = count(START + worker, 7)
        engine = WindowEngine(plan, store, clock=lambda: next(clock))
        answers = []
        for step in drawn(worker, 40):
            sent = type(step)(step.stream, step.event, START, 0, step.reads)
            answers.append(Answered(sent, observed(engine, sent)))
        if isinstance(store, SqliteStateStore):
            store.close()
        return answers

    with ThreadPoolExecutor(4) as pool:
        answers = [each for found in pool.map(work, range(4)) for each in found]
    assert not list(differences(plan, answers, in_order=False))


def test_a_sqlite_store_stays_with_its_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a fork SQLite would take the parent's locks for its own and write over others: it is refused."""
    store = SqliteStateStore(tmp_path / "state.db")
    process = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: process + 1)
    with pytest.raises(StateUnavailableError, match="each process opens its own"):
        store.marker(b"any")
