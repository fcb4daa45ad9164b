"""What a store does besides counting: forgets in time, survives restarts of others, and stays with its process."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from riskloom.errors import StateCorruptError, StateUnavailableError
from riskloom.windows import WindowPlan
from riskloom.windows.engine import WindowEngine, entities_of, event_prefix
from riskloom.windows.redis_store import RedisStateStore
from riskloom.windows.sqlite_store import SqliteStateStore
from riskloom.windows.state import ENDLESS_US, UNTIL, Later
from riskloom.windows.store import Entry, StateStore
from tests.windows.conftest import OpenStore, fold_often
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


def _busy(plan: WindowPlan, store: StateStore) -> WindowEngine:
    """An engine whose shop has much that waits: a payment each tenth of a second for four seconds."""
    engine = started(plan, store)
    for number in range(40):
        at_us = START + number * SECOND // 10
        event = {**EVENT, "payment": f"p{number}", "shop": "busy"}
        engine.observe("payments", event, effective_us=at_us, observed_us=at_us)
    return engine


def _waiting(store: StateStore, key: bytes, at_us: int) -> tuple[int, Later | None]:
    """After which stamp the key's blob is not all there is, and what is needed beside it at one."""
    ((blob,), laters) = store.read([key], at_us)
    return int(blob[UNTIL]), laters.get(0)


def test_what_waits_lies_beside_a_busy_key(
    plan: WindowPlan, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blob stays short; what enters up to a stamp comes with it, with when the next will, and is folded once."""
    fold_often(monkeypatch)
    store = open_store(next(_numbers))
    engine, entity = _busy(plan, store), entities_of(plan)["shop"]
    key, record = entity.prefix + b"busy", entity.layout.record.size
    ((blob,), _) = store.read([key], START)
    assert len(blob) < len(entity.blank) + 400 + 8 * record, "of forty records few are in the blob"
    until_us, later = _waiting(store, key, START + 4 * SECOND)
    assert later is None, "the delay of none is over"
    assert until_us >= START + 5 * SECOND
    assert _waiting(store, key, until_us)[1] is None, "an event counts after the instant at which it enters"
    _, first = _waiting(store, key, until_us + 1)
    assert first is not None
    assert first.records
    assert until_us < first.next_us <= until_us + SECOND
    _, more = _waiting(store, key, first.next_us + 1)
    assert more is not None
    assert more.records.startswith(first.records)
    assert len(more.records) > len(first.records)
    assert more.next_us > first.next_us
    _, every = _waiting(store, key, START + _HOUR)
    assert every is not None
    assert every.next_us == ENDLESS_US
    at_us = first.next_us + 1
    engine.observe("payments", {**EVENT, "payment": "next", "shop": "busy"}, effective_us=at_us, observed_us=at_us)
    folded_until_us, rest = _waiting(store, key, at_us + 1)
    assert folded_until_us >= at_us
    assert rest is None, "what was needed is in the blob now"
    assert engine.read({"shop": "busy"}, START + 60 * SECOND)["shop_count_30s_5s"] == 0
    assert engine.read({"shop": "busy"}, START + 20 * SECOND)["shop_count_30s_5s"] == 41
    store.close()


def test_parcels_that_are_lost_are_told(
    plan: WindowPlan, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody took what waits away: no value is computed without it, as long as a window would reach it."""
    fold_often(monkeypatch)
    store = open_store(next(_numbers))
    engine, key = _busy(plan, store), entities_of(plan)["shop"].prefix + b"busy"
    if isinstance(store, RedisStateStore):
        store._call(b"DEL", key + b":later")
    elif isinstance(store, SqliteStateStore):
        store._connection().execute("delete from later")
    at_us = START + 12 * SECOND
    with pytest.raises(StateCorruptError, match="parcels"):
        engine.read({"shop": "busy"}, at_us)
    event = {**EVENT, "payment": "next", "shop": "busy"}
    for scored in (True, False):
        with pytest.raises(StateCorruptError, match="parcels"):
            engine.observe("payments", event, effective_us=at_us, observed_us=at_us, scored=scored)
    assert engine.read({"shop": "busy"}, START + 90 * SECOND)["shop_count_30s_5s"] == 0
    store.close()


def test_parcels_are_forgotten_with_their_key(
    plan: WindowPlan, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies beside a key is kept no longer than the key."""
    fold_often(monkeypatch)
    store = open_store(next(_numbers))
    _busy(plan, store)
    key = entities_of(plan)["shop"].prefix + b"busy"
    if isinstance(store, RedisStateStore):
        assert 0 < store._call(b"PTTL", key + b":later") <= store._call(b"PTTL", key)
    elif isinstance(store, SqliteStateStore):
        run = store._connection().execute
        for now_us, some in ((START, True), (START + 2 * _HOUR, False)):
            for _ in range(2):  # a part at a time
                store.sweep(now_us)
            assert bool(run("select count(*) from later").fetchone()[0]) == some
    store.close()


def test_a_key_that_is_written_anew_has_no_old_parcels(
    plan: WindowPlan, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waited of a state that was replaced does not count in the new one."""
    fold_often(monkeypatch)
    store = open_store(next(_numbers))
    engine, entity = _busy(plan, store), entities_of(plan)["shop"]
    store.write([Entry(entity.prefix + b"busy", entity.blank, (), entity.keep_us)])
    at_us = START + 4 * SECOND
    for number in range(9):
        event = {**EVENT, "payment": f"n{number}", "shop": "busy"}
        engine.observe("payments", event, effective_us=at_us, observed_us=at_us + number)
    assert engine.read({"shop": "busy"}, START + 20 * SECOND)["shop_count_30s_5s"] == 9
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
