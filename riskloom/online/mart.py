"""The rows of a mart that go online: of each entity the newest in a range of time, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from riskloom.errors import FeatureError
from riskloom.online.layout import ValueKind
from riskloom.sql import quoted

KEY, AT, CREATED = 0, 1, 2  # the places of the columns that come before the features
_SQL_TYPES: dict[ValueKind, str] = {
    "double": "double",
    "float": "float",
    "int64": "bigint",
    "int32": "integer",
    "bool": "boolean",
    "string": "varchar",
    "unix_timestamp": "timestamp",
}


@dataclass(frozen=True)
class Mart:
    """
    A feature view's published rows.

    ``view`` is its name in Feast, ``timestamp`` and ``created`` the columns with the event's and the row's time.
    """

    view: str
    path: Path
    join_key: str
    features: Mapping[str, ValueKind]
    timestamp: str
    created: str | None = None


@dataclass(frozen=True)
class Span:
    """From when to when, both included, in microseconds since 1970."""

    start_us: int
    end_us: int


@dataclass(frozen=True)
class MartRows:
    """What is to be written: how many rows of the mart lie in the range, and the event time of the newest."""

    count: int
    newest_us: int | None
    connection: duckdb.DuckDBPyConnection
    mart: Mart
    span: Span

    def batches(self, rows: int) -> Iterator[pa.RecordBatch]:
        """
        Of each entity its newest row, in the order of the entities' names.

        Columns are the key (string), its event time and the row's own time (microseconds, int64), and the features.

        Raises:
            FeatureError: A feature is missing or has another type than its view says.
        """
        with _told(self.mart):
            reader = self.connection.sql(_newest(self.mart), params=_bound(self.mart, self.span)).to_arrow_reader(rows)
            while True:
                try:
                    yield reader.read_next_batch()
                except StopIteration:
                    return


@contextmanager
def open_mart(mart: Mart, span: Span) -> Iterator[MartRows]:
    """
    Open the rows of a range.

    Raises:
        FeatureError: The mart cannot be read, or a row has no key.
    """
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute("set enable_progress_bar = false")
        query = f"select count(*), max(__at_us), count(*) - count(__key) from ({_selected(mart)})"  # noqa: S608
        with _told(mart):
            found = connection.execute(query, _bound(mart, span)).fetchall()
        count, newest_us, keyless = found[0]
        if keyless:
            raise FeatureError(f"{mart.path}: {mart.join_key}: expected a key in every row, found {keyless} without")
        yield MartRows(count, newest_us, connection, mart, span)


@contextmanager
def _told(mart: Mart) -> Iterator[None]:
    try:
        yield
    except (duckdb.Error, pa.ArrowInvalid) as error:
        raise FeatureError(f"{mart.path}: cannot be read as the feature view {mart.view}: {error}") from error


def _bound(mart: Mart, span: Span) -> dict[str, object]:
    return {"path": str(mart.path), "start_us": span.start_us, "end_us": span.end_us}


def _selected(mart: Mart) -> str:
    """The rows of the range, with the columns that are written."""
    at = f"cast({quoted(mart.timestamp)} as timestamp)"
    created = "cast(null as bigint)" if mart.created is None else f"epoch_us(cast({quoted(mart.created)} as timestamp))"
    features = "".join(f", {_cast(name, kind)} as {quoted(name)}" for name, kind in mart.features.items())
    return f"""
        select cast({quoted(mart.join_key)} as varchar) as __key,
            epoch_us({at}) as __at_us,
            {created} as __created_us{features}
        from read_parquet($path)
        where {at} between make_timestamp($start_us) and make_timestamp($end_us)
    """  # noqa: S608 - names come from the validated declaration and are quoted, values are bound


def _cast(name: str, kind: ValueKind) -> str:
    cast = f"cast({quoted(name)} as {_SQL_TYPES[kind]})"
    return f"epoch_us({cast}) // 1_000_000" if kind == "unix_timestamp" else cast


def _newest(mart: Mart) -> str:
    return f"""
        select * from ({_selected(mart)})
        qualify row_number() over (partition by __key order by __at_us desc, __created_us desc nulls last) = 1
        order by __key
    """  # noqa: S608
