"""The state of every key from history: ten million payments, kept by card and by shop."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import duckdb

from benchmarks.rows import Row
from benchmarks.windows.online_events import DAY, DAYS, START, plan
from benchmarks.workbench import Workbench, timed
from riskloom.windows.backfill import backfill
from riskloom.windows.sqlite_store import SqliteStateStore

_KEYS_IN = 100  # events a key
_TARGET_SECONDS = 300
_KIB = 1024


def measure(bench: Workbench) -> Iterator[Row]:
    """Into the embedded store, DuckDB limited to a gigabyte."""
    events = bench.size(10_000_000, 100_000)
    folder = bench.work_in("backfill")
    _write(folder, events)
    store = SqliteStateStore(folder / "windows.db")
    with timed() as watch:
        report = backfill(plan(), folder, store, as_of_us=START + DAYS * DAY)
    store.close()
    yield Row(
        name=f"backfill of {events:,} events into {report.keys:,} keys",
        value=watch.seconds,
        unit="s",
        better="lower",
        target=_TARGET_SECONDS,
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB
    yield Row(name="peak memory of the run so far, with that backfill", value=peak / 2**30, unit="GiB", better="lower")


def _write(folder: Path, events: int) -> None:
    """Payments spread over thirty days; no log-ins."""
    keys = max(10, events // _KEYS_IN)
    with duckdb.connect() as connection:
        for entities, model, number in (
            (("card", "shop"), "bench__payments", events),
            (("device",), "bench__logins", 0),
        ):
            columns = ", ".join(f"'{entity}-' || hash(n, '{entity}') % {keys} as {entity}" for entity in entities)
            step = DAYS * DAY // max(events, 1)
            connection.execute(
                f"""
                copy (
                    select 'event-' || n as event_id, {columns}, cast(hash(n) % 50000 as bigint) as amount,
                        'place-' || hash(n, 'place') % 40 as place,
                        {START} + n * {step} as effective_us, {START} + n * {step} as observed_us
                    from range({number}) as numbers (n)
                ) to '{folder / model}.parquet' (format parquet)
                """  # noqa: S608 - numbers and names of this module
            )
