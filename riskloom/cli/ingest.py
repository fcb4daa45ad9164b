"""Commands for ingest and simulation."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from riskloom.catalog import load_domain
from riskloom.errors import ConfigError
from riskloom.settings import load_settings

if TYPE_CHECKING:
    from riskloom.ingest import IngestReport, SimulationReport

_NOT_CLEAN = 1  # exit code of --strict with quarantined rows


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("ingest")(ingest)
    app.command("simulate")(simulate)


def ingest(
    domain: Annotated[str, typer.Argument(help="Name of the domain.")],
    table: Annotated[str, typer.Argument(help="Table of the domain.")],
    files: Annotated[list[Path], typer.Argument(help="CSV, JSON (also .gz) or Parquet.")],
    mapping: Annotated[Path | None, typer.Option(help="Mapping file; without it columns go by their names.")] = None,
    observed_at: Annotated[
        str | None, typer.Option(help="When these files reached us, ISO 8601; without it, now.")
    ] = None,
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 when any row was quarantined.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Check files against a table's contract: good rows land, bad rows go to quarantine with their reasons."""
    from riskloom.ingest import RefusedFilesError, ensure_pseudonym_key, ingest_files  # noqa: PLC0415 (heavy)

    settings, declared = load_settings(), load_domain(domain)
    quarantine = settings.quarantine / domain / table
    is_concealing = mapping is not None or (table in declared.tables and declared.tables[table].pseudonyms)
    try:
        report = ingest_files(
            declared,
            table,
            files,
            landing=settings.landing,
            quarantine=settings.quarantine,
            observed_at=datetime.now(UTC) if observed_at is None else read_instant("--observed-at", observed_at),
            mapping=mapping,
            threads=settings.duckdb_threads,
            memory=settings.duckdb_memory,
            pseudonym_key=ensure_pseudonym_key(settings.keys) if is_concealing else None,
        )
    except RefusedFilesError as error:
        _print_ingested(error.report, quarantine, as_json=as_json)
        raise
    _print_ingested(report, quarantine, as_json=as_json)
    if strict and report.quarantined:
        raise typer.Exit(_NOT_CLEAN)


def simulate(
    domain: Annotated[str, typer.Argument(help="Name of the domain.")],
    out: Annotated[Path, typer.Option(help="Folder to write, <table>/*.parquet below it.")],
    days: Annotated[int, typer.Option(help="Days of history.")] = 90,
    events: Annotated[int, typer.Option(help="Rows of the event table over all days.")] = 200_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 7,
    start: Annotated[str, typer.Option(help="First day, midnight UTC.")] = "2026-01-01",
    drift_at: Annotated[str | None, typer.Option(help="From when on behaviour and fraud change.")] = None,
    live_from: Annotated[str | None, typer.Option(help="Rows observed from then on go to OUT/live.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Write a made-up history of a domain, table by table."""
    from riskloom.ingest import SimulationPlan, write_simulation  # noqa: PLC0415 (heavy)

    plan = SimulationPlan(
        start=read_instant("--start", start),
        days=days,
        events=events,
        seed=seed,
        drift_at=None if drift_at is None else read_instant("--drift-at", drift_at),
    )
    live = None if live_from is None else read_instant("--live-from", live_from)
    _print_simulated(write_simulation(load_domain(domain), plan, out, live), as_json=as_json)


def read_instant(option: str, text: str) -> datetime:
    """
    An ISO 8601 date or time as UTC; without offset it is UTC.

    Raises:
        ConfigError: It is neither.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"{option}: expected a time such as 2026-01-31T12:00:00Z, found {text!r}") from error
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _print_ingested(report: IngestReport, quarantine: Path, *, as_json: bool) -> None:
    if as_json:
        totals = {name: getattr(report, name) for name in ("read", "landed", "duplicates", "quarantined", "skipped")}
        content = {"domain": report.domain, "table": report.table, **totals}
        typer.echo(json.dumps({**content, "files": [asdict(file) for file in report.files]}))
        return
    names = ["read", "landed", "duplicates", "quarantined", *(["skipped"] if report.skipped else [])]
    table = Table("file", title=f"{report.domain}: {report.table}")
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for file in report.files:
        table.add_row(file.file, *(f"{getattr(file, name):,}" for name in names))
    console = Console(highlight=False)
    console.print(table)
    for file in report.files:
        if file.is_known:
            console.print(f"{file.file}: ingested before, nothing added", markup=False, soft_wrap=True)
        if file.ignored_columns:
            unused = ", ".join(file.ignored_columns)
            console.print(f"{file.file}: columns not used: {unused}", markup=False, soft_wrap=True)
    if report.quarantined:
        console.print(f"reasons: {quarantine}/*.parquet", markup=False, soft_wrap=True)


def _print_simulated(report: SimulationReport, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({**asdict(report), "folder": str(report.folder)}))
        return
    table = Table(title=f"{report.folder}" + ("" if report.is_new else " (was there already)"))
    table.add_column("table")
    table.add_column("rows", justify="right")
    table.add_column("live rows", justify="right")
    for name, rows in report.rows.items():
        table.add_row(name, f"{rows:,}", f"{report.live_rows.get(name, 0):,}")
    Console().print(table)
