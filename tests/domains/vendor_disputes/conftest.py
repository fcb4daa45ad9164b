"""The domain, and homes in which files are ingested and the match is built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from riskloom.catalog import Domain, load_domain
from riskloom.features import dbt, mart_path
from riskloom.ingest import IngestReport, arrow_schema, ingest_files, prepare_landing
from riskloom.settings import Settings
from riskloom.wiring import dbt_project

CLOCK = datetime(2026, 6, 1, tzinfo=UTC)
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Office:
    """A run-time home with this domain in it."""

    domain: Domain
    settings: Settings

    def ingest(self, table: str, *files: Path, mapping: str | None = None, at: datetime = CLOCK) -> IngestReport:
        """Ingest files, with one of the domain's mappings where it is named."""
        return ingest_files(
            self.domain,
            table,
            list(files),
            landing=self.settings.landing,
            quarantine=self.settings.quarantine,
            observed_at=at,
            mapping=None if mapping is None else self.domain.folder / "mappings" / f"{mapping}.toml",
            pseudonym_key=b"k" * 32,
        )

    def landed(self, table: str, what: str) -> tuple[Any, ...]:
        """The only row of a selection from what has landed in a table."""
        with duckdb.connect() as connection:
            files = f"{self.settings.landing}/{self.domain.name}/{table}/*.parquet"
            (row,) = connection.execute(f"select {what} from read_parquet($1)", [files]).fetchall()  # noqa: S608
            return tuple(row)

    def reasons(self, table: str) -> list[tuple[int, list[str]]]:
        """Row number and reasons of what is in quarantine."""
        with duckdb.connect() as connection:
            files = f"{self.settings.quarantine}/{self.domain.name}/{table}/*.parquet"
            return connection.execute("select row_number, reasons from read_parquet($1) order by 1", [files]).fetchall()

    def land(self, tables: Mapping[str, Sequence[Row]], file: str) -> None:
        """Write rows into the landing zone as they are."""
        for name, rows in tables.items():
            if rows:
                folder = self.settings.landing / self.domain.name / name
                folder.mkdir(parents=True, exist_ok=True)
                pq.write_table(
                    pa.Table.from_pylist(list(rows), schema=arrow_schema(self.domain.tables[name])),
                    folder / f"{file}.parquet",
                )

    def build(self, as_of: datetime, *marts: str, unit_tests: bool = False) -> dbt.BuildReport:
        """Build some marts from what has landed, all by default."""
        prepare_landing(self.domain, self.settings.landing)
        return dbt.build(self.domain, dbt_project(self.settings), as_of=as_of, marts=marts, unit_tests=unit_tests)

    def mart(self, name: str) -> list[dict[str, Any]]:
        """A mart's rows."""
        found: list[dict[str, Any]] = pq.read_table(mart_path(self.settings.marts, self.domain, name)).to_pylist()
        return found


@pytest.fixture(scope="session")
def vendor_domain() -> Domain:
    """The domain."""
    return load_domain("vendor_disputes")


@pytest.fixture
def office(vendor_domain: Domain, settings: Settings) -> Office:
    """A home of the test's own."""
    return Office(vendor_domain, settings)
