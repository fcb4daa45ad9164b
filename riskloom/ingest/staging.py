"""A file's records read once, converted and checked, into a Parquet file on disk."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from riskloom.contracts import TableContract
from riskloom.errors import ContractError
from riskloom.ingest.checks import checked_sql, lenient_columns, used_columns
from riskloom.ingest.mapping import TableMapping
from riskloom.ingest.sources import Layout, Source
from riskloom.sql import Parameters


@dataclass(frozen=True, slots=True)
class Staged:
    """Counts of a staged file: records meant, the bad ones among them, and those that are not meant."""

    rows: int
    bad: int
    skipped: int


@contextmanager
def connected(folder: Path, *, threads: int, memory: str) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """A DuckDB connection in memory with bounded memory, and a scratch folder in ``folder`` that is gone afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".ingest-", dir=folder))
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": threads,
        "memory_limit": memory,
        "temp_directory": str(scratch / "spill"),
    }
    try:
        with duckdb.connect(config=config) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection, scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def layout_of(mapping: TableMapping | None) -> Layout:
    """What a mapping says of a file's form."""
    return Layout() if mapping is None else Layout(mapping.records, mapping.header, mapping.separator, mapping.each)


def stage(
    source: Source,
    table: TableContract,
    mapping: TableMapping,
    connection: duckdb.DuckDBPyConnection,
    scratch: Path,
    *,
    observed_at: datetime,
    pseudonym_key: bytes | None,
) -> Staged:
    """
    Read a source once, checked, into the view ``staged``: ``_row``, the table's columns, ``_reasons`` and ``_raw``.

    Args:
        source: The file.
        table: The contract that its rows keep.
        mapping: Where each column comes from.
        connection: Gets the view.
        scratch: The folder for the file behind it.
        observed_at: The clock, timezone-aware.
        pseudonym_key: Of the pseudonyms that the contract or the mapping asks for.

    Raises:
        ContractError: The file cannot be read to its end.
    """
    parameters = Parameters()
    kinds = {name: source.kind_of(name) for name in used_columns(mapping) if source.has(name)}
    records = source.select(list(kinds), parameters, lenient_columns(mapping))
    sql = checked_sql(records, table, mapping, kinds, observed_at, parameters, pseudonym_key)
    path = scratch / "staged.parquet"
    source.register(connection)
    try:
        connection.execute(f"COPY ({sql}) TO {parameters.add(str(path))} (FORMAT parquet)", parameters.values)
    except duckdb.Error as error:
        if source.text is not None and source.text.failure is not None:
            raise source.text.failure from error
        raise ContractError(f"{source.path.name}: expected {source.kind} that can be read, found: {error}") from error
    connection.from_parquet(str(path)).create_view("staged")
    row = connection.execute("SELECT count(*), count(_reasons) FROM staged").fetchone()
    rows, bad = row if row else (0, 0)
    skipped = source.records(connection) - rows
    if skipped and not mapping.conditions:
        # A reader that loses rows must never pass for one that found none.
        raise ContractError(f"{source.path.name}: expected {rows + skipped} records, found {rows} after reading them")
    return Staged(rows, bad, skipped)
