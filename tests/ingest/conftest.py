"""A laboratory with one table of every column type, to be filled from files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from riskloom.catalog import Domain, load_catalog
from riskloom.contracts import TableContract
from riskloom.ingest import FileReport, IngestReport, ingest_files

CLOCK = datetime(2026, 3, 1, 12, tzinfo=UTC)
TIMES = {
    "effective_at": {"type": "timestamp", "description": "When it happened."},
    "observed_at": {"type": "timestamp", "description": "When it was known."},
}
READINGS = TableContract.model_validate(
    {
        "name": "lab__readings",
        "description": "Readings of every type.",
        "key": ("reading_id",),
        "columns": {
            "reading_id": {"type": "string", "description": "The reading.", "max_length": 12},
            "amount": {"type": "decimal(18,2)", "description": "Money, exact.", "minimum": 0, "maximum": 1000},
            "count": {"type": "bigint", "description": "A whole number.", "nullable": True, "maximum": 100},
            "level": {"type": "double", "description": "A binary number.", "nullable": True},
            "is_ok": {"type": "boolean", "description": "True or false.", "nullable": True},
            "kind": {"type": "string", "description": "One of two.", "nullable": True, "allowed": ("hot", "cold")},
            **TIMES,
        },
    }
)
PAIRS = TableContract.model_validate(
    {
        "name": "lab__pairs",
        "description": "Rooms and what stands in them.",
        "key": ("room",),
        "columns": {
            "room": {"type": "string", "description": "Which room it is.", "pattern": "[a-z]+", "max_length": 8},
            "thing": {"type": "string", "description": "What stands there.", "nullable": True},
            "pair": {
                "type": "string",
                "description": "The room and the thing.",
                "nullable": True,
                "joined": ("room", "thing"),
                "max_length": 12,
            },
            **TIMES,
        },
    }
)
SENSORS = TableContract.model_validate(
    {
        "name": "lab__sensors",
        "description": "Sensors, a row a change.",
        "key": ("sensor_id", "observed_at"),
        "columns": {
            "sensor_id": {"type": "string", "description": "The sensor."},
            "place": {"type": "string", "description": "Where it is."},
            **TIMES,
        },
    }
)
VISITS = TableContract.model_validate(
    {
        "name": "lab__visits",
        "description": "Visits, and by whom.",
        "key": ("visit_id",),
        "columns": {
            "visit_id": {"type": "string", "description": "The visit."},
            "person_id": {"type": "string", "description": "Whoever came.", "pseudonym": "p-", "max_length": 64},
            "guide_id": {"type": "string", "description": "Whoever led.", "pseudonym": "g-", "nullable": True},
            **TIMES,
        },
    }
)


@dataclass(frozen=True)
class Laboratory:
    """A domain with the two tables, and folders of its own."""

    domain: Domain
    home: Path

    def ingest(
        self,
        *files: Path,
        table: str = READINGS.name,
        mapping: Path | None = None,
        at: datetime = CLOCK,
        **options: Any,
    ) -> IngestReport:
        """Ingest files, by default at ``CLOCK``."""
        return ingest_files(
            self.domain,
            table,
            files,
            landing=self.home / "landing",
            quarantine=self.home / "quarantine",
            observed_at=at,
            mapping=mapping,
            **options,
        )

    def file(self, name: str, content: str | bytes) -> Path:
        """Write a source file."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def parquet(self, name: str, select: str) -> Path:
        """Write a Parquet file from a SELECT."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with duckdb.connect() as connection:
            connection.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
        return path

    def landed(self, columns: str = "*", table: str = READINGS.name) -> list[tuple[Any, ...]]:
        """The landed rows, by key."""
        return self._rows(self.home / "landing" / self.domain.name / table, columns, "ALL")

    def quarantined(self, columns: str = "row_number, reasons", table: str = READINGS.name) -> list[tuple[Any, ...]]:
        """The quarantined rows, by row number."""
        folder = self.home / "quarantine" / self.domain.name / table
        return self._rows(folder, columns, "row_number") if folder.exists() else []

    def reasons(self) -> list[str]:
        """Every reason of every quarantined row."""
        return [reason for (reasons,) in self.quarantined("reasons") for reason in reasons]

    def landed_files(self, table: str = READINGS.name) -> Sequence[Path]:
        """The landed files with rows."""
        folder = self.home / "landing" / self.domain.name / table
        return [path for path in sorted(folder.glob("*.parquet")) if path.name != "0-schema.parquet"]

    @staticmethod
    def _rows(folder: Path, columns: str, order: str) -> list[tuple[Any, ...]]:
        with duckdb.connect() as connection:
            connection.from_parquet(f"{folder}/*.parquet").create_view("rows")
            query = f"SELECT {columns} FROM rows ORDER BY {order}"  # noqa: S608 (a test's own query)
            return connection.execute(query).fetchall()


@pytest.fixture
def laboratory(tmp_path: Path) -> Laboratory:
    """An empty laboratory."""
    domain = next(iter(load_catalog().values()))
    tables = {**domain.tables, READINGS.name: READINGS, SENSORS.name: SENSORS, PAIRS.name: PAIRS, VISITS.name: VISITS}
    return Laboratory(domain.model_copy(update={"tables": tables}), tmp_path / "home")


def assert_adds_up(report: IngestReport) -> None:
    """Every record read is accounted for, in every file and in all."""
    parts: tuple[IngestReport | FileReport, ...] = (report, *report.files)
    for part in parts:
        assert part.read == part.landed + part.duplicates + part.quarantined
