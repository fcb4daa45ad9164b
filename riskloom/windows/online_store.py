"""
Feast's online stores with windows: windowed views are computed from the state as of now, others are looked up.

Feast loads these classes by the name in its configuration. A windowed value is true at one instant only, so it is never
written to the online store: writing to a windowed view is refused.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from feast.infra.online_stores.online_store import OnlineStore
from feast.infra.online_stores.redis import RedisOnlineStore, RedisOnlineStoreConfig
from feast.infra.online_stores.sqlite import SqliteOnlineStore, SqliteOnlineStoreConfig
from feast.protos.feast.types.Value_pb2 import Value

from riskloom.catalog import load_catalog
from riskloom.errors import WindowError
from riskloom.windows.declaration import load_plan
from riskloom.windows.engine import WindowEngine
from riskloom.windows.plan import WindowView
from riskloom.windows.redis_store import RedisStateStore
from riskloom.windows.sqlite_store import SqliteStateStore
from riskloom.windows.store import StateStore

_DOMAIN_TAG = "domain"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: What Feast reads of one entity: when the values hold, and the values by feature.
Row = tuple[datetime | None, dict[str, Any] | None]


def now_us() -> int:
    """The clock: Feast hands none to its stores."""
    return time.time_ns() // 1_000


class RiskloomSqliteOnlineStoreConfig(SqliteOnlineStoreConfig):  # type: ignore[misc]
    """Configuration: that of Feast's SQLite store, dbt's manifest, and the file with the window state."""

    type: Literal["riskloom.windows.online_store.RiskloomSqliteOnlineStore"] = (
        "riskloom.windows.online_store.RiskloomSqliteOnlineStore"
    )
    manifest: str
    windows: str


class RiskloomRedisOnlineStoreConfig(RedisOnlineStoreConfig):  # type: ignore[misc]
    """Configuration: that of Feast's Redis store, dbt's manifest, and the URL of the Redis with the window state."""

    type: Literal["riskloom.windows.online_store.RiskloomRedisOnlineStore"] = (
        "riskloom.windows.online_store.RiskloomRedisOnlineStore"
    )
    manifest: str
    windows: str


class Windows:
    """The windowed views of every domain, computed by engines that are opened when first asked for."""

    def __init__(self, manifest: Path, open_state: Callable[[], StateStore]) -> None:
        catalog = load_catalog()
        self._plans = {name: load_plan(domain, manifest) for name, domain in catalog.items()}
        self._views = {view.mart: (name, view) for name, plan in self._plans.items() for view in plan.views}
        self._open_state = open_state
        self._engines: dict[str, WindowEngine] = {}

    def has(self, table: Any) -> bool:
        """Whether a feature view is windowed."""
        return table.name in self._views and table.tags.get(_DOMAIN_TAG) == self._views[table.name][0]

    def refuse(self, table: Any) -> None:
        """
        Refuse to write a windowed view.

        Raises:
            WindowError: The view is windowed.
        """
        if self.has(table):
            raise WindowError(f"{table.name}: a windowed view is computed when it is read and never written")

    def rows(self, table: Any, entity_keys: Sequence[Any], requested: Sequence[str] | None) -> list[Row]:
        """The features of entities as of now, in Feast's form."""
        domain, view = self._views[table.name]
        engine, at_us = self._engine(domain), now_us()
        at = _EPOCH + timedelta(microseconds=at_us)
        names = set(requested) if requested else {feature.name for feature in view.features}
        rows: list[Row] = []
        for entity_key in entity_keys:
            (key,) = entity_key.entity_values
            rows.append((at, _row(view, names, engine.read({view.join_key: key.string_val or None}))))
        return rows

    def _engine(self, domain: str) -> WindowEngine:
        if domain not in self._engines:
            self._engines[domain] = WindowEngine(self._plans[domain], self._open_state(), now_us)
        return self._engines[domain]


