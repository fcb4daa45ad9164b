"""
Feast's materialisation done by the bulk writer: what ``feast materialize`` and ``FeatureStore.materialize`` run.

Feast loads this class by the name in ``feature_store.yaml``. It writes what Feast's own local engine writes (of each
entity the newest row of the range) in batches that are there or are not, by one rule on both stores; Feast moves a
view's watermark after this returns. A windowed view is computed when it is read: there is nothing to write of it.
"""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from feast import FileSource, ValueType
from feast.infra.common.materialization_job import MaterializationJobStatus
from feast.infra.compute_engines.local.compute import LocalComputeEngine, LocalComputeEngineConfig
from feast.infra.compute_engines.local.job import LocalMaterializationJob
from feast.infra.online_stores.redis import RedisOnlineStore, RedisType
from feast.infra.online_stores.sqlite import SqliteOnlineStore

from riskloom.errors import FeatureError
from riskloom.online.layout import ValueKind
from riskloom.online.mart import Mart
from riskloom.online.redis_writer import RedisWriter
from riskloom.online.sqlite_writer import SqliteWriter
from riskloom.online.writer import Writer, write_mart

_LOG = logging.getLogger(__name__)
_KINDS: dict[Any, ValueKind] = {
    ValueType.DOUBLE: "double",
    ValueType.FLOAT: "float",
    ValueType.INT64: "int64",
    ValueType.INT32: "int32",
    ValueType.BOOL: "bool",
    ValueType.STRING: "string",
    ValueType.UNIX_TIMESTAMP: "unix_timestamp",
}
_SERIALIZATION = 3
_PATIENCE = 10.0  # seconds to wait for Redis: a build may, where a decision may not
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> datetime:
    """The clock: Feast hands none to its engines."""
    return datetime.now(UTC)


class BulkComputeEngineConfig(LocalComputeEngineConfig):  # type: ignore[misc]
    """Configuration: that of Feast's local engine."""

    type: str = "riskloom.features.online_engine.BulkComputeEngine"


class BulkComputeEngine(LocalComputeEngine):  # type: ignore[misc]
    """Feast's local engine; only materialisation differs."""

    def _materialize_one(self, registry: Any, task: Any, **_: Any) -> LocalMaterializationJob:  # noqa: ARG002
        """Write one view; it is written when this returns."""
        self._write(task)
        job = f"{task.feature_view.name}-{task.start_time}-{task.end_time}"
        return LocalMaterializationJob(job_id=job, status=MaterializationJobStatus.SUCCEEDED)

    def _write(self, task: Any) -> None:
        view, clock = task.feature_view, now()
        if _is_windowed(self.online_store, self.repo_config, view):
            _LOG.info("%s: computed when it is read, nothing to write", view.name)
            return
        start, end = (_EPOCH, clock) if task.disable_event_timestamp else (task.start_time, task.end_time)
        mart = mart_of(view, self.repo_config)
        with _writer(self.online_store, self.repo_config, mart) as writer:
            found = write_mart(mart, writer, start=start, end=end, now=clock)
        _LOG.info("%s: %d entities written, %d hold at a later time", view.name, found.written, found.newer)


def mart_of(view: Any, config: Any) -> Mart:
    """
    A feature view as the writer takes it.

    Raises:
        FeatureError: The view asks for something that ``riskloom.features.definitions`` never declares.
    """
    source, entities = view.batch_source, view.entity_columns
    kinds = {field.name: _KINDS.get(field.dtype.to_value_type()) for field in view.features}
    expectations = {
        "a local Parquet file as its source": isinstance(source, FileSource) and "://" not in source.path,
        "no field mapping": not getattr(source, "field_mapping", None),
        "one join key of type string": [each.dtype.to_value_type() for each in entities] == [ValueType.STRING],
        f"features of types {', '.join(_KINDS.values())}": None not in kinds.values(),
        "no versions of views online": not config.registry.enable_online_feature_view_versioning,
        f"entity_key_serialization_version {_SERIALIZATION}": config.entity_key_serialization_version == _SERIALIZATION,
    }
    for expected, is_met in expectations.items():
        if not is_met:
            raise FeatureError(f"{view.name}: cannot be written online: expected {expected}, found something else")
    path = Path(source.path)
    return Mart(
        view=view.name,
        path=path if path.is_absolute() else Path(config.repo_path) / path,
        join_key=entities[0].name,
        features={name: kind for name, kind in kinds.items() if kind is not None},
        timestamp=source.timestamp_field,
        created=source.created_timestamp_column or None,
    )


def _is_windowed(online_store: Any, config: Any, view: Any) -> bool:
    """Whether the online store computes the view; Feast's own stores compute none."""
    windows = getattr(online_store, "windows", None)
    return windows is not None and bool(windows(config).has(view))


def _writer(online_store: Any, config: Any, mart: Mart) -> AbstractContextManager[Writer]:
    settings = config.online_store
    if isinstance(online_store, SqliteOnlineStore):
        return SqliteWriter(Path(online_store._get_db_path(config)), mart, project=config.project)
    if isinstance(online_store, RedisOnlineStore) and settings.redis_type == RedisType.redis:
        return RedisWriter(
            _patient(online_store._get_client(settings).connection_pool),
            mart,
            project=config.project,
            seconds_to_live=settings.key_ttl_seconds,
        )
    raise FeatureError(f"{settings.type}: the bulk writer writes SQLite and a single Redis; expected one of them")


def _patient(pool: Any) -> Any:
    """The same connections, with more patience."""
    return type(pool)(connection_class=pool.connection_class, **{**pool.connection_kwargs, "socket_timeout": _PATIENCE})
