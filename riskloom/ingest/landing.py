"""The landing zone: where a table's files lie, its schema file, its newest row."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from riskloom.catalog import Domain
from riskloom.ingest.manifest import read_manifest
from riskloom.ingest.schema import arrow_schema

_SCHEMA_FILE = "0-schema.parquet"


def table_folder(root: Path, domain: Domain, table: str) -> Path:
    """The folder of one table below the landing or the quarantine."""
    return root / domain.name / table


def prepare_landing(domain: Domain, landing: Path) -> None:
    """Give every declared table a file without rows, so that readers can glob each folder and know its columns."""
    for name, table in domain.tables.items():
        folder = table_folder(landing, domain, name)
        folder.mkdir(parents=True, exist_ok=True)
        path, schema = folder / _SCHEMA_FILE, arrow_schema(table)
        if path.is_file() and pq.read_schema(path) == schema:
            continue
        partial = folder / f".{_SCHEMA_FILE}.{os.getpid()}"
        pq.write_table(schema.empty_table(), partial)
        partial.replace(path)


def watermark(domain: Domain, landing: Path) -> datetime | None:
    """The newest ``observed_at`` among the landed events, in UTC; None before anything has landed."""
    return newest(table_folder(landing, domain, domain.subject.event_table))


@dataclass(frozen=True, slots=True)
class TableCheck:
    """How one table's landing zone stands: rows, newest ``observed_at`` (UTC), rows ever quarantined."""

    rows: int
    newest: datetime | None
    quarantined: int


@dataclass(frozen=True, slots=True)
class LandingCheck:
    """How a domain's landing zone stands, and what keeps the next step from making sense."""

    tables: dict[str, TableCheck]
    errors: tuple[str, ...]


def check_landing(domain: Domain, landing: Path) -> LandingCheck:
    """Look at every declared table; an event table without rows is an error."""
    tables = {name: _check_table(table_folder(landing, domain, name)) for name in domain.tables}
    events = domain.subject.event_table
    errors = () if tables[events].rows else (f"{events}: expected rows, found none: ingest or simulate some first",)
    return LandingCheck(tables, errors)


def _check_table(folder: Path) -> TableCheck:
    files = sorted(folder.glob("*.parquet"))
    rows = sum(pq.read_metadata(path).num_rows for path in files)
    return TableCheck(rows, newest(folder), sum(entry.quarantined for entry in read_manifest(folder).values()))


def newest(folder: Path) -> datetime | None:
    """The newest ``observed_at`` in one table's folder, in UTC; None without rows."""
    if not any(folder.glob("*.parquet")):
        return None
    with duckdb.connect() as connection:
        row = connection.execute("SELECT max(observed_at) FROM read_parquet($1)", [f"{folder}/*.parquet"]).fetchone()
    value: datetime | None = row[0] if row else None
    return None if value is None else value.replace(tzinfo=UTC)
