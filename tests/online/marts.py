"""A mart with values of every type, and what its view holds online."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from riskloom.online.layout import ValueKind
from tests.online.stores import JOIN_KEY, Online

VIEW = "merchant_facts"
AT = datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC)
DAY = timedelta(days=1)
FEATURES: dict[str, ValueKind] = {
    "volume": "double",
    "share": "float",
    "orders": "int64",
    "country": "string",
    "is_new": "bool",
    "grade": "int32",
    "key": "int64",  # a name that a query might use itself
}
_ARROW: dict[ValueKind, Any] = {
    "double": pa.float64(),
    "float": pa.float32(),
    "int64": pa.int64(),
    "int32": pa.int32(),
    "bool": pa.bool_(),
    "string": pa.string(),
}
Row = dict[str, Any]


def facts(key: str | None, at: datetime = AT, /, **values: Any) -> Row:
    """A row of the mart; features that are not named are empty."""
    return {JOIN_KEY: key, "event_timestamp": at, "created_timestamp": at} | dict.fromkeys(FEATURES) | values


ROWS = [
    facts("m-1", volume=0.1, share=0.5, orders=7, country="PT", is_new=True, grade=-3, key=1),
    facts("m-2", volume=float("nan"), orders=-(2**63), country="", is_new=False, grade=2**31 - 1),
    facts("zéro/é ", volume=0.0, share=-0.0, orders=2**63 - 1, country="Ω" * 50, grade=0),
    facts("m-4"),
]


def publish(path: Path, rows: list[Row]) -> None:
    """Write the mart as a build does."""
    moment = pa.timestamp("us", tz="UTC")
    fields = [(JOIN_KEY, pa.string()), ("event_timestamp", moment), ("created_timestamp", moment)]
    fields += [(name, _ARROW[kind]) for name, kind in FEATURES.items()]
    pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(fields)), path)


def materialise(online: Online, start: datetime = AT, end: datetime | None = None) -> None:
    """Materialise a range, which is one instant where no end is given, through Feast's SDK."""
    online.store.materialize(start_date=start, end_date=end or start, feature_views=[VIEW])


def read(online: Online, keys: list[str]) -> dict[str, Row]:
    """The features of entities, looked up through Feast's SDK."""
    found = online.store.get_online_features([f"{VIEW}:{name}" for name in FEATURES], [{JOIN_KEY: key} for key in keys])
    columns = found.to_dict()
    return {key: {name: columns[name][place] for name in FEATURES} for place, key in enumerate(keys)}


def watermarks(online: Online) -> list[tuple[datetime, datetime]]:
    """The ranges that Feast says are written, as another process would see them."""
    online.store.refresh_registry()
    intervals: list[tuple[datetime, datetime]] = online.table(VIEW).materialization_intervals
    return intervals


def command(online: Online) -> list[str]:
    """Feast's command line, for the instant of the mart's rows."""
    moment = AT.isoformat()
    feast = [sys.executable, "-c", "from feast.cli.cli import cli; cli()"]
    return [*feast, "-c", str(online.folder), "materialize", moment, moment, "--views", VIEW]
