"""Ingested rows a second from CSV, against reading, checking and writing the same file with pandas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd

from benchmarks.rows import Row
from benchmarks.workbench import Workbench, timed
from riskloom.catalog import Domain
from riskloom.contracts import TableContract
from riskloom.errors import ContractError
from riskloom.ingest import ensure_pseudonym_key, ingest_files, prepare_landing


def measure(bench: Workbench) -> Iterator[Row]:
    """Land a million events; both sides check nulls, bounds, allowed values, lengths and keys."""
    events = bench.size(1_000_000, 20_000)
    work = bench.work_in("ingest")
    source = _write_csv(bench.domain, bench.simulated(events).folder, work / "events.csv")
    prepare_landing(bench.domain, work / "landing")
    with timed() as ours:
        report = ingest_files(
            bench.domain,
            bench.domain.subject.event_table,
            [source],
            landing=work / "landing",
            quarantine=work / "quarantine",
            observed_at=bench.end,
            pseudonym_key=ensure_pseudonym_key(work / "keys"),
        )
    if report.landed != events:
        raise ContractError(f"{source.name}: expected {events} rows to land, found {report.landed}")
    with timed() as theirs:
        _ingest_with_pandas(bench.domain.event_table, source, work / "peer.parquet")
    yield Row(
        name=f"ingest {events:,} rows of CSV: read, check, quarantine, dedupe, land",
        value=events / ours.seconds,
        unit="rows/s",
        better="higher",
        peer="pandas: read_csv, the same checks without quarantine, to_parquet",
        peer_value=events / theirs.seconds,
    )


def _write_csv(domain: Domain, simulated: Path, path: Path) -> Path:
    with duckdb.connect() as connection:
        events = connection.read_parquet(f"{simulated}/{domain.subject.event_table}/*.parquet")
        events.write_csv(str(path))
    return path


def _ingest_with_pandas(table: TableContract, source: Path, out: Path) -> None:
    times = [name for name, column in table.columns.items() if column.type == "timestamp"]
    strings = {name: "str" for name, column in table.columns.items() if column.type == "string"}
    frame = pd.read_csv(source, dtype=strings, parse_dates=times)
    is_good = ~frame.duplicated(list(table.key))
    for name, column in table.columns.items():
        values = frame[name]
        if not column.nullable:
            is_good &= values.notna()
        if column.allowed is not None:
            is_good &= values.isin(column.allowed) | values.isna()
        if column.type == "string":
            is_good &= (values.str.len() <= column.max_length) | values.isna()
        if column.minimum is not None:
            is_good &= values >= float(column.minimum)
        if column.maximum is not None:
            is_good &= values <= float(column.maximum)
    frame[is_good].to_parquet(out, compression="zstd")
