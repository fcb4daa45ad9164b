"""Feast's own stores, as they come: what the project's layout and writer are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import feast
import pytest
from feast import types
from feast.repo_config import RepoConfig

from riskloom.online.layout import ValueKind

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
STORES = ["sqlite", pytest.param("redis", marks=pytest.mark.needs("redis-server"))]


@dataclass(frozen=True)
class Online:
    """A feature store with Feast's own online store of one kind, and where that keeps its data."""

    store: feast.FeatureStore
    kind: str
    at: str

    def table(self, name: str) -> Any:
        """A feature view that is applied."""
        return self.store.get_feature_view(name)

    def write(self, view: str, rows: list[tuple[Any, dict[str, Any], Any, Any]]) -> None:
        """Write rows as Feast's own materialisation does: entity key, values, event time, creation time."""
        self.store._get_provider().online_write_batch(self.store.config, self.table(view), rows, None)


def online_store(kind: str, at: str, folder: Path) -> feast.FeatureStore:
    """A feature store without views, with one of Feast's own online stores."""
    online = {"type": "sqlite", "path": at} if kind == "sqlite" else {"type": "redis", "connection_string": at}
    config = RepoConfig(
        project=PROJECT,
        provider="local",
        registry={"registry_type": "sql", "path": f"sqlite:///{folder / 'registry.db'}"},
        online_store=online,
        offline_store={"type": "duckdb"},
        entity_key_serialization_version=3,
        repo_path=folder,
    )
    return feast.FeatureStore(config=config)


@pytest.fixture(params=STORES)
def online(request: pytest.FixtureRequest, tmp_path: Path) -> Online:
    """A feature store with an empty SQLite or Redis."""
    kind: str = request.param
    if kind == "sqlite":
        at = address = str(tmp_path / "online.db")
    else:
        import redis  # noqa: PLC0415

        address = request.getfixturevalue("redis_server")
        redis.Redis.from_url(address).flushdb()
        at = address.removeprefix("redis://").replace("/", ",db=")
    return Online(online_store(kind, at, tmp_path), kind, address)


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
