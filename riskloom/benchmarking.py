"""What benchmarks over public files share: a home to work in, progress, and an ingest that leaves no row out."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from rich.console import Console

from riskloom.catalog import Domain
from riskloom.errors import ContractError
from riskloom.pseudonyms import ensure_pseudonym_key
from riskloom.settings import Settings

#: Takes a line on progress.
Say: TypeAlias = Callable[[str], None]


@contextmanager
def work_folder(work: Path | None, name: str) -> Iterator[Path]:
    """The folder asked for, which is kept, or one named after the benchmark that is gone afterwards."""
    if work is not None:
        work.mkdir(parents=True, exist_ok=True)
        yield work.resolve()
        return
    with tempfile.TemporaryDirectory(prefix=f"riskloom-{name}-") as folder:
        yield Path(folder)


def progress() -> Say:
    """What prints lines to standard error, each with the seconds since now."""
    begin, console = time.monotonic(), Console(stderr=True, highlight=False)

    def say(text: str) -> None:
        console.print(f"[{time.monotonic() - begin:6.1f} s] {text}", markup=False, soft_wrap=True)

    return say


def ingest_whole(
    domain: Domain,
    settings: Settings,
    files: Sequence[Path],
    mappings: Mapping[str, str],
    *,
    observed_at: datetime,
    say: Say,
) -> None:
    """
    Ingest the same files into several tables, each by a mapping of the domain; every row has to land.

    Args:
        domain: Its folder holds the mappings.
        settings: With a home of the benchmark's own.
        files: Each is read by every mapping.
        mappings: File name below ``mappings/`` by table.
        observed_at: The ingest's clock, timezone-aware.
        say: Takes a line on each table.

    Raises:
        ContractError: A row breaks a contract; the figures would be about other rows than those they are compared with.
    """
    from riskloom.ingest import ingest_files  # noqa: PLC0415 (heavy; commands are imported for every command line)

    for table, mapping in mappings.items():
        report = ingest_files(
            domain,
            table,
            files,
            landing=settings.landing,
            quarantine=settings.quarantine,
            observed_at=observed_at,
            mapping=domain.folder / "mappings" / mapping,
            threads=settings.duckdb_threads,
            memory=settings.duckdb_memory,
            pseudonym_key=ensure_pseudonym_key(settings.keys),
        )
        say(f"ingested {table}: {report.landed:,} rows landed, {report.duplicates:,} there already")
        if report.quarantined:
            raise ContractError(
                f"{table}: expected every row of {_names(files)} to keep the contract, found {report.quarantined} "
                f"that do not; see {settings.quarantine}"
            )


def _names(files: Sequence[Path]) -> str:
    return files[0].name if len(files) == 1 else f"{len(files)} files"
