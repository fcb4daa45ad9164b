"""Homes that dbt has built from a small made-up world: in two steps, and at once."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

import pyarrow.parquet as pq
import pytest

from riskloom.catalog import Domain, load_domain
from riskloom.features import dbt
from riskloom.features.views import mart_path
from riskloom.ingest import prepare_landing
from riskloom.settings import Settings, environment
from riskloom.windows.declaration import load_plan
from riskloom.windows.plan import WindowPlan
from tests.domains.customer_trust.marts.world import DAY, START, World, make_world

CUT = START + 100 * DAY
END = START + 180 * DAY


@dataclass
class Home:
    """A run-time home with one domain in it."""

    domain: Domain
    settings: Settings
    reports: list[dbt.BuildReport] = field(default_factory=list)

    @property
    def project(self) -> dbt.DbtProject:
        """Where dbt works for this home."""
        return dbt.DbtProject(
            folder=self.settings.dbt_project,
            target=self.settings.dbt_target,
            manifest=self.settings.dbt_manifest,
            marts=self.settings.marts,
            entries=self.settings.entries,
            environment=environment(self.settings),
        )

    def build(self, as_of: datetime, *, unit_tests: bool = False) -> dbt.BuildReport:
        """Build the marts from what has landed."""
        prepare_landing(self.domain, self.settings.landing)
        self.reports.append(dbt.build(self.domain, self.project, as_of=as_of, unit_tests=unit_tests))
        return self.reports[-1]

    @property
    def plan(self) -> WindowPlan:
        """What is windowed, as the manifest says that dbt left."""
        return load_plan(self.domain, self.project.manifest)

    def mart(self, name: str) -> Path:
        """A mart's file."""
        return mart_path(self.settings.marts, self.domain, name)


@dataclass
class Reader:
    """
    Reads a file over and over while others write it, and keeps what it saw.

    Each time it opens the file once: given a path, Arrow opens it for the footer and again for the pages.
    """

    path: Path
    rows: set[int] = field(default_factory=set)
    failures: list[Exception] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _read(self) -> None:
        while not self._done.wait(0.002):
            try:
                with self.path.open("rb") as file:
                    self.rows.add(pq.ParquetFile(file).read().num_rows)
            except (OSError, ValueError) as failure:
                self.failures.append(failure)


@pytest.fixture(scope="session")
def card_domain() -> Domain:
    """The domain these models belong to."""
    return load_domain("customer_trust")


@pytest.fixture(scope="session")
def world() -> World:
    """A hundred and thirty days of payments, the last of which arrive in the fifty days that follow."""
    return make_world(seed=3)


@dataclass
class Steps:
    """What the build in two steps left behind."""

    first: dict[str, bytes]
    home: Home
    reader: Reader


VIEWS = (
    "customer_access",
    "customer_activity",
    "customer_frauds",
    "device_activity",
    "terminal_activity",
    "terminal_risk",
)
STREAMS = ("stream_bindings", "stream_fraud_runs", "stream_fraud_verdicts", "stream_logins", "stream_payments")
MARTS = (*VIEWS, *STREAMS, "subjects", "labels")


@pytest.fixture(scope="session")
def in_steps(tmp_path_factory: pytest.TempPathFactory, card_domain: Domain, world: World) -> Steps:
    """
    Built on day 100 without any device, then on day 180.

    By then the rest has landed, all devices among it, though most of them were observed before day 100: a late landing.
    """
    home = Home(card_domain, Settings(home=tmp_path_factory.mktemp("steps")))
    world.observed(last=CUT).without("accounts__devices").land(card_domain, home.settings.landing, "first")
    home.build(CUT)
    first = {name: home.mart(name).read_bytes() for name in MARTS}
    world.observed(first=CUT).without("accounts__devices").land(card_domain, home.settings.landing, "second")
    world.only("accounts__devices").land(card_domain, home.settings.landing, "late")
    with Reader(home.mart("subjects")) as reader:
        home.build(END)
    return Steps(first=first, home=home, reader=reader)


@pytest.fixture(scope="session")
def at_once(tmp_path_factory: pytest.TempPathFactory, card_domain: Domain, world: World) -> Home:
    """Built on day 180 from everything, for the first time."""
    home = Home(card_domain, Settings(home=tmp_path_factory.mktemp("once")))
    world.land(card_domain, home.settings.landing, "all")
    home.build(END, unit_tests=True)
    return home
