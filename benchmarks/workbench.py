"""What a benchmark gets: sizes, a folder to work in, a clock, and data that several of them share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from riskloom.catalog import Domain
from riskloom.errors import FeatureError
from riskloom.settings import Settings

if TYPE_CHECKING:
    import feast

    from riskloom.features import FeatureView
    from riskloom.features.dbt import BuildReport

DAYS = 90
_SEED = 7


@dataclass(slots=True)
class Stopwatch:
    """
    What the block under ``timed`` took.

    Attributes:
        seconds: By the clock on the wall.
        processor_seconds: Of this process in all its threads; what other processes do meanwhile is not in it.
    """

    seconds: float = 0.0
    processor_seconds: float = 0.0


@contextmanager
def timed() -> Iterator[Stopwatch]:
    """Measure the wall-clock and the processor time of a block."""
    watch, begin, spent = Stopwatch(), time.perf_counter(), time.process_time()
    yield watch
    watch.seconds = time.perf_counter() - begin
    watch.processor_seconds = time.process_time() - spent


@dataclass(frozen=True, slots=True)
class Simulated:
    """A written simulation and how long writing it took."""

    folder: Path
    seconds: float


@dataclass(frozen=True, slots=True)
class Built:
    """A home whose marts are built and described to Feast, and how long dbt took from landed rows to tested marts."""

    settings: Settings
    views: tuple[FeatureView, ...]
    store: feast.FeatureStore
    as_of: datetime
    report: BuildReport
    seconds: float


@dataclass(slots=True)
class Workbench:
    """
    What a benchmark works with.

    Attributes:
        domain: The domain whose data and declarations are used.
        start: First instant of every simulation, midnight UTC; simulations last ninety days.
        folder: An empty folder that is removed afterwards.
        is_quick: Small sizes, to see that everything runs; the figures mean little.
        say: Takes a line on progress.
    """

    domain: Domain
    start: datetime
    folder: Path
    is_quick: bool
    say: Callable[[str], None]
    _simulated: dict[int, Simulated] = field(default_factory=dict)
    _built: dict[int, Built] = field(default_factory=dict)

    @property
    def end(self) -> datetime:
        """First instant after every simulation."""
        return self.start + timedelta(days=DAYS)

    def size(self, full: int, quick: int) -> int:
        """The size to measure at."""
        return quick if self.is_quick else full

    def work_in(self, name: str) -> Path:
        """A folder of one benchmark's own."""
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def simulated(self, events: int) -> Simulated:
        """The domain's simulation with so many events, written once and shared."""
        from riskloom.ingest import SimulationPlan, write_simulation  # noqa: PLC0415

        if events not in self._simulated:
            self.say(f"  simulating {events:,} events")
            out = self.folder / f"simulated-{events}"
            with timed() as watch:
                write_simulation(self.domain, SimulationPlan(self.start, days=DAYS, events=events, seed=_SEED), out)
            self._simulated[events] = Simulated(out, watch.seconds)
        return self._simulated[events]

    def built(self, events: int) -> Built:
        """A home with that simulation ingested, built once and shared; the home's services listen nowhere yet."""
        if events not in self._built:
            settings = Settings(home=self.folder / f"home-{events}", online_store="sqlite")
            self._ingest(events, settings)
            self.say(f"  building the marts of {events:,} events")
            self._built[events] = self._build(settings)
        return self._built[events]

    def _ingest(self, events: int, settings: Settings) -> None:
        from riskloom.ingest import ensure_pseudonym_key, ingest_files  # noqa: PLC0415

        simulated = self.simulated(events)
        self.say(f"  ingesting {events:,} events with their tables")
        for table in self.domain.tables:
            report = ingest_files(
                self.domain,
                table,
                sorted((simulated.folder / table).glob("*.parquet")),
                landing=settings.landing,
                quarantine=settings.quarantine,
                observed_at=self.end,
                threads=settings.duckdb_threads,
                memory=settings.duckdb_memory,
                pseudonym_key=ensure_pseudonym_key(settings.keys),
            )
            if report.landed < report.read:
                raise FeatureError(f"{table}: expected {report.read} simulated rows to land, found {report.landed}")

    def _build(self, settings: Settings) -> Built:
        from riskloom.features import apply, dbt, load_views, open_store  # noqa: PLC0415
        from riskloom.wiring import dbt_project, store_location  # noqa: PLC0415

        project = dbt_project(settings)
        with timed() as watch:
            report = dbt.build(self.domain, project, as_of=self.end)
        views = load_views(self.domain, project.manifest)
        store = open_store(store_location(settings))
        apply(store, self.domain, views, settings.marts)
        return Built(settings, views, store, self.end, report, watch.seconds)
