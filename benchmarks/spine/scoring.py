"""One event over HTTP, as a caller sees it, against BentoML's ``@api`` with Feast's SDK on the same store and model."""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import httpx
import numpy as np

from benchmarks.champion import champion
from benchmarks.rows import Row
from benchmarks.services import free_port, running
from benchmarks.spine.peer_service import CONFIGURATION
from benchmarks.workbench import Built, Workbench
from riskloom.access import create_key, score_scope
from riskloom.catalog import Domain
from riskloom.errors import ServiceError
from riskloom.features import catch_up
from riskloom.features.definitions import definitions
from riskloom.registry import LoadedModel, feature_service_name
from riskloom.settings import Settings, environment
from riskloom.stack.live import read_events, wait_until_scored
from riskloom.stack.services import Service, services
from riskloom.wiring import model_store, store_location

_PEER = "BentoML @api, Feast's SDK and a LightGBM booster: a score and nothing else"
_WARM_UP = 200
_OK = 200


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from sending a request to having its whole answer, one request after the other."""

    p50: float
    p99: float


def measure(bench: Workbench) -> Iterator[Row]:
    """Score events one after the other over one connection, with the embedded online store."""
    built = bench.built(bench.size(200_000, 10_000))
    settings = built.settings.model_copy(update={"scoring_port": free_port()})
    model = champion(bench, built)
    bench.say("  filling the live windows")
    caught = catch_up(
        bench.domain,
        store_location(built.settings),
        marts=built.settings.marts,
        entries=built.settings.entries,
        as_of=built.as_of,
        now=built.as_of,
        threads=built.settings.duckdb_threads,
        memory=built.settings.duckdb_memory,
    )
    bench.say(f"  {caught.history:,} events of history")
    events = _events(bench, bench.size(3_000, 200) + _WARM_UP)
    ours = _ours(bench, settings, events)
    theirs = _theirs(bench, built, model, events)
    where = f"one event over HTTP, {len(built.views)} views, {len(model.manifest.features)} features, SQLite online"
    yield Row(f"p50 of {where}", ours.p50, "ms", "lower", _PEER, theirs.p50)
    yield Row(f"p99 of {where}", ours.p99, "ms", "lower", _PEER, theirs.p99)


def _events(bench: Workbench, count: int) -> list[dict[str, Any]]:
    """The newest payments again, as new ones that are made now: their entities' windows are full."""
    folder = bench.simulated(bench.size(200_000, 10_000)).folder
    key, now = bench.domain.subject.key, datetime.now(UTC).isoformat()
    newest = read_events(bench.domain, folder, sys.maxsize)[-count:]
    return [{**event, key: f"again-{event[key]}", "effective_at": now} for event in newest]


def _ours(bench: Workbench, settings: Settings, events: Sequence[dict[str, Any]]) -> Latency:
    domain, port = bench.domain, settings.scoring_port
    scope = score_scope(domain.name)
    key = create_key(settings.api_keys, "benchmarks", [scope], created_at=bench.end, secret=secrets.token_bytes(32))
    service = next(each for each in services(settings) if each.name == "scoring")
    url = f"http://{settings.host}:{port}"
    with running(service, folder=bench.work_in(f"run-{service.name}"), project=settings.project, say=bench.say):
        wait_until_scored(url, domain, seconds=120)
        bodies = [json.dumps(event).encode() for event in events]
        return _send(f"{url}/v1/domains/{domain.name}/score", bodies, {"Authorization": f"Bearer {key}"})


def _theirs(bench: Workbench, built: Built, model: LoadedModel, events: Sequence[dict[str, Any]]) -> Latency:
    settings, port = built.settings, free_port()
    path = bench.work_in("scoring") / "peer.json"
    path.write_text(json.dumps(_peer_configuration(bench, built, model)), encoding="utf-8")
    bench.say("  materialising the views for the peer")
    _materialise(bench.domain, built, _peer_store(bench, built))
    command = ("bentoml", "serve", "benchmarks.spine.peer_service:Peer", "--host", settings.host, "--port", str(port))
    url = f"http://{settings.host}:{port}"
    service = Service(
        name="peer",
        command=command,
        environment={
            **environment(settings),
            "PYTHONPATH": str(settings.project),
            "BENTOML_HOME": str(bench.work_in("scoring")),
            CONFIGURATION: str(path),
        },
        health=f"{url}/readyz",
        host=settings.host,
        port=port,
    )
    with running(service, folder=bench.work_in(f"run-{service.name}"), project=settings.project, say=bench.say):
        return _send(f"{url}/score", [json.dumps({"event": event}).encode() for event in events], {})


def _peer_store(bench: Workbench, built: Built) -> dict[str, Any]:
    """Feast's configuration for the peer: its own SQLite store beside the same registry."""
    config = built.store.config
    return {
        "project": config.project,
        "provider": "local",
        "registry": {"registry_type": "sql", "path": f"sqlite:///{built.settings.feast_registry}"},
        "offline_store": {"type": "duckdb"},
        "online_store": {"type": "sqlite", "path": str(bench.work_in("scoring") / "online.db")},
        "entity_key_serialization_version": config.entity_key_serialization_version,
        "repo_path": str(config.repo_path),
    }


def _materialise(domain: Domain, built: Built, configuration: dict[str, Any]) -> None:
    """Write every entity's state at the build to the peer's store, as Feast does it."""
    import feast  # noqa: PLC0415
    from feast.repo_config import RepoConfig  # noqa: PLC0415

    store = feast.FeatureStore(config=RepoConfig(**configuration))
    store.apply(definitions(domain, built.views, built.settings.marts))
    with redirect_stdout(StringIO()):  # Feast prints its progress, in colours
        store.materialize(built.as_of, built.as_of, feature_views=[view.mart for view in built.views])


def _peer_configuration(bench: Workbench, built: Built, model: LoadedModel) -> dict[str, Any]:
    domain = bench.domain
    return {
        "domain": domain.name,
        "feast": _peer_store(bench, built),
        "feature_service": feature_service_name(domain.name, model.version),
        "features": list(model.manifest.feature_names),
        "join_keys": sorted({view.join_key for view in built.views}),
        "model": str(model_store(built.settings).folder(domain.name, model.version) / "model.txt"),
    }


def _send(url: str, bodies: Sequence[bytes], headers: dict[str, str]) -> Latency:
    """Send all, the first of which only warm up."""
    took = []
    with httpx.Client(headers={"Content-Type": "application/json", **headers}, timeout=10, trust_env=False) as client:
        for body in bodies:
            begin = time.perf_counter()
            answer = client.post(url, content=body)
            took.append(1000 * (time.perf_counter() - begin))
            if answer.status_code != _OK:
                raise ServiceError(f"{url}: expected status 200, found {answer.status_code}: {answer.text[:300]}")
    p50, p99 = np.percentile(took[_WARM_UP:], [50, 99])
    return Latency(float(p50), float(p99))
