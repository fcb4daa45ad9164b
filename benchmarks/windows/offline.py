"""Windows over all history in SQL: two keys, four spans, three aggregates, on time and with late rows."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import duckdb
import pandas as pd
from feast.aggregation import Aggregation
from feast.aggregation.tiling.orchestrator import apply_sawtooth_window_tiling
from feast.aggregation.tiling.tile_subtraction import convert_cumulative_to_windowed

from benchmarks.rows import Row
from benchmarks.windows.offline_sql import AGGREGATES, KEYS, SPANS, render
from benchmarks.workbench import DAYS, Workbench, timed

_WHAT = f"{len(KEYS)} keys, {len(SPANS)} spans, {len(AGGREGATES)} aggregates"
_GROWTH = 10
_EXPONENT = 1.1
_GIB = 1024**3
_SECONDS_ON_TIME, _SECONDS_LATE, _GIB_ON_TIME = 45, 130, 1.0
_MEMORY_ON_TIME, _MEMORY_LATE = "600MB", "3GB"
_SPAN_US = DAYS * 86_400_000_000
_LATEST_US = 3 * 86_400_000_000
#: Events of a key in Feast's run, and its windows: the grid of five-minute tiles alone would take it many minutes.
_FEAST_EVENTS, _FEAST_KEYS = 500, 5
_FEAST_WINDOWS = {timedelta(days=1): timedelta(hours=1), timedelta(days=30): timedelta(days=1)}


@dataclass(frozen=True, slots=True)
class _Run:
    """Seconds and peak memory of both queries in a process of their own."""

    seconds: float
    gib: float


def measure(bench: Workbench) -> Iterator[Row]:
    """Run the rendered SQL on one and ten million events; pandas and Feast beside it on fewer."""
    few = bench.size(1_000_000, 10_000)
    many = few * _GROWTH
    small = _run(bench, few)
    yield Row(
        name=f"windows of {few:,} events: {_WHAT}",
        value=few / small.seconds,
        unit="events/s",
        better="higher",
        peer="pandas: rolling count, sum and max over the same spans",
        peer_value=few / _seconds_of_pandas(bench.work_in(_folder(few)) / "events.parquet"),
    )
    yield Row(
        name=f"single windows of {few:,} events, {len(AGGREGATES)} aggregates each",
        value=few * len(KEYS) * len(SPANS) / small.seconds,
        unit="windows/s",
        better="higher",
        peer=f"Feast {_feast_version()}: its tiling of {_FEAST_EVENTS} events, values at the ends of tiles alone",
        peer_value=_FEAST_EVENTS * len(_FEAST_WINDOWS) / _seconds_of_feast(),
    )
    large = _run(bench, many)
    is_full = few >= 1_000_000  # noqa: PLR2004 - the targets are for these sizes
    yield Row(
        name=f"windows of {many:,} events: {_WHAT}",
        value=large.seconds,
        unit="s",
        better="lower",
        target=_SECONDS_ON_TIME if is_full else None,
    )
    yield Row(
        name=f"peak memory of the windows of {many:,} events",
        value=large.gib,
        unit="GiB",
        better="lower",
        target=_GIB_ON_TIME,
    )
    yield Row(
        name=f"exponent of the growth of windows from {few:,} to {many:,} events",
        value=math.log(large.seconds / small.seconds, _GROWTH),
        unit="",
        better="lower",
        target=_EXPONENT if is_full else None,
    )
    late = _run(bench, many, late=0.05)
    yield Row(
        name=f"windows of {many:,} events, 5 % up to three days late: {_WHAT}",
        value=late.seconds,
        unit="s",
        better="lower",
        target=_SECONDS_LATE if is_full else None,
    )
    yield Row(name=f"peak memory with 5 % late, {many:,} events", value=late.gib, unit="GiB", better="lower")
    busy = _run(bench, few, busy=0.2)
    yield Row(
        name=f"windows of {few:,} events, a fifth of them at one terminal",
        value=few / busy.seconds,
        unit="events/s",
        better="higher",
        peer="the same with no such terminal",
        peer_value=few / small.seconds,
    )


def _folder(events: int, late: float = 0, busy: float = 0) -> str:
    return f"windows-{events}-{late}-{busy}"


def _run(bench: Workbench, events: int, *, late: float = 0, busy: float = 0) -> _Run:
    """Write events, render the SQL and run it alone."""
    folder = bench.work_in(_folder(events, late, busy))
    _write_events(folder / "events.parquet", events, late=late, busy=busy)
    for key, query in render(folder / "dbt", {}).items():
        (folder / f"{key}.sql").write_text(query, encoding="utf-8")
    memory = _MEMORY_LATE if late else _MEMORY_ON_TIME
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.windows.offline_query", str(folder), memory],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    return _Run(seconds=found["seconds"], gib=found["peak_bytes"] / _GIB)


def _write_events(path: Path, events: int, *, late: float, busy: float) -> None:
    """Ninety days of events at an even pace: a hundred a customer, two hundred a terminal, and the busy one's share."""
    usual = f"'t' || hash(number * 5) % {events // 200}"
    terminal = f"case when hash(number * 3) % 1000 < {1000 * busy} then 'busy' else {usual} end"
    query = f"""
        copy (
            select
                'e' || number as event_id,
                'c' || hash(number) % {events // 100} as customer_id,
                {terminal} as terminal_id,
                cast(hash(number * 7) % 100000 as bigint) as amount,
                at_us as effective_us,
                at_us + case when hash(number * 11) % 1000 < {1000 * late}
                    then cast(hash(number * 13) % {_LATEST_US} as bigint) else 0 end as observed_us
            from (
                select number, 1767225600000000 + number * ({_SPAN_US} // {events}) as at_us
                from range({events}) as numbers(number)
            )
        ) to '{path}' (format parquet)
    """  # noqa: S608 - numbers and a path of ours
    with duckdb.connect() as connection:
        connection.execute("set memory_limit = '1GB'")
        connection.execute(query)


def _seconds_of_pandas(path: Path) -> float:
    """Rolling windows by each key, exact at both ends, as a notebook would."""
    events = pd.read_parquet(path).sort_values("observed_us")
    events["observed_at"] = pd.to_datetime(events["observed_us"], unit="us")
    with timed() as watch:
        for key in KEYS:
            for span in SPANS:
                window = events.groupby(f"{key}_id").rolling(pd.Timedelta(span), on="observed_at", closed="left")
                window["amount"].agg(list(AGGREGATES))
    return watch.seconds


def _seconds_of_feast() -> float:
    """Feast's tiling, which its Spark engine runs in pandas on the driver; its local engine refuses time windows."""
    events = pd.DataFrame({"number": range(_FEAST_EVENTS)})
    events["customer_id"] = "c" + (events["number"] % _FEAST_KEYS).astype(str)
    events["amount"] = events["number"] % 97
    events["at"] = pd.Timestamp("2026-01-01") + events["number"] * pd.Timedelta(days=DAYS) / _FEAST_EVENTS
    begin = time.perf_counter()
    for width, hop in _FEAST_WINDOWS.items():
        wanted = [Aggregation(column="amount", function=name, time_window=width) for name in AGGREGATES]
        tiles = apply_sawtooth_window_tiling(events.copy(), wanted, ["customer_id"], "at", width, hop)
        convert_cumulative_to_windowed(tiles, ["customer_id"], "at", width, wanted)
    return time.perf_counter() - begin


def _feast_version() -> str:
    import feast  # noqa: PLC0415

    return str(feast.__version__)
