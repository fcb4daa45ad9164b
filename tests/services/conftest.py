"""Homes, the application in process, and one real server, for the tests of the scoring service."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest
from prometheus_client import values
from starlette.testclient import TestClient

from riskloom.catalog import Domain, load_catalog
from riskloom.features import StoreLocation
from riskloom.registry import ModelStore
from riskloom.settings import PROJECT_ROOT, Settings, environment
from riskloom.wiring import store_location
from services.scoring.app import Direct, create_app
from services.scoring.backend import SignedBackend
from services.scoring.ports import Backend
from services.scoring.runtime import Runtime
from services.scoring.schema import example
from tests.conftest import free_port, wait_for_port
from tests.services.world import PSEUDONYM_KEY, RELEASE_SECRET, build_home, standard_keys

DOMAINS = load_catalog()


@dataclass(frozen=True)
class World:
    """A home with champions, online features and keys; ``now`` is when the entities are an hour old."""

    settings: Settings
    keys: dict[str, str]
    now: datetime

    def auth(self, key: str = "scorer") -> dict[str, str]:
        """The header that presents a key."""
        return {"Authorization": f"Bearer {self.keys[key]}"}


@pytest.fixture(autouse=True)
def own_counters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each application counts from nought: where BentoML was imported, Prometheus' client keeps counts in a file."""
    monkeypatch.setattr(values, "ValueClass", values.MutexValue)


@pytest.fixture(scope="session")
def domain() -> Domain:
    """The first declared domain: what is tested of one holds for any."""
    return next(iter(DOMAINS.values()))


@pytest.fixture(scope="session")
def built_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The home, built once; tests that change it take a copy."""
    settings = Settings(home=tmp_path_factory.mktemp("scoring") / "home")
    now = datetime.now(UTC)
    build_home(settings, DOMAINS, now=now)
    return World(settings, standard_keys(settings.api_keys, DOMAINS, now=now), now)


@pytest.fixture
def world(built_world: World, tmp_path: Path) -> World:
    """A home of the test's own."""
    home = tmp_path / "home"
    shutil.copytree(built_world.settings.home, home)
    return World(Settings(home=home), built_world.keys, built_world.now)


def real_backend(
    world: World, kind: type[SignedBackend] = SignedBackend, *, store: StoreLocation | None = None
) -> SignedBackend:
    """The back end over a home and its own store or another, or a variant of it that fails on purpose."""
    settings = world.settings
    return kind(
        DOMAINS,
        registry=settings.registry,
        models=ModelStore(home=settings.bentoml_home, keys=settings.keys),
        rules=settings.rules,
        store=store or store_location(settings),
        entries=settings.entries,
        events=settings.events,
        clock=lambda: world.now,
    )


@contextmanager
def in_process(
    world: World,
    *,
    backend: Backend | None = None,
    clock: Callable[[], datetime] | None = None,
    direct: Direct | None = None,
) -> Iterator[TestClient]:
    """The application without a network, once it has loaded what there is."""
    ids = iter(range(10**9))
    runtime = Runtime(
        DOMAINS,
        backend or real_backend(world),
        decisions=world.settings.decisions,
        shadows=world.settings.shadows,
        keys=world.settings.api_keys,
        release_secret=lambda: RELEASE_SECRET,
        pseudonym_key=lambda: PSEUDONYM_KEY,
        clock=clock or (lambda: world.now),
        ticks=time.perf_counter,
        new_id=lambda: f"decision-{next(ids)}",
    )
    app = create_app(runtime, new_request_id=lambda: f"request-{next(ids)}", direct=direct)
    with TestClient(app, base_url="http://scoring.test", follow_redirects=False) as client:
        wait_until(lambda: "loading" not in client.get("/readyz").text)
        yield client


@pytest.fixture(scope="module")
def client(built_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """One application for all tests of a module that change nothing but the decisions."""
    home = tmp_path_factory.mktemp("client") / "home"
    shutil.copytree(built_world.settings.home, home)
    with in_process(World(Settings(home=home), built_world.keys, built_world.now)) as client:
        yield client


@dataclass(frozen=True)
class Server:
    """A server process over a home of its own."""

    url: str
    world: World
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def direct_url(self) -> str:
        """Where its worker listens besides."""
        return f"http://127.0.0.1:{self.world.settings.scoring_direct_port}"


@contextmanager
def serving(world: World, *, command: list[str], cwd: Path, port: int, uses_checkout: bool = True) -> Iterator[Server]:
    """Start a server process and wait until it is ready; end its whole process group after."""
    log = cwd / f"server-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=server_environment(world.settings, uses_checkout=uses_checkout),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for_port(port, process, seconds=120)
        wait_until(lambda: is_ready(url), seconds=180)
        yield Server(url, world, log, process)
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server and its workers, which BentoML puts into sessions of their own, by their ids."""
    try:
        workers = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        workers = []
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(timeout=20)
    for worker in psutil.wait_procs(workers, timeout=10)[1]:
        worker.kill()


def server_environment(settings: Settings, *, uses_checkout: bool = True) -> dict[str, str]:
    """The environment of a server over a home, with the checkout to import from or without."""
    variables = environment(settings)
    if uses_checkout:
        return {**variables, "PYTHONPATH": str(PROJECT_ROOT)}
    return {name: value for name, value in variables.items() if name not in {"PYTHONPATH", "RISKLOOM_PROJECT"}}


def is_ready(url: str) -> bool:
    """Whether every domain is as it should be."""
    try:
        return bool(httpx.get(f"{url}/readyz", timeout=5).json()["state"] == "ready")
    except httpx.TransportError:
        return False


@pytest.fixture(scope="session")
def server(built_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The real service with both listeners, started as ``riskloom serve`` starts it."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copytree(built_world.settings.home, folder / "home")
    settings = Settings(home=folder / "home", scoring_direct_port=free_port())
    world = World(settings, built_world.keys, built_world.now)
    port = free_port()
    command = [str(Path(sys.executable).with_name("riskloom")), "serve", "--port", str(port)]
    with serving(world, command=command, cwd=folder, port=port) as running:
        yield running


def event(domain: Domain, entity: str) -> dict[str, object]:
    """The documented example, with every string that could be a join key naming the entity."""
    free = {
        name
        for name, column in domain.event_table.columns.items()
        if column.type == "string" and column.allowed is None and column.pattern is None
    }
    return {name: entity if name in free else value for name, value in example(domain).items()}


def wait_until(condition: Callable[[], bool], *, seconds: float = 60.0) -> None:
    """Wait for a condition; fail where it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"what was waited for did not come within {seconds:.0f} s")
        time.sleep(0.1)
