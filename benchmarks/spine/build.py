"""The dbt build from landed rows to tested marts, and how it grows with the rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from benchmarks.rows import Row
from benchmarks.workbench import Workbench, timed
from riskloom.catalog import Domain

_SPANS = ("1D", "7D", "30D")
_GROWTH = 10
_EXPONENT = 1.1


def measure(bench: Workbench) -> Iterator[Row]:
    """Build one million and ten million events; the peer computes plain windows of one million."""
    few = bench.size(1_000_000, 10_000)
    many = few * _GROWTH
    small = bench.built(few)
    with timed() as theirs:
        _roll_with_pandas(bench.domain, bench.simulated(few).folder)
    yield Row(
        name=f"dbt build of {few:,} events: {small.report.models} models, {small.report.tests} tests",
        value=small.seconds,
        unit="s",
        better="lower",
        peer="pandas: rolling count, sum and max over 1, 7 and 30 days for each join key, nothing else",
        peer_value=theirs.seconds,
    )
    large = bench.built(many)
    yield Row(name=f"dbt build of {many:,} events", value=large.seconds, unit="s", better="lower")
    growth = large.seconds / small.seconds
    yield Row(
        name=f"growth of the dbt build from {few:,} to {many:,} events",
        value=growth,
        unit="times",
        better="lower",
        peer="linear growth",
        peer_value=_GROWTH,
        target=_GROWTH**_EXPONENT,
    )
    yield Row(
        name="exponent of that growth, dbt's start included",
        value=math.log(growth, _GROWTH),
        unit="",
        better="lower",
        target=_EXPONENT,
    )


def _roll_with_pandas(domain: Domain, simulated: Path) -> None:
    """Windows over the event table by its group and by each other string that names an entity, as a notebook would."""
    events = pd.read_parquet(simulated / domain.subject.event_table).sort_values("observed_at")
    amounts = domain.subject.amount
    events[amounts] = events[amounts].astype(float)
    keys = [name for name in domain.event_table.columns if name.endswith("_id") and name not in domain.event_table.key]
    for key in keys:
        known = events[events[key].notna()]
        for span in _SPANS:
            known.groupby(key).rolling(span, on="observed_at", closed="left")[amounts].agg(["count", "sum", "max"])
