"""What can go wrong while the bulk writer writes: a wrong mart, a store that is gone, a writer that is killed."""

from __future__ import annotations

import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from riskloom.errors import FeatureError
from riskloom.features import online_engine
from riskloom.online import sqlite_writer
from riskloom.online.mart import Mart, Span, open_mart
from riskloom.online.redis_writer import RedisWriter
from tests.online.marts import AT, DAY, FEATURES, ROWS, VIEW, command, facts, materialise, publish, read, watermarks
from tests.online.stores import BULK, JOIN_KEY, Online, online_store, view

#: So many that a writer can be killed in the middle.
MANY = {"redis": 200_000, "sqlite": 30_000}


def test_a_time_in_the_future_is_refused(applied: Online, mart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row ahead of the clock by more than clocks differ: an error that says where, and nothing is written."""
    monkeypatch.setattr(online_engine, "now", lambda: AT)
    publish(mart, [*ROWS, facts("m-9", AT + timedelta(minutes=6))])
    with pytest.raises(FeatureError, match=r"mart\.parquet: event_timestamp: expected times up to now, .* found 2026-"):
        materialise(applied, AT, AT + DAY)
    assert read(applied, ["m-1"])["m-1"] == dict.fromkeys(FEATURES)
    assert watermarks(applied) == []
    publish(mart, [facts("m-9", AT + timedelta(minutes=4), orders=1)])
    materialise(applied, AT, AT + DAY)
    assert read(applied, ["m-9"])["m-9"]["orders"] == 1


def _without_a_key(path: Path) -> None:
    publish(path, [*ROWS, facts(None)])


def _with_text(path: Path) -> None:
    table = pq.read_table(path)
    place = table.column_names.index("volume")
    pq.write_table(table.set_column(place, "volume", pa.array(["much"] * len(table))), path)


def _without_a_feature(path: Path) -> None:
    pq.write_table(pq.read_table(path).drop_columns(["grade"]), path)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_without_a_key, "merchant_id: expected a key in every row, found 1 without"),
        (_with_text, "much"),
        (_without_a_feature, "grade"),
        (Path.unlink, "mart.parquet"),
    ],
)
def test_a_mart_that_is_not_as_declared_is_an_error(
    applied: Online, mart: Path, spoil: Callable[[Path], None], message: str
) -> None:
    """It names the file and what is wrong; the watermark stays, and once the mart is right all is written."""
    spoil(mart)
    with pytest.raises(FeatureError, match=r"mart\.parquet") as caught:
        materialise(applied)
    assert message in str(caught.value)
    assert watermarks(applied) == []
    publish(mart, ROWS)
    materialise(applied)
    assert read(applied, ["m-1"])["m-1"]["orders"] == 7


@pytest.mark.needs("redis-server")
def test_a_connection_that_breaks_is_a_known_error(redis_server: str, mart: Path) -> None:
    """Redis goes away between two batches: the writer says of which view, and does not claim to have written."""
    import redis  # noqa: PLC0415

    facts_mart = Mart(VIEW, mart, JOIN_KEY, FEATURES, "event_timestamp", "created_timestamp")
    pool = redis.ConnectionPool.from_url(redis_server)
    span = Span(*[int(AT.timestamp()) * 1_000_000] * 2)
    with RedisWriter(pool, facts_mart, project="shop") as writer, open_mart(facts_mart, span) as rows:
        (batch,) = rows.batches(writer.rows)
        writer.write(batch)
        assert writer.finish() == len(ROWS)
        redis.Redis.from_url(redis_server).client_kill_filter(_type="normal", skipme=True)
        with pytest.raises(FeatureError, match=f"{VIEW}: Redis does not take the rows"):  # noqa: PT012
            writer.write(batch)
            writer.finish()


def test_a_locked_file_is_a_known_error(mart: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another writer holds the SQLite file too long: an error that names file and view, and the watermark stays."""
    monkeypatch.setattr(sqlite_writer, "_PATIENCE", 0.1)
    locked = online_store("sqlite", str(tmp_path / "locked.db"), tmp_path / "locked", engine=BULK)
    locked.store.apply(view(VIEW, FEATURES, mart))
    with closing(sqlite3.connect(locked.at, isolation_level=None)) as other:
        other.execute("begin immediate")
        with pytest.raises(
            FeatureError, match=rf"locked\.db: {VIEW}: SQLite does not take the rows: database is locked"
        ):
            materialise(locked)
        other.execute("rollback")
    assert watermarks(locked) == []
    materialise(locked)
    assert read(locked, ["m-1"])["m-1"]["orders"] == 7


def test_what_the_writer_cannot_write_is_refused(bulk: Online, mart: Path) -> None:
    """A view that its declarations never make is named, with what was expected; Feast's way is not taken in silence."""
    entity, feature_view = view(VIEW, FEATURES, mart)
    feature_view.batch_source.field_mapping = {"volume": "orders"}
    bulk.store.apply([entity, feature_view])
    with pytest.raises(FeatureError, match=f"{VIEW}: cannot be written online: expected no field mapping"):
        materialise(bulk)


def test_a_writer_that_is_killed_begins_again(applied: Online, mart: Path) -> None:
    """Killed in the middle: whole batches lie there, the watermark has not moved, and the next run writes all."""
    many = MANY[applied.kind]
    names = ", ".join(f"cast(null as varchar) as {name}" for name in FEATURES if name not in {"volume", "orders"})
    duckdb.sql(f"""
        copy (
            select 'm-' || range as {JOIN_KEY}, make_timestamp({int(AT.timestamp()) * 1_000_000}) as event_timestamp,
                event_timestamp as created_timestamp, range / 8 as volume, range as orders, {names}
            from range({many})
        ) to '{mart}' (format parquet)
    """)  # noqa: S608
    with subprocess.Popen(command(applied), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while entities(applied) < 2_000 and process.poll() is None:
            time.sleep(0.002)
        process.kill()
    assert process.returncode == -9, "it ended before it could be killed"
    assert 2_000 <= entities(applied) < many
    assert sizes(applied) == {len(FEATURES)}
    assert watermarks(applied) == []
    materialise(applied)
    assert entities(applied) == many
    assert watermarks(applied) == [(AT, AT)]
    chosen = range(0, many, 997)
    found = read(applied, [f"m-{place}" for place in chosen])
    for place in chosen:
        assert found[f"m-{place}"] == dict.fromkeys(FEATURES) | {"orders": place, "volume": place / 8}


def entities(online: Online) -> int:
    """How many entities lie in the store."""
    if online.kind == "redis":
        count: int = online.client().dbsize()
        return count
    with closing(sqlite3.connect(f"file:{online.at}?mode=ro", uri=True)) as connection:
        (count,) = connection.execute(f"select count(*) from shop_{VIEW} where feature_name = 'key'").fetchone()  # noqa: S608
        return count


def sizes(online: Online) -> set[int]:
    """How many features the entities have."""
    if online.kind == "redis":
        client = online.client()
        with client.pipeline(transaction=False) as pipe:
            for key in client.scan_iter(count=10_000):
                pipe.hlen(key)
            return {fields - 1 for fields in pipe.execute()}
    with closing(sqlite3.connect(online.at)) as connection:
        rows = connection.execute(f"select distinct count(*) from shop_{VIEW} group by entity_key").fetchall()  # noqa: S608
        return {count for (count,) in rows}
