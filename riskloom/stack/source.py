"""Where the demo's data comes from: made up by the domain's simulator, or real files moved to the present."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from riskloom.catalog import Demo, Domain
from riskloom.errors import ConfigError
from riskloom.settings import Settings

#: What the demo calls the data it makes up itself; every other name is that of mapping files.
SIMULATED = "simulated"
_SUFFIXES = {".csv", ".jsonl", ".parquet"}
_WEEK = timedelta(days=7)
_SEED = 7


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of the rows of one table."""

    table: str
    read: int
    landed: int
    duplicates: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class Source:
    """
    Data of one domain in files of its tables' columns.

    Attributes:
        history: ``<table>/*.parquet``, to be ingested.
        live: ``<table>/*.parquet``, what came after; to be scored.
        note: How it was made, in words.
    """

    history: Path
    live: Path
    note: str


def domains_with(data: str, domains: dict[str, Domain], chosen: Sequence[str] = ()) -> list[Domain]:
    """
    The domains that have such data; of those only the chosen ones, where some are.

    Raises:
        ConfigError: None has, or a chosen one is not declared or has not.
    """
    unknown = [name for name in chosen if name not in domains]
    if unknown:
        raise ConfigError(f"no domain {', '.join(map(repr, unknown))}; known domains: {', '.join(domains)}")
    found = [
        domain
        for domain in domains.values()
        if ((domain.folder / "simulate.py").is_file() if data == SIMULATED else mappings(domain, data))
    ]
    if not found:
        names = sorted({path.stem.split("_")[0] for domain in domains.values() for path in _all_mappings(domain)})
        raise ConfigError(f"no domain has data {data!r}; there is: {', '.join([SIMULATED, *names])}")
    without = [name for name in chosen if name not in {domain.name for domain in found}]
    if without:
        raise ConfigError(f"no {data!r} data for {', '.join(without)}; there is for: {_names(found)}")
    return [domain for domain in found if not chosen or domain.name in chosen]


def mappings(domain: Domain, data: str) -> list[Path]:
    """The mapping files of a kind of data: ``mappings/<data>_*.toml`` in the domain's folder."""
    return [path for path in _all_mappings(domain) if path.stem.startswith(f"{data}_")]


def simulate(domain: Domain, size: Demo, folder: Path, *, now: datetime) -> Source:
    """
    Make up history until yesterday's midnight, and yesterday as live events; behaviour changes some days before.

    Whole days, so that the hours of the day mean what they say; and nothing of today, since it has not happened yet.

    Args:
        domain: Its simulator makes the data up.
        size: How much.
        folder: Where the files go.
        now: The moment the data leads up to; timezone-aware.
    """
    from riskloom.ingest import SimulationPlan, write_simulation  # noqa: PLC0415

    yesterday = datetime.combine(now.astimezone(UTC).date(), time(), UTC) - timedelta(days=1)
    plan = SimulationPlan(
        start=yesterday - timedelta(days=size.days),
        days=size.days + 1,
        events=size.events,
        seed=_SEED,
        drift_at=yesterday - timedelta(days=size.drifted_days),
    )
    report = write_simulation(domain, plan, folder, live_from=yesterday)
    note = f"simulated {size.days} days; behaviour changes {size.drifted_days} days before the end"
    return Source(history=report.folder, live=report.folder / "live", note=note)


