"""A landing zone to bring the domain's sources to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from riskloom.catalog import Domain, load_domain
from riskloom.ingest import IngestReport, ingest_files

CLOCK = datetime(2026, 6, 1, tzinfo=UTC)
KEY = b"0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class Zone:
    """The domain, and folders of its own."""

    domain: Domain
    home: Path

    def ingest(self, table: str, mapping: str, files: Sequence[Path]) -> IngestReport:
        """Ingest files with one of the domain's mappings."""
        return ingest_files(
            self.domain,
            table,
            files,
            landing=self.home / "landing",
            quarantine=self.home / "quarantine",
            observed_at=CLOCK,
            mapping=self.domain.folder / "mappings" / mapping,
            pseudonym_key=KEY,
        )

    def file(self, name: str, content: str | bytes | list[dict[str, Any]]) -> Path:
        """Write a source file; records become one of CloudTrail's."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"Records": content}) if isinstance(content, list) else content
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def rows(self, table: str, columns: str = "*", where: str = "true") -> list[tuple[Any, ...]]:
        """The landed rows, by their columns."""
        return self._rows(self.home / "landing" / self.domain.name / table, columns, where)

    def reasons(self, table: str) -> list[str]:
        """Every reason of every quarantined row, by row."""
        folder = self.home / "quarantine" / self.domain.name / table
        if not folder.exists():
            return []
        return [reason for (reasons,) in self._rows(folder, "reasons", "true") for reason in reasons]

    @staticmethod
    def _rows(folder: Path, columns: str, where: str) -> list[tuple[Any, ...]]:
        query = f"SELECT {columns} FROM read_parquet('{folder}/*.parquet') WHERE {where} ORDER BY ALL"  # noqa: S608
        with duckdb.connect() as connection:
            return connection.execute(query).fetchall()


@pytest.fixture
def zone(tmp_path: Path) -> Zone:
    """An empty landing zone."""
    return Zone(load_domain("cloud_security"), tmp_path / "home")
