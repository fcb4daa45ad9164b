"""Ingest: files in, checked rows landed, everything else quarantined with its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from riskloom.catalog import Domain
from riskloom.contracts import TableContract
from riskloom.errors import ConfigError, ContractError
from riskloom.ingest.checks import used_columns
from riskloom.ingest.landing import prepare_landing, table_folder
from riskloom.ingest.manifest import Entry, append, identify, locked, read_manifest
from riskloom.ingest.mapping import TableMapping, check_sources, read_mapping, same_names
from riskloom.ingest.repeats import Repeats, find_repeats
from riskloom.ingest.report import FileReport, IngestReport, RefusedFilesError
from riskloom.ingest.sources import open_source
from riskloom.ingest.staging import Staged, connected, layout_of, stage
from riskloom.sql import Parameters, listed, quoted


@dataclass(frozen=True, slots=True)
class _Job:
    """What is the same for all files of a call."""

    domain: Domain
    table: TableContract
    mapping: TableMapping | None
    landed: Path  # folders of the table
    quarantined: Path
    scratch: Path
    observed_at: datetime
    threads: int
    memory: str
    pseudonym_key: bytes | None
    is_stamped: bool

    @property
    def contract(self) -> str:
        return self.table.model_dump_json()


def ingest_files(
    domain: Domain,
    table: str,
    files: Sequence[Path],
    *,
    landing: Path,
    quarantine: Path,
    observed_at: datetime,
    mapping: Path | None = None,
    threads: int = 2,
    memory: str = "2GB",
    pseudonym_key: bytes | None = None,
    is_stamped: bool = False,
) -> IngestReport:
    """
    Check the rows of files against a table's contract; land the good ones, quarantine the others.

    Files are read one after the other, each as a stream. A file that was ingested before adds nothing.

    Args:
        domain: The table's domain.
        table: Name of the table.
        files: CSV, JSON lines or documents (all also as .gz), or Parquet.
        landing: Root of the landing zone.
        quarantine: Root of the quarantine.
        observed_at: The ingest's clock, timezone-aware: the ``observed_at`` of rows that bring none; rows observed
            later are quarantined.
        mapping: Mapping file; None takes columns by their names.
        threads: Of DuckDB.
        memory: Most that DuckDB takes, such as ``2GB``; the rest goes to disk, beside the landing zone.
        pseudonym_key: Where the contract or the mapping asks for pseudonyms; see ``ensure_pseudonym_key``.
        is_stamped: The rows' ``observed_at`` is a stamp of ours, so rows that differ in nothing else are the same.

    Raises:
        ConfigError: No such table, a clock without zone, or pseudonyms to make and no key.
        MappingError: The mapping file does not fit the table.
        RefusedFilesError: One or more files could not be read; all others were ingested.
    """
    if table not in domain.tables:
        raise ConfigError(f"{domain.name}: no table {table!r}; known tables: {', '.join(domain.tables)}")
    if observed_at.tzinfo is None:
        raise ConfigError(f"observed_at: expected a time with a zone, found {observed_at.isoformat()}")
    contract = domain.tables[table]
    read = None if mapping is None else read_mapping(mapping, domain, contract)
    is_asked_for = read is not None and any(one.pseudonym for one in read.columns.values())
    if pseudonym_key is None and (contract.pseudonyms or is_asked_for):
        who = "the table's contract asks for" if contract.pseudonyms else "the mapping makes"
        raise ConfigError(f"{table}: {who} pseudonyms: expected their key, found none")
    prepare_landing(domain, landing)
    landed = table_folder(landing, domain, table)
    quarantined = table_folder(quarantine, domain, table)
    job = _Job(
        domain, contract, read, landed, quarantined, landing.parent, observed_at, threads, memory, pseudonym_key,
        # where the stamp is part of the key, another stamp is another row
        is_stamped=is_stamped and "observed_at" not in contract.key,
    )  # fmt: skip
    reports: list[FileReport] = []
    refusals: list[ContractError] = []
    with locked(landed):
        for path in files:
            try:
                reports.append(_ingest_file(job, path))
            except ContractError as error:
                refusals.append(error)
    report = IngestReport(domain.name, table, tuple(reports))
    if refusals:
        raise RefusedFilesError(refusals, report)
    return report


def _ingest_file(job: _Job, path: Path) -> FileReport:
    with connected(job.scratch, threads=job.threads, memory=job.memory) as (connection, scratch):
        source = open_source(path, connection, layout_of(job.mapping))
        if source.is_empty:
            return FileReport(path.name, 0, 0, 0, 0)
        try:
            mapping = job.mapping or same_names(job.domain, job.table, source.columns)
            check_sources(mapping, source.columns, source.has)
        except ContractError as error:
            raise type(error)(f"{path.name}: {error}") from error
        read = {source.column_of(name) for name in used_columns(mapping)}
        ignored = tuple(name for name in source.columns if name not in read)
        identity = identify(path, mapping.canonical, job.contract)
        known = read_manifest(job.landed).get(identity)
        if known is not None:
            return FileReport(path.name, known.read, 0, known.read, 0, known.skipped, ignored, is_known=True)
        staged = stage(
            source, job.table, mapping, connection, scratch,
            observed_at=job.observed_at, pseudonym_key=job.pseudonym_key,
        )  # fmt: skip
        clock = job.observed_at if job.is_stamped or "observed_at" not in mapping.columns else None
        repeats = find_repeats(connection, job.table, sorted(job.landed.glob("*.parquet")), clock)
        report = _report(path.name, staged, repeats, ignored)
        if report.quarantined:
            _write_quarantine(job, path.name, identity, connection)
        landed_file = _write_landed(job, identity, repeats, connection) if report.landed else None
        append(job.landed, _entry(report, identity, job.observed_at, landed_file))
        return report


def _report(file: str, staged: Staged, repeats: Repeats, ignored: tuple[str, ...]) -> FileReport:
    quarantined = staged.bad + repeats.conflicts
    landed = staged.rows - quarantined - repeats.duplicates
    return FileReport(file, staged.rows, landed, repeats.duplicates, quarantined, staged.skipped, ignored)


def _write_landed(job: _Job, identity: str, repeats: Repeats, connection: duckdb.DuckDBPyConnection) -> str:
    columns = listed(job.table.columns)
    good = f"SELECT {columns} FROM staged WHERE _reasons IS NULL"  # noqa: S608 (identifiers are quoted)
    if repeats:
        # The staged file is in the source's order and a filter keeps it; a join need not.
        good += " AND _row NOT IN (SELECT _row FROM repeats) ORDER BY _row"
    path = _free(job.landed, identity[:16])
    _publish(connection, good, {}, path)
    return path.name


def _write_quarantine(job: _Job, file: str, identity: str, connection: duckdb.DuckDBPyConnection) -> None:
    parameters = Parameters()
    name = parameters.add(file)
    clock = parameters.add(job.observed_at.astimezone(UTC).replace(tzinfo=None))
    conflict = parameters.add("key already landed with different content")
    packed = ", ".join(f"{quoted(column)} := {quoted(column)}" for column in job.table.columns)
    sql = f"""
        SELECT {name} AS file, _row AS row_number, _reasons AS reasons, _raw AS raw, {clock} AS ingested_at
        FROM (
            SELECT _row, _reasons, _raw FROM staged WHERE _reasons IS NOT NULL
            UNION ALL
            SELECT _row, [{conflict}] AS _reasons, CAST(to_json(row) AS VARCHAR) AS _raw
            FROM (SELECT _row, struct_pack({packed}) AS row FROM staged
                SEMI JOIN (SELECT _row FROM repeats WHERE is_conflict) USING (_row))
        )
        ORDER BY row_number"""  # noqa: S608 (identifiers are quoted, values bound)
    job.quarantined.mkdir(mode=0o700, parents=True, exist_ok=True)  # what was refused stands there as it came
    _publish(connection, sql, parameters.values, job.quarantined / f"{identity[:16]}.parquet")


def _publish(connection: duckdb.DuckDBPyConnection, sql: str, values: dict[str, object], path: Path) -> None:
    """Write a Parquet file that readers see whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    connection.execute(
        f"COPY ({sql}) TO $target (FORMAT parquet, COMPRESSION zstd)", {**values, "target": str(partial)}
    )
    partial.replace(path)


def _free(folder: Path, stem: str) -> Path:
    """A file name nobody has: landed files are never replaced, not even after a crash before the manifest's line."""
    path, nth = folder / f"{stem}.parquet", 1
    while path.exists():
        nth += 1
        path = folder / f"{stem}-{nth}.parquet"
    return path


def _entry(report: FileReport, identity: str, observed_at: datetime, landed_file: str | None) -> Entry:
    return Entry(
        identity=identity,
        file=report.file,
        observed_at=observed_at.astimezone(UTC).isoformat(),
        read=report.read,
        landed=report.landed,
        duplicates=report.duplicates,
        quarantined=report.quarantined,
        skipped=report.skipped,
        landed_file=landed_file,
    )
