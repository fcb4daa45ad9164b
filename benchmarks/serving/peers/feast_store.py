"""The peers' feature store: Feast's own Redis store, with every windowed view written down as rows."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.serving.home import Home
from benchmarks.workbench import Workbench
from riskloom.errors import ServiceError
from riskloom.features import ensure_feature_service
from riskloom.features.definitions import definitions
from riskloom.wiring import model_store

if TYPE_CHECKING:
    import feast

_SERVICE = "peers"
_BULK = "riskloom.features.online_engine.BulkComputeEngine"
_FOUND = 0.8
_DATABASE = 1  # beside the window state, in the same Redis


def fill_store(bench: Workbench, home: Home, redis_url: str) -> Path:
    """
    Write every entity's values as of the build, and say in a file what a peer needs to know.

    Raises:
        ServiceError: An event's features cannot be found: peers that find nothing are too fast.
    """
    folder = bench.work_in("peers")
    configuration = _configuration(folder, redis_url)
    store = _open({**configuration, "batch_engine": {"type": _BULK}})
    domain, views = bench.domain, home.built.views
    bench.say("  writing the views for the peers")
    store.apply(definitions(domain, views, home.built.settings.marts))
    as_of = home.built.as_of
    with redirect_stdout(StringIO()):  # Feast prints its progress, in colours
        store.materialize(as_of, as_of, feature_views=[view.mart for view in views])
    names = home.model.manifest.feature_names
    ensure_feature_service(store, domain, views, name=_SERVICE, features=names)
    keys = sorted({view.join_key for view in views})
    known = [{**event, **domain.event_table.joined_values(event)} for event in home.known[:100]]
    _check(store, [{key: event[key] or "" for key in keys} for event in known])
    path = folder / "peer.json"
    content = {
        "domain": domain.name,
        "feast": configuration,
        "feature_service": _SERVICE,
        "features": list(names),
        "join_keys": keys,
        "model": str(model_store(home.built.settings).folder(domain.name, home.model.version) / "model.txt"),
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def _configuration(folder: Path, redis_url: str) -> dict[str, Any]:
    address = redis_url.removeprefix("redis://").partition("/")[0]
    return {
        "project": "peers",
        "provider": "local",
        # kept for good once it was read: nothing changes while it is measured
        "registry": {"registry_type": "sql", "path": f"sqlite:///{folder / 'registry.db'}", "cache_ttl_seconds": 0},
        "offline_store": {"type": "duckdb"},
        "online_store": {"type": "redis", "connection_string": f"{address},db={_DATABASE}"},
        "entity_key_serialization_version": 3,
        "repo_path": str(folder),
    }


def _open(configuration: dict[str, Any]) -> feast.FeatureStore:
    import feast  # noqa: PLC0415 - takes seconds
    from feast.repo_config import RepoConfig  # noqa: PLC0415

    return feast.FeatureStore(config=RepoConfig(**configuration))


def _check(store: feast.FeatureStore, rows: list[dict[str, str]]) -> None:
    """Nearly all are found; an event may name no device, say, and a value that was found may be empty."""
    from feast.protos.feast.serving.ServingService_pb2 import FieldStatus  # noqa: PLC0415

    answer = store.get_online_features(features=store.get_feature_service(_SERVICE), entity_rows=rows).proto
    statuses = [status for vector in answer.results for status in vector.statuses]
    found = statuses.count(FieldStatus.PRESENT)
    if found < _FOUND * len(statuses):
        raise ServiceError(f"the peers' store: expected {_FOUND:.0%} of {len(statuses)} values, found {found}")
