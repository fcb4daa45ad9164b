"""One event over HTTP, as a caller sees it, against BentoML's ``@api`` with Feast's SDK on the same store and model."""

from __future__ import annotations

import json
import secrets
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np

from benchmarks.rows import Row
from benchmarks.spine.peer_service import CONFIGURATION
from benchmarks.workbench import Built, Workbench
from riskloom.access import create_key, score_scope
from riskloom.catalog import Domain
from riskloom.errors import ServiceError
from riskloom.features import materialise
from riskloom.registry import LoadedModel, feature_service_name, load_model
from riskloom.settings import Settings, environment
from riskloom.stack.live import read_events, wait_until_scored
from riskloom.stack.services import Service, services
from riskloom.stack.supervisor import Supervisor
from riskloom.training.pipeline import promote_if_passed, train_and_save
from riskloom.wiring import feature_source, model_store

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
    settings = built.settings.model_copy(update={"scoring_port": _free_port()})
    model = _champion(bench, built)
    bench.say("  filling the online store")
    materialise(built.store, bench.domain, built.views, as_of=built.as_of)
    count = bench.size(3_000, 200) + _WARM_UP
    events = read_events(bench.domain, bench.simulated(bench.size(200_000, 10_000)).folder, count)
    ours = _ours(bench, settings, events)
    theirs = _theirs(bench, built, model, events)
    where = f"one event over HTTP, {len(built.views)} views, SQLite online"
    yield Row(f"p50 of {where}", ours.p50, "ms", "lower", _PEER, theirs.p50)
    yield Row(f"p99 of {where}", ours.p99, "ms", "lower", _PEER, theirs.p99)


def _champion(bench: Workbench, built: Built) -> LoadedModel:
    """A promoted LightGBM model; one setting, since only its speed matters here."""
    domain = bench.domain
    plan = domain.training.model_copy(update={"candidates": ("lightgbm",), "trials": 1})
    gate = domain.gate.model_copy(update={"minimum": 0.0, "tolerance": 0.0, "min_positives": 1})
    quick = domain.model_copy(update={"training": plan, "gate": gate})
    store, registry = model_store(built.settings), built.settings.registry
    at = built.as_of
    saved = train_and_save(
        quick, feature_source(built.settings, domain), store, registry, as_of=at, at=at, by="benchmarks"
    )
    version = str(saved["version"])
    answer = promote_if_passed(domain.name, store, registry, version, by="benchmarks", why="to be measured", at=at)
    if not answer["promoted"]:
        raise ServiceError(f"{domain.name}: no champion to measure: {'; '.join(answer['reasons'])}")
    return load_model(store, domain.name, version)


def _ours(bench: Workbench, settings: Settings, events: Sequence[dict[str, Any]]) -> Latency:
    domain, port = bench.domain, settings.scoring_port
    scope = score_scope(domain.name)
    key = create_key(settings.api_keys, "benchmarks", [scope], created_at=bench.end, secret=secrets.token_bytes(32))
    service = next(each for each in services(settings) if each.name == "scoring")
    url = f"http://{settings.host}:{port}"
    with _running(bench, settings, service):
        wait_until_scored(url, domain, seconds=120)
        bodies = [json.dumps(event).encode() for event in events]
        return _send(f"{url}/v1/domains/{domain.name}/score", bodies, {"Authorization": f"Bearer {key}"})


def _theirs(bench: Workbench, built: Built, model: LoadedModel, events: Sequence[dict[str, Any]]) -> Latency:
    settings, port = built.settings, _free_port()
    path = bench.work_in("scoring") / "peer.json"
    path.write_text(json.dumps(_peer_configuration(bench.domain, built, model)), encoding="utf-8")
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
    with _running(bench, settings, service):
        return _send(f"{url}/score", [json.dumps({"event": event}).encode() for event in events], {})


def _peer_configuration(domain: Domain, built: Built, model: LoadedModel) -> dict[str, Any]:
    config = built.store.config
    return {
        "domain": domain.name,
        "feast": {
            "project": config.project,
            "provider": "local",
            "registry": {"registry_type": "sql", "path": f"sqlite:///{built.settings.feast_registry}"},
            "offline_store": {"type": "duckdb"},
            "online_store": {"type": "sqlite", "path": str(built.settings.feast_online)},
            "entity_key_serialization_version": config.entity_key_serialization_version,
            "repo_path": str(config.repo_path),
        },
        "feature_service": feature_service_name(domain.name, model.version),
        "features": list(model.manifest.feature_names),
        "join_keys": sorted({view.join_key for view in built.views}),
        "model": str(model_store(built.settings).folder(domain.name, model.version) / "model.txt"),
    }


@contextmanager
def _running(bench: Workbench, settings: Settings, service: Service) -> Iterator[None]:
    """The service while the block lasts."""
    supervisor = Supervisor(home=bench.work_in(f"run-{service.name}"), project=settings.project)
    try:
        supervisor.up([service], lambda name, what: bench.say(f"  {name}: {what}"))
        yield
    finally:
        supervisor.down()


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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