def replay(
    domain: Domain, data: str, files: list[Path], folder: Path, *, now: datetime, pseudonym_key: bytes
) -> tuple[Source, list[Ingested]]:
    """
    Move real files to the present by whole weeks, so that weekdays stay and features are fresh; hold back the last day.

    Args:
        domain: Its mappings for ``data`` read the files.
        data: Which mappings.
        files: All of them are read by each mapping.
        folder: Where the moved rows go.
        now: The moment before which the moved data ends; timezone-aware.
        pseudonym_key: Of those whom the rows are about; what is moved holds their pseudonyms.

    Returns:
        The moved data, and what ingest said of the files as they are.
    """
    from riskloom.ingest import ingest_files, prepare_landing, watermark  # noqa: PLC0415

    landing = folder / "as-they-are"
    prepare_landing(domain, landing)
    ingested = []
    for mapping in mappings(domain, data):
        table = str(tomllib.loads(mapping.read_text(encoding="utf-8"))["table"])
        report = ingest_files(
            domain, table, files, landing=landing, quarantine=folder / "quarantine", observed_at=now, mapping=mapping,
            pseudonym_key=pseudonym_key,
        )  # fmt: skip
        ingested.append(Ingested(table, report.read, report.landed, report.duplicates, report.quarantined))
    newest = watermark(domain, landing)
    if newest is None:
        raise ConfigError(f"none of the rows in {files[0].parent} became an event of {domain.name!r}")
    shift = (now - newest) // _WEEK * _WEEK
    live_from = datetime.combine((newest + shift).date(), time(), UTC)
    _write_moved(domain, landing, folder, shift, live_from)
    noun = "file" if len(files) == 1 else "files"
    note = f"{len(files)} {noun} of {data!r} data, moved by {shift.days // 7} weeks to end on {live_from:%Y-%m-%d}"
    return Source(history=folder / "history", live=folder / "live", note=note), ingested


def data_files(folder: Path | None) -> list[Path]:
    """
    The files of a folder that ingest reads.

    Raises:
        ConfigError: There is no folder, or no such file in it.
    """
    if folder is None:
        raise ConfigError("real data needs its folder: --data-dir DIR (make demo DATA=… DATA_DIR=…)")
    found = sorted(path.resolve() for path in folder.glob("*") if path.suffix in _SUFFIXES)
    if not found:
        raise ConfigError(f"{folder}: expected files ending with {', '.join(sorted(_SUFFIXES))}, found none")
    return found


def ingest(domain: Domain, source: Source, settings: Settings, *, now: datetime) -> list[Ingested]:
    """Ingest the history of every table of the domain; what was held back stays out."""
    from riskloom.ingest import ensure_pseudonym_key, ingest_files  # noqa: PLC0415

    result, key = [], ensure_pseudonym_key(settings.keys)
    for table in domain.tables:
        files = sorted((source.history / table).glob("*.parquet"))
        if files:
            report = ingest_files(
                domain, table, files, landing=settings.landing, quarantine=settings.quarantine, observed_at=now,
                pseudonym_key=key,
            )  # fmt: skip
            result.append(Ingested(table, report.read, report.landed, report.duplicates, report.quarantined))
    return result


def _names(domains: Sequence[Domain]) -> str:
    return ", ".join(domain.name for domain in domains)


def _all_mappings(domain: Domain) -> list[Path]:
    return sorted((domain.folder / "mappings").glob("*.toml"))


def _write_moved(domain: Domain, landing: Path, folder: Path, shift: timedelta, live_from: datetime) -> None:
    """Write each table's rows with all times moved by ``shift``: before ``live_from`` as history, the rest as live."""
    import duckdb  # noqa: PLC0415

    boundary = f"TIMESTAMP '{live_from:%Y-%m-%d %H:%M:%S}'"
    with duckdb.connect() as connection:
        for name, table in domain.tables.items():
            moved = [
                f'"{column}" + to_days({shift.days}) AS "{column}"' if declared.type == "timestamp" else f'"{column}"'
                for column, declared in table.columns.items()
            ]
            rows = connection.read_parquet(f"{landing / domain.name / name}/*.parquet").project(", ".join(moved))
            for part, condition in (("history", "observed_at < "), ("live", "observed_at >= ")):
                target = folder / part / name / "part-0000.parquet"
                target.parent.mkdir(parents=True, exist_ok=True)
                rows.filter(condition + boundary).order("observed_at").write_parquet(str(target), compression="zstd")
