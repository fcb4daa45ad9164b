"""Ours and its peers as processes, each with the address it is asked at."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from benchmarks.services import free_port, running
from benchmarks.serving.home import Home, made_now
from benchmarks.serving.load import Target, write_bodies
from benchmarks.serving.peers import feast_scorer, floor, mlflow_server
from benchmarks.serving.peers.feast_store import fill_store
from benchmarks.workbench import Workbench
from riskloom.errors import ServiceError
from riskloom.settings import Settings, environment
from riskloom.stack.live import wait_until_scored
from riskloom.stack.process import Running
from riskloom.stack.services import Service, services

MOUNT, DIRECT, SQLITE = "BentoML's mount", "direct listener", "SQLite"
BENTO, FASTAPI, MLFLOW, FLOOR = "BentoML @api", "FastAPI", "MLflow", "raw ASGI"

Start = Callable[[Service], Running]

_OK = 200
_MLFLOW_ROWS = 500


@dataclass(frozen=True, slots=True)
class Contestant:
    """Somebody who answers: whom to ask, and the process that does the work."""

    name: str
    target: Target
    process: Running


@dataclass(frozen=True, slots=True)
class _Files:
    """The bodies of requests: events as callers send them, as the warehouse knows them, and the same for BentoML."""

    events: Path
    known: Path
    wrapped: Path


@contextmanager
def contestants(bench: Workbench, home: Home, redis_url: str) -> Iterator[dict[str, Contestant]]:
    """
    All of them while the block lasts, by name; each has answered a request.

    Raises:
        ServiceError: One did not start, or did not answer with status 200.
    """
    folder = bench.work_in("requests")
    files = _Files(
        write_bodies(folder / "events.jsonl", home.events),
        write_bodies(folder / "known.jsonl", home.known),
        write_bodies(folder / "wrapped.jsonl", ({"event": event} for event in home.known)),
    )
    configuration = fill_store(bench, home, redis_url)
    with ExitStack() as stack:

        def start(service: Service) -> Running:
            folder = bench.work_in(f"run-{service.name}")
            return stack.enter_context(running(service, folder=folder, project=home.on_redis.project, say=bench.say))

        found = _ours(bench, home, files, start)
        size = len(_probe(found[MOUNT], made_now(home.events[0])))
        found |= _peers(home, files, configuration, start)
        for name in (FASTAPI, BENTO):
            event = made_now(home.known[0])
            _probe(found[name], {"event": event} if name == BENTO else event)
        found[FLOOR] = _floor(home, files, size, start)
        try:
            found[MLFLOW] = _mlflow(bench, home, configuration, start)
        except ServiceError as error:
            bench.say(f"  without MLflow: {error}")
        yield found


def _ours(bench: Workbench, home: Home, files: _Files, start: Start) -> dict[str, Contestant]:
    """The service on Redis by both of its listeners, and the service on SQLite."""
    headers, path = {"Authorization": f"Bearer {home.key}"}, f"/v1/domains/{bench.domain.name}/score"
    found = {}
    for settings in (home.on_redis, home.on_sqlite):
        service = next(each for each in services(settings) if each.name == "scoring")
        process = start(replace(service, name=f"scoring-{settings.online_store}"))
        url = _url(settings, settings.scoring_port)
        wait_until_scored(url, bench.domain, seconds=300)  # a first start compiles the windows
        name = MOUNT if settings.online_store == "redis" else SQLITE
        found[name] = Contestant(name, Target(url + path, files.events, headers), process)
    direct = _url(home.on_redis, home.on_redis.scoring_direct_port or 0) + path
    found[DIRECT] = Contestant(DIRECT, Target(direct, files.events, headers), found[MOUNT].process)
    return found


def _peers(home: Home, files: _Files, configuration: Path, start: Start) -> dict[str, Contestant]:
    """Those that look features up through Feast's SDK."""
    settings, port = home.on_redis, {FASTAPI: free_port(), BENTO: free_port()}
    told = {feast_scorer.CONFIGURATION: str(configuration), "BENTOML_HOME": str(configuration.parent)}
    package = "benchmarks.serving.peers"
    fastapi = _uvicorn(f"{package}.fastapi_service:build", settings, port[FASTAPI])
    bento = ("bentoml", "serve", f"{package}.bento_service:Peer", "--host", settings.host, "--port", str(port[BENTO]))
    return {
        FASTAPI: Contestant(
            FASTAPI,
            Target(f"{_url(settings, port[FASTAPI])}/score", files.known),
            start(_service("peer-fastapi", fastapi, settings, port[FASTAPI], "/healthz", told)),
        ),
        BENTO: Contestant(
            BENTO,
            Target(f"{_url(settings, port[BENTO])}/score", files.wrapped),
            start(_service("peer-bentoml", bento, settings, port[BENTO], "/readyz", told)),
        ),
    }


def _floor(home: Home, files: _Files, size: int, start: Start) -> Contestant:
    settings, port = home.on_redis, free_port()
    command = (*_uvicorn("benchmarks.serving.peers.floor:build", settings, port), "--lifespan", "off")
    service = _service("peer-floor", command, settings, port, "/", {floor.SIZE: str(size)})
    return Contestant(FLOOR, Target(_url(settings, port), files.events), start(service))


def _mlflow(bench: Workbench, home: Home, configuration: Path, start: Start) -> Contestant:
    """The model alone: it is sent the features that the others look up."""
    content = json.loads(configuration.read_text(encoding="utf-8"))
    scorer = feast_scorer.FeastScorer(content)
    rows = [scorer.row(made_now(event)) for event in home.known[:_MLFLOW_ROWS]]
    # JSON has no NaN; which numbers they are makes no difference to the work
    bodies = ({"inputs": [[0.0 if math.isnan(value) else value for value in row]]} for row in rows)
    kept = home.on_redis.project / ".riskloom" / "benchmarks"
    environment_of = mlflow_server.ensure_environment(kept, bench.say)
    model = mlflow_server.save_model(environment_of, Path(content["model"]), configuration.parent / "mlflow")
    settings, port = home.on_redis, free_port()
    command = mlflow_server.command(environment_of, model, host=settings.host, port=port)
    told = {"OMP_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}
    process = start(_service("peer-mlflow", command, settings, port, "/ping", told))
    path = write_bodies(configuration.parent / "rows.jsonl", bodies)
    return Contestant(MLFLOW, Target(f"{_url(settings, port)}/invocations", path), process)


def _probe(contestant: Contestant, body: Mapping[str, Any]) -> bytes:
    """The answer to one request."""
    target = contestant.target
    answer = httpx.post(target.url, json=body, headers=dict(target.headers), timeout=30, trust_env=False)
    if answer.status_code != _OK:
        raise ServiceError(f"{contestant.name}: expected status 200, found {answer.status_code}: {answer.text[:300]}")
    return answer.content


def _uvicorn(factory: str, settings: Settings, port: int) -> tuple[str, ...]:
    listen = ("--host", settings.host, "--port", str(port))
    return ("uvicorn", "--factory", factory, *listen, "--no-access-log", "--log-level", "warning")


def _service(
    name: str, command: tuple[str, ...], settings: Settings, port: int, health: str, told: Mapping[str, str]
) -> Service:
    return Service(
        name=name,
        command=command,
        environment={**environment(settings), "PYTHONPATH": str(settings.project), **told},
        health=f"{_url(settings, port)}{health}",
        host=settings.host,
        port=port,
    )


def _url(settings: Settings, port: int) -> str:
    return f"http://{settings.host}:{port}"
