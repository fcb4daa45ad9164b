"""Simulated events a second, against drawing them one by one in plain Python."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.rows import Row
from benchmarks.workbench import DAYS, Workbench, timed
from riskloom.ingest.schema import arrow_schema

_TARGET = 10_000_000 / 120  # ten million in two minutes


def measure(bench: Workbench) -> Iterator[Row]:
    """Simulate ten million events; the peer draws fewer and is stated per second."""
    events = bench.size(10_000_000, 50_000)
    simulated = bench.simulated(events)
    rows = bench.size(200_000, 5_000)
    with timed() as watch:
        _write_one_by_one(bench, rows, bench.work_in("simulate") / "peer.parquet")
    yield Row(
        name=f"simulate {events:,} events with all their tables",
        value=events / simulated.seconds,
        unit="events/s",
        better="higher",
        peer=f"a Python loop that draws {rows:,} rows of the event table alone",
        peer_value=rows / watch.seconds,
        target=_TARGET,
    )


def _write_one_by_one(bench: Workbench, rows: int, path: Path) -> None:
    """The event table with a draw a value and no scenarios: less than what the simulator does."""
    table, draw = bench.domain.event_table, random.Random(7)  # noqa: S311 - made-up data
    events = []
    for number in range(rows):
        at = (bench.start + timedelta(seconds=draw.uniform(0, DAYS * 86_400))).replace(tzinfo=None)
        event: dict[str, object] = {}
        for name, column in table.columns.items():
            if name in table.key:
                event[name] = f"{name}-{number:010d}"
            elif column.type == "timestamp":
                event[name] = at
            elif column.allowed:
                event[name] = draw.choice(column.allowed)
            elif column.type.startswith("decimal"):
                event[name] = Decimal(round(draw.lognormvariate(3.5, 0.8), 2)).quantize(Decimal("0.01"))
            else:
                event[name] = f"{name}-{draw.randrange(50_000)}"
        events.append(event)
    pq.write_table(pa.Table.from_pylist(events, schema=arrow_schema(table)), path, compression="zstd")
