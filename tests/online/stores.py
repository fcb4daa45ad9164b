"""Feast's own stores, with Feast's own materialisation and with the bulk writer."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import feast
from feast import types

from riskloom.online.layout import ValueKind
from riskloom.sql import quoted

PROJECT = "shop"
JOIN_KEY = "merchant_id"
FEAST_TYPES: Mapping[ValueKind, Any] = {
    "double": types.Float64,
    "float": types.Float32,
    "int64": types.Int64,
    "int32": types.Int32,
    "bool": types.Bool,
    "string": types.String,
    "unix_timestamp": types.UnixTimestamp,
}

BULK = "riskloom.features.online_engine.BulkComputeEngine"


@dataclass(frozen=True)
class Online:
    """A feature store with Feast's own online store of one kind, where that keeps its data, and its folder."""

    store: feast.FeatureStore
    kind: str
    at: str
    folder: Path

    def table(self, name: str) -> Any:
        """A feature view that is applied."""
        return self.store.get_feature_view(name)

    def write(self, view: str, rows: list[tuple[Any, dict[str, Any], Any, Any]]) -> None:
        """Write rows as Feast's own materialisation does: entity key, values, event time, creation time."""
        self.store._get_provider().online_write_batch(self.store.config, self.table(view), rows, None)

    def client(self) -> Any:
        """A client of the Redis."""
        import redis  # noqa: PLC0415

        return redis.Redis.from_url(self.at)

    def content(self) -> dict[Any, Any]:
        """Everything that lies in the store, as bytes."""
        if self.kind == "redis":
            client = self.client()
            return {key: client.hgetall(key) for key in client.scan_iter(count=10_000)}
        with closing(sqlite3.connect(self.at)) as connection:
            tables = connection.execute("select name from sqlite_master where type = 'table'").fetchall()
            every = "select * from {} order by 1, 2"
            return {name: connection.execute(every.format(quoted(name))).fetchall() for (name,) in tables}


def online_store(kind: str, at: str, folder: Path, *, engine: str = "local", **more: Any) -> Online:
    """A feature store without views, over an empty SQLite or Redis, configured by a file in its folder."""
    if kind == "redis":
        import redis  # noqa: PLC0415

        redis.Redis.from_url(at).flushdb()
        online = {"type": "redis", "connection_string": at.removeprefix("redis://").replace("/", ",db=")} | more
    else:
        online = {"type": "sqlite", "path": at} | more
    folder.mkdir(exist_ok=True)
    content = {
        "project": PROJECT,
        "provider": "local",
        "registry": {"registry_type": "sql", "path": f"sqlite:///{folder / 'registry.db'}"},
        "online_store": online,
        "offline_store": {"type": "duckdb"},
        "batch_engine": {"type": engine},
        "entity_key_serialization_version": 3,
    }
    (folder / "feature_store.yaml").write_text(json.dumps(content))
    return Online(feast.FeatureStore(repo_path=str(folder)), kind, at, folder)


def view(name: str, features: Mapping[str, ValueKind], path: Path, **more: Any) -> list[Any]:
    """An entity of string keys and a feature view of it, over a Parquet file."""
    entity = feast.Entity(name="merchant", join_keys=[JOIN_KEY], value_type=feast.ValueType.STRING)
    fields = [feast.Field(name=JOIN_KEY, dtype=types.String)]
    fields += [feast.Field(name=feature, dtype=FEAST_TYPES[kind]) for feature, kind in features.items()]
    source = feast.FileSource(
        name=name,
        path=str(path),
        timestamp_field="event_timestamp",
        created_timestamp_column="created_timestamp",
    )
    return [entity, feast.FeatureView(name=name, entities=[entity], schema=fields, source=source, **more)]
