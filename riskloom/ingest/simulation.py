"""Made-up history of a domain: a plan, its randomness, and writing what a domain's simulator yields."""

from __future__ import annotations

import hashlib
import importlib
import json
import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Generic, TypeVar, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from riskloom.catalog import Domain
from riskloom.errors import ConfigError, ContractError
from riskloom.ingest.schema import arrow_schema

_RECORD = "simulation.json"
_ROWS_A_GROUP = 131_072
DAY = 86_400_000_000  # microseconds

Simulator = Callable[["SimulationPlan"], Iterator[tuple[str, pa.Table]]]
_Regime = TypeVar("_Regime")


@dataclass(frozen=True, slots=True)
class SimulationPlan:
    """
    What to simulate; the same plan gives the same bytes.

    Attributes:
        start: First instant, midnight UTC, timezone-aware.
        days: Days simulated from ``start`` on.
        events: Rows of the domain's event table over all days.
        seed: Not negative.
        drift_at: From the first day that starts then or later, behaviour and abuse change; None for no change.
    """

    start: datetime
    days: int
    events: int
    seed: int
    drift_at: datetime | None = None

    def __post_init__(self) -> None:
        for name, instant in (("start", self.start), ("drift_at", self.drift_at)):
            if instant is not None and instant.tzinfo is None:
                raise ConfigError(f"simulation: {name}: expected a time with a zone, found {instant.isoformat()}")
        if self.start.astimezone(UTC).time() != datetime.min.time():
            raise ConfigError(f"simulation: start: expected midnight UTC, found {self.start.isoformat()}")
        for name, least in (("days", 1), ("events", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ConfigError(f"simulation: {name}: expected {least} or more, found {getattr(self, name)}")

    @property
    def end(self) -> datetime:
        """First instant that is no longer simulated."""
        return self.start + timedelta(days=self.days)

    @property
    def start_us(self) -> int:
        """``start`` in microseconds since 1970."""
        return _microseconds(self.start)

    @property
    def end_us(self) -> int:
        """``end`` in microseconds since 1970."""
        return _microseconds(self.end)

    @property
    def drift_day(self) -> int:
        """The first day that has drifted; ``days`` where none has."""
        if self.drift_at is None:
            return self.days
        past_start = _microseconds(self.drift_at) - self.start_us
        return min(max(-(-past_start // DAY), 0), self.days)

    def rng(self, stream: str, number: int = 0) -> np.random.Generator:
        """A generator of its own for each stream and number, so that batches do not depend on each other's draws."""
        return np.random.default_rng(np.random.SeedSequence([self.seed, zlib.crc32(stream.encode()), number]))

    def fingerprint(self, domain: str, live_from: datetime | None) -> str:
        """What a written simulation is recognised by."""
        parts = [domain, *(str(value) for value in asdict(self).values()), str(live_from)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Stretch(Generic[_Regime]):
    """Consecutive days, from ``first`` up to but not including ``last``, of one regime."""

    regime: _Regime
    first: int
    last: int

    @property
    def days(self) -> int:
        """How many days it holds."""
        return self.last - self.first


def stretches(plan: SimulationPlan, usual: _Regime, drifted: _Regime) -> list[Stretch[_Regime]]:
    """The plan's days in order, by what a domain says of its world before and after the drift; without empty ones."""
    both = [Stretch(usual, 0, plan.drift_day), Stretch(drifted, plan.drift_day, plan.days)]
    return [stretch for stretch in both if stretch.days]


@dataclass(frozen=True, slots=True)
class SimulationReport:
    """What was written where: rows by table, history and, past ``live_from``, live."""

    folder: Path
    rows: dict[str, int]
    live_rows: dict[str, int]
    is_new: bool


def load_simulator(domain: Domain) -> Simulator:
    """
    The ``simulate`` function in ``simulate.py`` of the domain's folder.

    Raises:
        ConfigError: The domain has no simulator.
    """
    if not (domain.folder / "simulate.py").is_file():
        raise ConfigError(f"domain {domain.name!r} has no simulator: expected {domain.folder.name}/simulate.py")
    module = importlib.import_module(f"riskloom.domains.{domain.name}.simulate")
    return cast("Simulator", module.simulate)


def write_simulation(
    domain: Domain, plan: SimulationPlan, out: Path, live_from: datetime | None = None
) -> SimulationReport:
    """
    Simulate a domain into ``out/<table>/*.parquet``, all of it or nothing.

    Rows observed at or after ``live_from`` go to ``out/live/<table>/*.parquet`` instead. A folder that already holds
    this very simulation is left as it is.

    Raises:
        ConfigError: ``out`` holds something else, or the domain has no simulator.
        ContractError: The simulator's columns are not the contract's.
    """
    simulate = load_simulator(domain)
    fingerprint = plan.fingerprint(domain.name, live_from)
    known = _written(out, fingerprint)
    if known is not None:
        return known
    staging = out.parent / f".{out.name}.partial"
    shutil.rmtree(staging, ignore_errors=True)
    try:
        with ExitStack() as stack:
            writers = _Writers(domain, staging, stack, None if live_from is None else _microseconds(live_from))
            for name, batch in simulate(plan):
                writers.add(name, batch)
            writers.flush()
        record = {"fingerprint": fingerprint, "rows": writers.rows, "live_rows": writers.live_rows}
        (staging / _RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        if out.is_dir():
            out.rmdir()  # empty: _written has refused anything else
        staging.rename(out)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return SimulationReport(out, writers.rows, writers.live_rows, is_new=True)


def _written(out: Path, fingerprint: str) -> SimulationReport | None:
    """The report of the simulation that ``out`` already holds, None where there is nothing."""
    if out.is_file():
        raise ConfigError(f"{out}: expected a folder to write to, found a file")
    if not out.is_dir() or not any(out.iterdir()):
        return None
    record = out / _RECORD
    content = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    if content.get("fingerprint") != fingerprint:
        what = "another simulation" if content else "other files"
        raise ConfigError(f"{out}: expected an empty folder or one with this very simulation, found {what}")
    return SimulationReport(out, content["rows"], content["live_rows"], is_new=False)


@dataclass
class _Pending:
    """Batches of one file that still wait for a full row group."""

    writer: pq.ParquetWriter
    tables: list[pa.Table] = field(default_factory=list)
    waiting: int = 0

    def add(self, table: pa.Table) -> None:
        self.tables.append(table)
        self.waiting += table.num_rows
        if self.waiting >= _ROWS_A_GROUP:
            self.flush()

    def flush(self) -> None:
        if self.tables:
            self.writer.write_table(pa.concat_tables(self.tables).combine_chunks())
            self.tables, self.waiting = [], 0


class _Writers:
    """One open Parquet file for each table, and one more for its live rows."""

    def __init__(self, domain: Domain, folder: Path, stack: ExitStack, live_from: int | None) -> None:
        self._schemas = {name: arrow_schema(table) for name, table in domain.tables.items()}
        self._live_from = live_from
        self.rows = dict.fromkeys(self._schemas, 0)
        self.live_rows = dict.fromkeys(self._schemas, 0) if live_from is not None else {}
        self._history = {name: self._open(folder / name, name, stack) for name in self.rows}
        self._live = {name: self._open(folder / "live" / name, name, stack) for name in self.live_rows}

    def _open(self, folder: Path, name: str, stack: ExitStack) -> _Pending:
        folder.mkdir(parents=True)
        path = folder / "part-0000.parquet"
        return _Pending(stack.enter_context(pq.ParquetWriter(path, self._schemas[name], compression="zstd")))

    def add(self, name: str, batch: pa.Table) -> None:
        expected = self._schemas.get(name)
        if expected is None:
            raise ContractError(f"simulator: expected one of {', '.join(self._schemas)}, found table {name!r}")
        if batch.schema != expected:
            raise ContractError(f"simulator: {name}: expected columns\n{expected}\nfound\n{batch.schema}")
        if self._live_from is not None:
            is_live = pc.greater_equal(pc.cast(batch["observed_at"], pa.int64()), self._live_from)
            live, batch = batch.filter(is_live), batch.filter(pc.invert(is_live))
            self._live[name].add(live)
            self.live_rows[name] += live.num_rows
        self._history[name].add(batch)
        self.rows[name] += batch.num_rows

    def flush(self) -> None:
        for pending in (*self._history.values(), *self._live.values()):
            pending.flush()


def _microseconds(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
