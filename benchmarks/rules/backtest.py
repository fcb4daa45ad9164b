"""One rule over a history in Parquet, against the same condition as somebody writes it in SQL by hand."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from benchmarks.rows import Row
from benchmarks.workbench import Workbench, timed
from riskloom.errors import ConfigError
from riskloom.rules import MemberList, Schema, Table, read_condition, to_sql
from riskloom.rules.tree import Type
from riskloom.sql import Parameters

_TARGET = 10.0  # seconds for ten million rows
_THREADS = 2
_SCHEMA = Schema(
    fields={
        "event.amount": Type.NUMBER,
        "event.terminal_id": Type.TEXT,
        "event.effective_at": Type.TIME,
        "event.opened_at": Type.TIME,
        "feature.payments_1h": Type.NUMBER,
        "feature.mean_90d": Type.NUMBER,
    },
    lists={"blocked": "terminals that are blocked"},
)
_WHEN = """
event.amount > 3 * feature.mean_90d and feature.payments_1h >= 2 and hour_of_day(event.effective_at) < 6
or event.terminal_id in list.blocked and event.effective_at - event.opened_at < 7d
"""
_BY_HAND = """
    amount > 3 * mean_90d and payments_1h >= 2 and hour(effective_at) < 6
    or list_contains($blocked, terminal_id) and effective_at - opened_at < interval 7 days
"""
_BLOCKED = [f"t-{number}" for number in range(0, 2_000, 100)]


def measure(bench: Workbench) -> Iterator[Row]:
    """Count the hits of a rule of four comparisons, a list and a duration, from the file on, with two threads."""
    count = bench.size(10_000_000, 200_000)
    path = bench.work_in("rules") / "history.parquet"
    columns = {f"{kind}.{name}": name for kind, name in (full.split(".") for full in _SCHEMA.fields)}
    table = Table(columns, at="observed_at", lists={"blocked": MemberList(_BLOCKED)})
    parameters = Parameters()
    condition = to_sql(read_condition(_WHEN, _SCHEMA), table, parameters)
    with duckdb.connect(config={"threads": _THREADS}) as connection:
        connection.execute(_history(count), {"path": str(path)})
        select = f"select count(*) filter ({{}}) from '{path}'"  # noqa: S608 - our own folder
        with timed() as ours:
            hits = connection.execute(select.format(condition), parameters.values).fetchall()
        with timed() as theirs:
            by_hand = connection.execute(select.format(_BY_HAND), {"blocked": _BLOCKED}).fetchall()
    if hits != by_hand:
        raise ConfigError(f"rules.backtest: expected the {by_hand[0][0]} hits of the SQL by hand, found {hits[0][0]}")
    yield Row(
        name=f"one rule over {count:,} rows of Parquet",
        value=ours.seconds,
        unit="s",
        better="lower",
        peer="DuckDB: the condition written by hand, without the language's guards",
        peer_value=theirs.seconds,
        target=_TARGET,
    )


def _history(count: int) -> str:
    """Writes rows that look like payments; a tenth of the means are missing."""
    return f"""
        copy (
            select
                cast(hash(i) % 50000 / 100.0 as decimal(18, 2)) as amount,
                't-' || hash(i, 1) % 2000 as terminal_id,
                timestamp '2026-01-01' + to_seconds(cast(i % 7776000 as bigint)) as effective_at,
                effective_at as observed_at,
                effective_at - to_hours(cast(hash(i, 2) % 9000 as bigint)) as opened_at,
                cast(hash(i, 3) % 4 as bigint) as payments_1h,
                case when hash(i, 4) % 10 > 0 then hash(i, 5) % 20000 / 100.0 end as mean_90d
            from range({count}) as t (i)
        ) to $path (format parquet)
    """  # noqa: S608 - a number
