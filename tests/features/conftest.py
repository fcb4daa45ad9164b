"""For each declared domain a home with simulated history, built marts and an applied feature store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from riskloom.catalog import Domain, load_catalog
from riskloom.features import FeatureView, StoreLocation, apply, dbt, load_views, mart_path, open_store
from riskloom.ingest import SimulationPlan, prepare_landing, write_simulation
from riskloom.settings import Settings
from riskloom.wiring import dbt_project, store_location
from tests.features.served import Serve, served

if TYPE_CHECKING:
    import feast

CATALOG = load_catalog()
START = datetime(2026, 1, 1, tzinfo=UTC)
EVENTS = 2_000
Land = Callable[[Domain, SimulationPlan, Settings], None]


@dataclass(frozen=True)
class Built:
    """A domain whose marts are built and whose views are applied."""

    domain: Domain
    settings: Settings
    views: tuple[FeatureView, ...]
    as_of: datetime
    location: StoreLocation

    @property
    def start(self) -> datetime:
        """First instant of the decisions that training may use."""
        return START

    @property
    def end(self) -> datetime:
        """First instant whose decisions have not matured."""
        return self.as_of - self.domain.label.maturity

    def mart(self, name: str) -> Path:
        """A mart's file."""
        return mart_path(self.settings.marts, self.domain, name)

    def store(self) -> feast.FeatureStore:
        """The feature store."""
        return open_store(self.location)


def land_simulated(domain: Domain, plan: SimulationPlan, settings: Settings) -> None:
    """Write a simulation where landed files are."""
    write_simulation(domain, plan, settings.landing / domain.name)


def build_history(domain: Domain, home: Path, *, land: Land = land_simulated) -> Built:
    """Simulate a domain's history into a home, land it, build its marts and apply its views."""
    settings = Settings(home=home)
    days = domain.label.maturity.days + 20
    plan = SimulationPlan(start=START, days=days, events=EVENTS, seed=11)
    land(domain, plan, settings)
    prepare_landing(domain, settings.landing)
    as_of = START + timedelta(days=days)
    project = dbt_project(settings)
    dbt.build(domain, project, as_of=as_of)
    views = load_views(domain, project.manifest)
    location = store_location(settings)
    apply(open_store(location), domain, views, settings.marts)
    return Built(domain, settings, views, as_of, location)


@pytest.fixture(scope="session", params=sorted(CATALOG))
def domain(request: pytest.FixtureRequest) -> Domain:
    """A declared domain."""
    return CATALOG[request.param]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, domain: Domain) -> Built:
    """The domain with simulated history, up to and including the feature store; nothing is online yet."""
    return build_history(domain, tmp_path_factory.mktemp(domain.name))


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.needs("redis-server"))])
def online(request: pytest.FixtureRequest, built: Built, tmp_path: Path) -> Built:
    """The same with an empty online store and a registry of its own: SQLite, then a real Redis."""
    target: Path | str = tmp_path / "online.db"
    if request.param == "redis":
        target = request.getfixturevalue("redis_server")
        import redis  # noqa: PLC0415

        redis.Redis.from_url(str(target)).flushdb()
    location = replace(built.location, registry=tmp_path / "registry.db", online=target)
    apply(open_store(location), built.domain, built.views, built.settings.marts)
    return replace(built, location=location)


@pytest.fixture
def batch(online: Built, tmp_path: Path) -> Built:
    """
    The same with views that are not windowed: the rows are there as of the build, and no plan computes them.

    No domain declares such a view today; they are what features that come from elsewhere are.
    """
    manifest = json.loads(online.location.manifest.read_text())
    for node in manifest["nodes"].values():
        for column in node.get("columns", {}).values():
            column.get("config", {}).get("meta", {}).pop("window", None)
            column.get("meta", {}).pop("window", None)
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(manifest))
    location = replace(online.location, manifest=path)
    views = tuple(replace(view, is_windowed=False) for view in online.views)
    apply(open_store(location), online.domain, views, online.settings.marts)
    return replace(online, location=location, views=views)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Opens the reader of the scoring service over what was built."""
    with ExitStack() as stack:
        yield lambda built, live=None: stack.enter_context(served(built.domain, built.location, built.views, live))