class RiskloomSqliteOnlineStore(SqliteOnlineStore):  # type: ignore[misc]
    """Feast's SQLite store with windows."""

    _windows: Windows | None = None

    def windows(self, config: Any) -> Windows:
        """The windowed views, with their state in a SQLite file."""
        if self._windows is None:
            settings = config.online_store
            self._windows = Windows(Path(settings.manifest), lambda: SqliteStateStore(Path(settings.windows)))
        return self._windows

    def online_write_batch(self, config: Any, table: Any, data: Any, progress: Any) -> None:
        """Write a view that is not windowed."""
        self.windows(config).refuse(table)
        super().online_write_batch(config, table, data, progress)

    def online_read(
        self, config: Any, table: Any, entity_keys: list[Any], requested_features: list[str] | None = None
    ) -> list[Row]:
        """Compute a windowed view, or look up another."""
        if self.windows(config).has(table):
            return self.windows(config).rows(table, entity_keys, requested_features)
        rows: list[Row] = super().online_read(config, table, entity_keys, requested_features)
        return rows


class RiskloomRedisOnlineStore(RedisOnlineStore):  # type: ignore[misc]
    """Feast's Redis store with windows."""

    _windows: Windows | None = None

    def windows(self, config: Any) -> Windows:
        """The windowed views, with their state in Redis."""
        if self._windows is None:
            settings = config.online_store
            self._windows = Windows(Path(settings.manifest), lambda: RedisStateStore(settings.windows))
        return self._windows

    def online_write_batch(self, config: Any, table: Any, data: Any, progress: Any) -> None:
        """Write a view that is not windowed."""
        self.windows(config).refuse(table)
        super().online_write_batch(config, table, data, progress)

    async def online_write_batch_async(self, config: Any, table: Any, data: Any, progress: Any) -> None:
        """Write a view that is not windowed."""
        self.windows(config).refuse(table)
        await super().online_write_batch_async(config, table, data, progress)

    def online_read(
        self, config: Any, table: Any, entity_keys: list[Any], requested_features: list[str] | None = None
    ) -> list[Row]:
        """Compute a windowed view, or look up another."""
        if self.windows(config).has(table):
            return self.windows(config).rows(table, entity_keys, requested_features)
        rows: list[Row] = super().online_read(config, table, entity_keys, requested_features)
        return rows

    async def online_read_async(
        self, config: Any, table: Any, entity_keys: list[Any], requested_features: list[str] | None = None
    ) -> list[Row]:
        """Compute a windowed view, or look up another."""
        if self.windows(config).has(table):
            return self.windows(config).rows(table, entity_keys, requested_features)
        rows: list[Row] = await super().online_read_async(config, table, entity_keys, requested_features)
        return rows

    def _read_features_per_fv(self, config: Any, grouped_refs: list[Any], *rest: Any, **more: Any) -> None:
        """Feast reads all views in one pipeline; the windowed ones are taken out of it."""
        windowed = [each for each in grouped_refs if self.windows(config).has(each[0])]
        plain = [each for each in grouped_refs if not self.windows(config).has(each[0])]
        super()._read_features_per_fv(config, plain, *rest, **more)
        OnlineStore._read_features_per_fv(self, config, windowed, *rest, **more)

    async def _read_features_per_fv_async(self, config: Any, grouped_refs: list[Any], *rest: Any, **more: Any) -> None:
        windowed = [each for each in grouped_refs if self.windows(config).has(each[0])]
        plain = [each for each in grouped_refs if not self.windows(config).has(each[0])]
        await super()._read_features_per_fv_async(config, plain, *rest, **more)
        OnlineStore._read_features_per_fv(self, config, windowed, *rest, **more)


def _row(view: WindowView, names: set[str], values: dict[str, float | None]) -> dict[str, Any]:
    row = {}
    for feature in view.features:
        if feature.name in names:
            value = values[feature.name]
            if value is None:
                row[feature.name] = Value()
            elif feature.data_type == "bigint":
                row[feature.name] = Value(int64_val=int(value))
            else:
                row[feature.name] = Value(double_val=value)
    return row
