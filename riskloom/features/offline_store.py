"""
Feast's DuckDB offline store with the point-in-time join done by DuckDB's ASOF join.

Feast's own join pairs every row of an entity with every earlier value of it and then keeps the newest, so its cost
grows with the square of an entity's history; on card payments it needs gigabytes for a week. The ASOF join finds the
newest earlier value directly. It is used where it gives the same answer by construction (one value an instant, known
when it holds); anything else goes to Feast's join. Feast loads this class by the name in ``feature_store.yaml``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import ibis  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
import pyarrow as pa
from feast import FileSource
from feast.infra.offline_stores.duckdb import DuckDBOfflineStore, DuckDBOfflineStoreConfig, _write_data_source
from feast.infra.offline_stores.ibis import IbisRetrievalJob
from feast.infra.offline_stores.offline_store import RetrievalMetadata

from riskloom.sql import quoted

_TIMESTAMP = "event_timestamp"
_ROW = "__row"
_INSTANT = "__instant"


class AsOfOfflineStoreConfig(DuckDBOfflineStoreConfig):  # type: ignore[misc]
    """Configuration: that of the DuckDB store."""

    type: str = "riskloom.features.offline_store.AsOfOfflineStore"


@dataclass(frozen=True)
class _Lookup:
    """One feature view of a request: where its values lie and which of them are asked for."""

    path: str
    key: str
    timestamp: str
    created: str | None
    ttl: timedelta
    features: tuple[str, ...]


class AsOfOfflineStore(DuckDBOfflineStore):  # type: ignore[misc]
    """The DuckDB store; only ``get_historical_features`` differs, and only in speed."""

    @staticmethod
    def get_historical_features(
        config: Any,
        feature_views: list[Any],
        feature_refs: list[str],
        entity_df: pd.DataFrame | str,
        registry: Any,
        project: str,
        full_feature_names: bool = False,
        filter_by_created_timestamp: bool = False,
    ) -> Any:
        """Join each row of ``entity_df`` with the newest value of each view that was there at its time."""
        lookups = [_lookup(view, feature_refs) for view in feature_views]
        plain = [lookup for lookup in lookups if lookup is not None]
        is_plain = len(plain) == len(lookups) and not full_feature_names
        if is_plain and isinstance(entity_df, pd.DataFrame) and _TIMESTAMP in entity_df and len(entity_df):
            joined = _join(entity_df, plain)
            if joined is not None:
                return IbisRetrievalJob(
                    ibis.memtable(joined),
                    on_demand_feature_views=[],
                    full_feature_names=False,
                    metadata=_metadata(entity_df, feature_refs),
                    data_source_writer=_write_data_source,
                    staging_location=config.offline_store.staging_location,
                    staging_location_endpoint_override=config.offline_store.staging_location_endpoint_override,
                    repo_path=str(config.repo_path),
                )
        return DuckDBOfflineStore.get_historical_features(
            config,
            feature_views,
            feature_refs,
            entity_df,
            registry,
            project,
            full_feature_names,
            filter_by_created_timestamp,
        )


def _lookup(view: Any, feature_refs: list[str]) -> _Lookup | None:
    """What to look up for a view, or None where its declaration asks for more than an ASOF join can do."""
    source = view.batch_source
    keys = [entity.name for entity in view.entity_columns]
    if (
        not isinstance(source, FileSource)
        or not source.path.endswith(".parquet")
        or "://" in source.path
        or source.field_mapping
        or view.projection.join_key_map
        or len(keys) != 1
        or not view.ttl
    ):
        return None
    prefix = f"{view.projection.name_to_use()}:"
    return _Lookup(
        path=source.path,
        key=keys[0],
        timestamp=source.timestamp_field,
        created=source.created_timestamp_column or None,
        ttl=view.ttl,
        features=tuple(ref.removeprefix(prefix) for ref in feature_refs if ref.startswith(prefix)),
    )


def _join(entity_df: pd.DataFrame, lookups: list[_Lookup]) -> pa.Table | None:
    """The rows of ``entity_df`` in their order, with every view's features; None where a view does not qualify."""
    rows = entity_df.copy(deep=False)
    rows[_INSTANT] = pd.to_datetime(rows[_TIMESTAMP], utc=True).dt.tz_localize(None).astype("datetime64[us]")
    rows[_ROW] = np.arange(len(rows), dtype=np.int64)
    result = pa.Table.from_pandas(entity_df, preserve_index=False)
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute("set enable_progress_bar = false")
        for lookup in lookups:
            connection.register("entities", rows[[lookup.key, _INSTANT, _ROW]])
            span = {
                "path": lookup.path,
                "earliest": rows[_INSTANT].min().to_pydatetime() - lookup.ttl,
                "latest": rows[_INSTANT].max().to_pydatetime(),
            }
            if not _qualifies(connection, lookup, span):
                return None
            found = _newest(connection, lookup, span)
            for name in lookup.features:
                result = result.append_column(name, found[name])
    return result


def _qualifies(connection: duckdb.DuckDBPyConnection, lookup: _Lookup, span: dict[str, Any]) -> bool:
    """Whether each instant of an entity has one value, which was known at that instant."""
    key, at = quoted(lookup.key), f"cast({quoted(lookup.timestamp)} as timestamp)"
    late = "0" if lookup.created is None else f"count(*) filter (cast({quoted(lookup.created)} as timestamp) > {at})"
    query = f"""
        select {late} = 0 and count(*) = count(distinct hash({key}, {at}))
        from read_parquet($path)
        where {at} >= $earliest and {at} <= $latest
    """  # noqa: S608 - names come from the validated declaration and are quoted, values are bound
    return bool(connection.execute(query, span).fetchall()[0][0])


def _newest(connection: duckdb.DuckDBPyConnection, lookup: _Lookup, span: dict[str, Any]) -> pa.Table:
    """The features of one view for every row, in the order of the rows; null where there is none within the ttl."""
    key, at = quoted(lookup.key), f"cast({quoted(lookup.timestamp)} as timestamp)"
    chosen = ", ".join(
        f"case when entities.{_INSTANT} <= known.at + $ttl then known.{quoted(name)} end as {quoted(name)}"
        for name in lookup.features
    )
    query = f"""
        with known as (
            select {key} as key, {at} as at, {", ".join(map(quoted, lookup.features))}
            from read_parquet($path)
            where {at} >= $earliest and {at} <= $latest
        )
        select {chosen}
        from entities
        asof left join known on entities.{key} = known.key and entities.{_INSTANT} >= known.at
        order by entities.{_ROW}
    """  # noqa: S608
    return connection.sql(query, params={**span, "ttl": lookup.ttl}).to_arrow_table()


def _metadata(entity_df: pd.DataFrame, feature_refs: list[str]) -> RetrievalMetadata:
    times = pd.to_datetime(entity_df[_TIMESTAMP], utc=True)
    bounds: list[datetime] = [times.min().to_pydatetime().astimezone(UTC), times.max().to_pydatetime().astimezone(UTC)]
    return RetrievalMetadata(
        features=feature_refs,
        keys=[name for name in entity_df.columns if name != _TIMESTAMP],
        min_event_timestamp=bounds[0],
        max_event_timestamp=bounds[1],
    )
