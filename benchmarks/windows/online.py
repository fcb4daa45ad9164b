"""A scored event online: three keys read, two appended to, four spans of six aggregates; against Feast's SDK."""

from __future__ import annotations

import gc
import socket
import statistics
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np

from benchmarks.rows import Row
from benchmarks.services import REDIS_SOCKET, running_redis
from benchmarks.windows.online_events import ENTITIES, START, Call, calls, plan
from benchmarks.workbench import Workbench
from riskloom.windows import WindowPlan
from riskloom.windows.engine import WindowEngine, entities_of, mark_bootstrapped
from riskloom.windows.events import MAX_TIME_US
from riskloom.windows.redis_store import RedisStateStore
from riskloom.windows.sqlite_store import SqliteStateStore
from riskloom.windows.store import StateStore

_MEASURED = 0.25  # the share that is measured, at the end, when keys have grown to their size
_PEER = "reading three views and writing two through Feast's SDK, on the same Redis"


class Took(NamedTuple):
    """Seconds of each scored event: until its values were there, and until the worker was free for the next."""

    answered: list[float]
    free: list[float]


def measure(bench: Workbench) -> Iterator[Row]:
    """Redis and SQLite with one worker each, in this process; the peer's event with the same keys and features."""
    payments = bench.size(60_000, 6_000)
    declared, folder = plan(), bench.work_in("redis")
    with running_redis(folder) as url:
        store = RedisStateStore(url)
        pings = _pings(url)
        took = _timed(declared, store, payments)
        peer = _feast(declared, url, bench.work_in("feast"), bench.size(200, 20))
        typical = _typical_bytes(declared, store)
        store.close()
    with running_redis(folder):
        store = RedisStateStore(f"unix://{folder / REDIS_SOCKET}")
        by_socket = _timed(declared, store, payments)
        store.close()
    p50, _ = _percentiles(pings)
    yield Row("online, Redis: p50 of a PING on a bare socket, the least this machine allows", p50, "µs", "lower")
    yield from _rows("Redis", took, p50=120, p99=400, rate=7_000)
    yield from _rows("Redis by its Unix socket", by_socket, p50=120, p99=400, rate=7_000)
    yield Row(
        name="Redis: mean of a scored event",
        value=1e6 * statistics.fmean(took.free),
        unit="µs",
        better="lower",
        peer=_PEER,
        peer_value=1e6 * statistics.fmean(peer),
        target=1e6 * statistics.fmean(peer) / 20,
    )
    yield _row("state of a typical key", typical, "bytes", "lower", 2_560)
    store_of_file = SqliteStateStore(bench.work_in("sqlite") / "windows.db")
    took = _timed(declared, store_of_file, payments)
    store_of_file.close()
    yield from _rows("SQLite", took, p50=120, p99=5_000, rate=4_000)


def _rows(name: str, took: Took, *, p50: float, p99: float, rate: float) -> Iterator[Row]:
    half, most = _percentiles(took.answered)
    yield _row(f"{name}: p50 of a scored event", half, "µs", "lower", p50)
    yield _row(f"{name}: p99 of a scored event", most, "µs", "lower", p99)
    yield _row(f"{name}: scored events of one worker", 1 / statistics.fmean(took.free), "events/s", "higher", rate)


def _row(name: str, value: float, unit: str, better: Any, target: float) -> Row:
    return Row(name=f"online, {name}", value=value, unit=unit, better=better, target=target)


def _timed(declared: WindowPlan, store: StateStore, payments: int) -> Took:
    """Count and score events, and fold after each answer; times of the last part."""
    mark_bootstrapped(declared, store, START)
    engine = WindowEngine(declared, store, clock=lambda: START, folds_later=True)
    answered, free = [], []
    prepared: list[Call] = list(calls(payments))
    gc.collect()
    gc.freeze()  # as the scoring worker does after warming up
    for call in prepared:
        begun = time.perf_counter()
        engine.observe(
            call.stream,
            call.event,
            effective_us=call.at_us,
            reads=call.reads,
            observed_us=call.at_us,
            scored=call.is_scored,
        )
        ended = time.perf_counter()
        engine.settle()
        if call.is_scored:
            answered.append(ended - begun)
            free.append(time.perf_counter() - begun)
    gc.unfreeze()
    measured = int(payments * _MEASURED)
    return Took(answered[-measured:], free[-measured:])


def _pings(url: str) -> list[float]:
    """Seconds of a round trip in which Redis has nothing to do."""
    took = []
    with socket.create_connection(("127.0.0.1", urlsplit(url).port or 0)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(5_000):
            begun = time.perf_counter()
            connection.sendall(b"PING\r\n")
            connection.recv(64)
            took.append(time.perf_counter() - begun)
    return took


def _percentiles(took: Sequence[float]) -> tuple[float, float]:
    p50, p99 = np.percentile(np.asarray(took) * 1e6, [50, 99])
    return float(p50), float(p99)


def _typical_bytes(declared: WindowPlan, store: StateStore) -> float:
    """The median over keys of all entities, with what lies beside the blobs."""
    keys = [
        entity.prefix + f"{name}-{place:08d}".encode()
        for name, entity in entities_of(declared).items()
        for place in range(100)
    ]
    blobs, laters = store.read(keys, MAX_TIME_US)
    beside = {place: len(later.records) for place, later in laters.items()}
    return statistics.median(len(blob) + beside.get(place, 0) for place, blob in enumerate(blobs) if blob)


def _feast(declared: WindowPlan, url: str, folder: Path, events: int) -> list[float]:
    """Seconds of an event: read the features of its three keys, write those of two."""
    import feast  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415
    from feast import types  # noqa: PLC0415
    from feast.repo_config import RegistryConfig, RepoConfig  # noqa: PLC0415

    config = RepoConfig(
        project="bench",
        provider="local",
        registry=RegistryConfig(path=str(folder / "registry.pb")),
        online_store={"type": "redis", "connection_string": url.removeprefix("redis://").replace("/0", ",db=1")},
        offline_store={"type": "duckdb"},
        entity_key_serialization_version=3,
        repo_path=folder,
    )
    store = feast.FeatureStore(config=config)
    now = datetime.now(UTC)
    rows, objects = {}, []
    for view in declared.views:
        row = {view.join_key: f"{view.join_key}-1"} | {feature.name: 1.0 for feature in view.features}
        rows[view.mart] = pd.DataFrame([{**row, "event_timestamp": now}])
        path = folder / f"{view.mart}.parquet"
        rows[view.mart].to_parquet(path)
        entity = feast.Entity(name=view.join_key, join_keys=[view.join_key], value_type=feast.ValueType.STRING)
        fields = [feast.Field(name=view.join_key, dtype=types.String)]
        fields += [feast.Field(name=feature.name, dtype=types.Float64) for feature in view.features]
        source = feast.FileSource(name=view.mart, path=str(path), timestamp_field="event_timestamp")
        objects += [entity, feast.FeatureView(name=view.mart, entities=[entity], schema=fields, source=source)]
    store.apply(objects)
    features = [f"{view.mart}:{feature.name}" for view in declared.views for feature in view.features]
    keys = [{entity: f"{entity}-1" for entity in ENTITIES}]
    took = []
    for place in range(events):
        written = [(view.mart, rows[view.mart]) for view in declared.views if view.entity != "device"]
        for _, frame in written:
            frame["event_timestamp"] = now + timedelta(seconds=place)
        begun = time.perf_counter()
        store.get_online_features(features, keys)
        for name, frame in written:
            store.write_to_online_store(name, frame)
        took.append(time.perf_counter() - begun)
    return took[events // 4 :]
