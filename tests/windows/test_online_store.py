"""Feast's SDK over window state: the values the engine serves, and no way to write others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import feast
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast import types
from feast.repo_config import RegistryConfig, RepoConfig

from riskloom.errors import NotBootstrappedError, WindowError
from riskloom.windows import WindowPlan
from riskloom.windows import online_store as plugin
from riskloom.windows.engine import WindowEngine
from riskloom.windows.redis_store import RedisStateStore
from riskloom.windows.sqlite_store import SqliteStateStore
from riskloom.windows.store import StateStore
from tests.windows.declared import any_domain, manifest
from tests.windows.streams import SECOND, START, proof_models
from tests.windows.test_bad_input import EVENT
from tests.windows.test_proof import started

_STORES = ["sqlite", pytest.param("redis", marks=pytest.mark.needs("redis-server"))]
_NOW = START + SECOND


@dataclass(frozen=True)
class Served:
    """A feature store and the state behind it."""

    store: feast.FeatureStore
    state: StateStore
    plan: WindowPlan


@pytest.fixture(params=_STORES)
def served(
    request: pytest.FixtureRequest, plan: WindowPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Served]:
    """Feast with the plan's views and one that is not windowed, at a clock that stands still."""
    monkeypatch.setattr(plugin, "now_us", lambda: _NOW)
    monkeypatch.setattr(plugin, "load_catalog", lambda: {plan.domain: any_domain()})
    online: dict[str, Any] = {"manifest": str(manifest(tmp_path / "manifest.json", *proof_models()))}
    state: StateStore
    if request.param == "redis":
        import redis  # noqa: PLC0415

        url: str = request.getfixturevalue("redis_server")
        redis.Redis.from_url(url).flushdb()
        online |= {"type": f"{plugin.__name__}.RiskloomRedisOnlineStore", "windows": url}
        online["connection_string"] = url.removeprefix("redis://").replace("/0", ",db=0")
        state = RedisStateStore(url)
    else:
        path = tmp_path / "windows.db"
        online |= {"type": f"{plugin.__name__}.RiskloomSqliteOnlineStore", "windows": str(path)}
        online["path"] = str(tmp_path / "online.db")
        state = SqliteStateStore(path)
    config = RepoConfig(
        project="riskloom",
        provider="local",
        registry=RegistryConfig(path=str(tmp_path / "registry.pb")),
        online_store=online,
        offline_store={"type": "duckdb"},
        batch_engine={"type": "riskloom.features.online_engine.BulkComputeEngine"},
        entity_key_serialization_version=3,
        repo_path=tmp_path,
    )
    store = feast.FeatureStore(config=config)
    store.apply(_objects(plan, tmp_path))
    yield Served(store, state, plan)
    state.close()


def _objects(plan: WindowPlan, folder: Path) -> list[Any]:
    """Feast's objects of the plan's views, and of a view that is looked up."""
    entities = {
        view.join_key: feast.Entity(name=view.join_key, join_keys=[view.join_key], value_type=feast.ValueType.STRING)
        for view in plan.views
    }
    kinds = {"double": types.Float64, "bigint": types.Int64}
    columns = {view.mart: {feature.name: kinds[feature.data_type] for feature in view.features} for view in plan.views}
    keys = {view.mart: view.join_key for view in plan.views} | {"plain": "card"}
    objects: list[Any] = list(entities.values())
    for name, features in (columns | {"plain": {"age": types.Float64}}).items():
        path = folder / f"{name}.parquet"
        pq.write_table(pa.table({"event_timestamp": [datetime(2023, 1, 1, tzinfo=UTC)]}), path)
        fields = [feast.Field(name=feature, dtype=kind) for feature, kind in features.items()]
        objects.append(
            feast.FeatureView(
                name=name,
                entities=[entities[keys[name]]],
                ttl=timedelta(days=3650),
                schema=[feast.Field(name=keys[name], dtype=types.String), *fields],
                source=feast.FileSource(name=name, path=str(path), timestamp_field="event_timestamp"),
                tags={"domain": plan.domain},
            )
        )
    return objects


