"""The command that scores files."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from riskloom.catalog import load_domain
from riskloom.cli.features import Slug
from riskloom.errors import ConfigError
from riskloom.settings import load_settings
from riskloom.wiring import event_features, model_store

if TYPE_CHECKING:
    from riskloom.scoring import ScoreReport

_NOT_CLEAN = 1  # exit code of --strict with refused rows


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(score)


def score(
    domain_name: Slug,
    files: Annotated[list[Path], typer.Argument(help="Events: CSV, JSON (also .gz) or Parquet.")],
    out: Annotated[Path, typer.Option(help="Parquet file with the scores; replaced where it is there.")],
    model: Annotated[str | None, typer.Option(help="Version of the model; the champion by default.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Threads; as many as there are cores by default.")] = None,
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 when any row was refused.")] = False,
) -> None:
    """
    Score the events of files as they would have been decided, and change nothing but --out.

    Features are those of the last build, as of when each event was observed; an event without that time is scored as
    of now.
    """
    from riskloom.ingest import ensure_pseudonym_key  # noqa: PLC0415 (heavy)
    from riskloom.registry import load_model, read_record  # noqa: PLC0415
    from riskloom.scoring import score_files  # noqa: PLC0415

    settings, domain = load_settings(), load_domain(domain_name)
    version = model or read_record(settings.registry, domain.name).champion
    if version is None:
        raise ConfigError(f"{domain.name}: expected a champion or --model VERSION, found neither; promote a version")
    loaded = load_model(model_store(settings), domain.name, version)
    features = event_features(settings, domain)
    began = time.perf_counter()
    report = score_files(
        domain,
        loaded,
        features,
        files,
        out,
        observed_at=datetime.now(UTC),
        scratch=settings.home,
        jobs=jobs or os.cpu_count() or 1,
        memory=settings.duckdb_memory,
        pseudonym_key=ensure_pseudonym_key(settings.keys) if domain.event_table.pseudonyms else None,
    )
    _print(report, time.perf_counter() - began)
    if strict and report.refused is not None:
        raise typer.Exit(_NOT_CLEAN)


def _print(report: ScoreReport, seconds: float) -> None:
    table = Table("file", title=f"scored with version {report.model_version}")
    for name in ("scored", "refused"):
        table.add_column(name, justify="right", no_wrap=True)
    for file in report.files:
        table.add_row(file.file, f"{file.scored:,}", f"{file.refused:,}")
    console = Console(highlight=False)
    console.print(table)
    console.print(f"{report.scored:,} rows in {seconds:.1f} s: {report.scored / seconds:,.0f} rows/s")
    console.print(f"scores: {report.out}", markup=False, soft_wrap=True)
    if report.refused is not None:
        console.print(f"refused rows: {report.refused}", markup=False, soft_wrap=True)
