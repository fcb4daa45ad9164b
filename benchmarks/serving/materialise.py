"""A mart into the online store through ``FeatureStore.materialize``: the bulk writer beside Feast's own engine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb

from benchmarks.rows import Row
from benchmarks.services import running_redis
from benchmarks.workbench import Workbench

_BULK, _FEAST = "riskloom.features.online_engine.BulkComputeEngine", "local"
_AT = datetime(2026, 3, 1, tzinfo=UTC)
_FEATURES = {f"feature_{place}": "bigint" if place % 5 == 0 else "double" for place in range(10)}
_PEER = "Feast's own engine, same mart and store"
_RUNS = 3


@dataclass(frozen=True)
class _Took:
    """What writing a mart took: seconds by the clock, and processor seconds of the writer and of Redis."""

    seconds: float
    processor_seconds: float


def measure(bench: Workbench) -> Iterator[Row]:
    """Rows of one entity with eight fractions and two whole numbers, into an empty store; the median of three runs."""
    rows = bench.size(200_000, 2_000)
    mart = _mart(bench.work_in("mart"), rows)
    with running_redis(bench.work_in("redis")) as url:
        ours = _median([_redis(url, mart, bench.work_in(f"bulk-{run}"), _BULK) for run in range(_RUNS)])
        peer = _redis(url, mart, bench.work_in("feast"), _FEAST)
    yield _row(f"{rows:,} rows of ten features into Redis", rows, ours, peer, least=80_000)
    yield Row(
        name="materialise, Redis: processor time of a row, of the writer and of Redis",
        value=1e6 * ours.processor_seconds / rows,
        unit="µs",
        better="lower",
        peer=_PEER,
        peer_value=1e6 * peer.processor_seconds / rows,
        target=1e6 * peer.processor_seconds / rows / 5,
    )
    rows = bench.size(50_000, 500)
    mart = _mart(bench.work_in("smaller"), rows)
    ours = _median([_sqlite(mart, bench.work_in(f"sqlite-{run}"), _BULK) for run in range(_RUNS)])
    peer = _sqlite(mart, bench.work_in("sqlite-feast"), _FEAST)
    yield _row(f"{rows:,} rows of ten features into SQLite", rows, ours, peer)


def _row(name: str, rows: int, ours: _Took, peer: _Took, *, least: float | None = None) -> Row:
    theirs = rows / peer.seconds
    return Row(
        name=f"materialise, {name}",
        value=rows / ours.seconds,
        unit="rows/s",
        better="higher",
        peer=_PEER,
        peer_value=theirs,
        target=None if least is None else max(least, 5 * theirs),
    )


def _median(runs: list[_Took]) -> _Took:
    return _Took(
        statistics.median(run.seconds for run in runs), statistics.median(run.processor_seconds for run in runs)
    )


def _mart(folder: Path, rows: int) -> Path:
    """A mart as dbt publishes it, with so many entities at one instant."""
    path = folder / "mart.parquet"
    values = {"double": "random() * 100", "bigint": "cast(random() * 1000 as bigint)"}
    features = ", ".join(f"{values[kind]} as {name}" for name, kind in _FEATURES.items())
    duckdb.sql(f"""
        copy (
            select 'c-' || lpad(range::varchar, 8, '0') as customer_id, timestamp '{_AT:%Y-%m-%d}' as event_timestamp,
                event_timestamp as created_timestamp, {features}
            from range({rows})
        ) to '{path}' (format parquet)
    """)  # noqa: S608 - nothing in it comes from outside
    return path


def _redis(url: str, mart: Path, folder: Path, engine: str) -> _Took:
    import redis  # noqa: PLC0415

    client = redis.Redis.from_url(url)
    client.flushall()
    address = urlsplit(url)
    connection = f"{address.hostname}:{address.port},db=0"
    store = _store({"type": "redis", "connection_string": connection}, mart, folder, engine)
    before = _processor_seconds(client)
    took = _materialise(store)
    return _Took(took.seconds, took.processor_seconds + _processor_seconds(client) - before)


def _sqlite(mart: Path, folder: Path, engine: str) -> _Took:
    return _materialise(_store({"type": "sqlite", "path": str(folder / "online.db")}, mart, folder, engine))


def _processor_seconds(client: Any) -> float:
    spent = client.info("cpu")
    return float(spent["used_cpu_user"] + spent["used_cpu_sys"])


def _materialise(store: Any) -> _Took:
    begin, spent = time.perf_counter(), time.process_time()
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):  # Feast prints its progress
        store.materialize(start_date=_AT, end_date=_AT)
    return _Took(time.perf_counter() - begin, time.process_time() - spent)


def _store(online: dict[str, str], mart: Path, folder: Path, engine: str) -> Any:
    """A feature store with the mart's view applied, which has connected to its online store and loaded its engine."""
    import feast  # noqa: PLC0415
    from feast import types  # noqa: PLC0415
    from feast.repo_config import RepoConfig  # noqa: PLC0415

    config = RepoConfig(
        project="bench",
        provider="local",
        registry={"registry_type": "sql", "path": f"sqlite:///{folder / 'registry.db'}"},
        online_store=online,
        offline_store={"type": "duckdb"},
        batch_engine={"type": engine},
        entity_key_serialization_version=3,
        repo_path=folder,
    )
    store = feast.FeatureStore(config=config)
    kinds = {"double": types.Float64, "bigint": types.Int64}
    entity = feast.Entity(name="customer", join_keys=["customer_id"], value_type=feast.ValueType.STRING)
    source = feast.FileSource(
        path=str(mart), timestamp_field="event_timestamp", created_timestamp_column="created_timestamp"
    )
    fields = [feast.Field(name="customer_id", dtype=types.String)]
    fields += [feast.Field(name=name, dtype=kinds[kind]) for name, kind in _FEATURES.items()]
    store.apply([entity, feast.FeatureView(name="facts", entities=[entity], schema=fields, source=source)])
    empty = datetime(2000, 1, 1, tzinfo=UTC)
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        store.materialize(start_date=empty, end_date=empty)  # no row is so old: what is loaded once is loaded
    return store