def test_the_sdk_serves_what_the_engine_serves(served: Served) -> None:
    """Windowed views are computed as of now, several entities at once; another view is looked up beside them."""
    engine = started(served.plan, served.state)
    for number in range(5):
        engine.observe("payments", {**EVENT, "payment": f"p{number}"}, effective_us=START, observed_us=START)
    row = {"card": ["a"], "age": [7.0], "event_timestamp": [datetime(2023, 11, 1, tzinfo=UTC)]}
    served.store.write_to_online_store("plain", pd.DataFrame(row))
    view = next(view for view in served.plan.views if view.join_key == "card")
    features = _of_cards(served)
    rows = [{"card": "a"}, {"card": "never seen"}]
    with ThreadPoolExecutor(1) as pool:  # where a browser is driven, this thread's event loop is taken
        later = pool.submit(asyncio.run, _read_async(served, [*features, "plain:age"], rows)).result()
    for found in (served.store.get_online_features([*features, "plain:age"], rows).to_dict(), later):
        for place, key in enumerate(("a", "never seen")):
            wanted = engine.read({"card": key}, _NOW)
            assert {feature.name: found[feature.name][place] for feature in view.features} == wanted
        assert found["card_count_4s"] == [5, 0]
        assert found["age"] == [7.0, None]


async def _read_async(served: Served, features: list[str], rows: list[dict[str, str]]) -> dict[str, Any]:
    if isinstance(served.state, SqliteStateStore):  # Feast's SQLite store has no asynchronous reads
        return dict(served.store.get_online_features(features, rows).to_dict())
    found = await served.store.get_online_features_async(features, rows)
    await served.store._get_provider().online_store._client_async.aclose()  # Feast leaves it open
    return dict(found.to_dict())


def test_windowed_values_are_never_written(served: Served) -> None:
    """What is pushed would be true at one instant and served at others."""
    started(served.plan, served.state)
    view = next(view for view in served.plan.views if view.join_key == "device")
    row = {"device": ["a"], "device_count": [1], "device_high": [1], "event_timestamp": [datetime(2023, 11, 1)]}  # noqa: DTZ001
    with pytest.raises(WindowError, match="computed when it is read and never written"):
        served.store.write_to_online_store(view.mart, pd.DataFrame(row))


def test_materialising_everything_leaves_windows_alone(served: Served, tmp_path: Path) -> None:
    """Of all views the one that is looked up is written; the windowed ones are computed as before, and no error."""
    started(served.plan, served.state)
    at = datetime(2023, 11, 1, tzinfo=UTC)
    rows = pa.table({"card": ["a"], "age": [7.0], "event_timestamp": [at]})
    pq.write_table(rows, tmp_path / "plain.parquet")
    served.store.materialize(start_date=at, end_date=at)
    found = served.store.get_online_features(["plain:age", *_of_cards(served)], [{"card": "a"}]).to_dict()
    assert found["age"] == [7.0]
    assert found["card_count_4s"] == [0]


def _of_cards(served: Served) -> list[str]:
    view = next(view for view in served.plan.views if view.join_key == "card")
    return [f"{view.mart}:{feature.name}" for feature in view.features]


def test_nothing_is_served_before_history_is_there(served: Served) -> None:
    """Zeros would be wrong numbers."""
    view = next(view for view in served.plan.views if view.join_key == "device")
    with pytest.raises(NotBootstrappedError):
        served.store.get_online_features([f"{view.mart}:device_count"], [{"device": "a"}])
    assert isinstance(started(served.plan, served.state), WindowEngine)
    found = served.store.get_online_features([f"{view.mart}:device_count"], [{"device": "a"}]).to_dict()
    assert found["device_count"] == [0]
