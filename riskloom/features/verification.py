"""Whether what was served is what is trained on: logged values against the marts', at each decision's instant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riskloom.catalog import Domain
from riskloom.errors import FeatureError
from riskloom.features.views import EVENT_TIMESTAMP, FeatureView
from riskloom.sql import quoted

if TYPE_CHECKING:
    import duckdb

_EXAMPLES = 5
#: What is read of a logged decision; everything else in the line is passed over.
_LOGGED = {
    "decision_id": "VARCHAR",
    "decided_at": "TIMESTAMP",
    "event": "MAP(VARCHAR, VARCHAR)",
    "features": "MAP(VARCHAR, DOUBLE)",
    "freshness": "MAP(VARCHAR, STRUCT(status VARCHAR))",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that was served otherwise than the marts have it."""

    decision_id: str
    feature: str
    served: float | None
    recomputed: float | None


@dataclass(frozen=True, slots=True)
class Verification:
    """
    What a comparison found.

    Attributes:
        start: Decisions from here on were looked at, timezone-aware.
        end: Up to here.
        decisions: How many there were.
        compared: Values that stand on both sides.
        not_served: Values of views that were not read when it was decided.
        not_built: Values of views without a row for the decision: its event has not landed, or came twice.
        differing: How many values differ, by feature; empty is what it should be.
        examples: Some of them.
    """

    start: datetime
    end: datetime
    decisions: int
    compared: int
    not_served: int
    not_built: int
    differing: dict[str, int]
    examples: tuple[Difference, ...]

    @property
    def is_exact(self) -> bool:
        """Whether no value differs."""
        return not self.differing


def verify_served(
    domain: Domain,
    views: Sequence[FeatureView],
    *,
    decisions: Path,
    marts: Path,
    start: datetime,
    end: datetime,
    threads: int,
    memory: str,
) -> Verification:
    """
    Compare the windowed features of logged decisions with what the marts have for the same entity and instant.

    Args:
        domain: Whose decisions.
        views: Its views; those that are not windowed are passed over, since they are published and not computed.
        decisions: Where the decision log's folders are.
        marts: Where the marts are.
        start: Decisions from here on; timezone-aware.
        end: Decisions before this instant.
        threads: Of DuckDB.
        memory: DuckDB's limit, such as ``2GB``.

    Raises:
        FeatureError: An instant has no time zone, or a mart is missing.
    """
    import duckdb  # noqa: PLC0415

    if start.tzinfo is None or end.tzinfo is None:
        raise FeatureError(f"start and end must be timezone-aware, got {start.isoformat()} and {end.isoformat()}")
    with duckdb.connect(config={"threads": threads, "memory_limit": memory}) as connection:
        count = _read_log(connection, sorted((decisions / domain.name).glob("*.jsonl")), start, end)
        connection.execute(_FINDINGS)
        for view in views:
            if view.is_windowed:
                _compare(connection, view, marts / domain.name / f"{view.mart}.parquet")
        return _summary(connection, start, end, count)


def _read_log(connection: duckdb.DuckDBPyConnection, files: Sequence[Path], start: datetime, end: datetime) -> int:
    """Load the decisions of the span as the table ``log``; gives how many there are."""
    columns = ", ".join(f"{name} {kind}" for name, kind in _LOGGED.items())
    connection.execute(f"create temp table log ({columns})")
    if files:
        # a process that was killed leaves half a line, which is no decision that was answered
        connection.execute(
            """
            insert into log
            select decision_id, decided_at, event, features, freshness
            from read_json(?, format = 'newline_delimited', ignore_errors = true, columns = ?)
            where decided_at >= ? and decided_at < ?
            """,
            [[str(file) for file in files], _LOGGED, _naive(start), _naive(end)],
        )
    (count,) = connection.execute("select count(*) from log").fetchone() or (0,)
    return int(count)


_FINDINGS = """
create temp table findings (
    decision_id varchar, feature varchar, was_served boolean, was_built boolean, served double, recomputed double
)
"""


def _compare(connection: duckdb.DuckDBPyConnection, view: FeatureView, mart: Path) -> None:
    """Add a row to ``findings`` for each logged value of a view."""
    if not mart.is_file():
        raise FeatureError(f"{mart}: no such mart; build the features first")
    key, names = quoted(view.join_key), list(view.features)
    values = ", ".join(f"cast(mart.{quoted(name)} as double)" for name in names)
    connection.execute(
        f"""
        insert into findings
        with
        asked as (
            select * from log where event[?] is not null
        ),
        joined as (
            select
                asked.*,
                freshness[?].status as status,
                mart.{key} is not null as was_built,
                [{values}] as recomputed
            from asked
            left join read_parquet(?) as mart
                on asked.event[?] = mart.{key} and asked.decided_at = mart.{EVENT_TIMESTAMP}
        ),
        named as (
            select decision_id, features, status, was_built, unnest(?) as feature, unnest(recomputed) as recomputed
            from joined
        )
        select
            decision_id,
            feature,
            status is not null and status <> 'missing',
            was_built,
            features[feature],
            recomputed
        from named
        where map_contains(features, feature)
        """,  # noqa: S608 - identifiers are declared and quoted, values are bound
        [view.join_key, view.name, str(mart), view.join_key, names],
    )


def _summary(connection: duckdb.DuckDBPyConnection, start: datetime, end: datetime, decisions: int) -> Verification:
    both = "was_served and was_built"
    compared, not_served, not_built = _one(
        connection,
        f"""
        select
            count(*) filter (where {both}),
            count(*) filter (where not was_served),
            count(*) filter (where was_served and not was_built)
        from findings
        """,  # noqa: S608 - a constant
    )
    wrong = f"from findings where {both} and served is distinct from recomputed"
    differing = connection.execute(f"select feature, count(*) {wrong} group by feature order by feature").fetchall()
    examples = connection.execute(
        f"select decision_id, feature, served, recomputed {wrong} order by decision_id, feature limit {_EXAMPLES}"
    ).fetchall()
    return Verification(
        start=start,
        end=end,
        decisions=decisions,
        compared=compared,
        not_served=not_served,
        not_built=not_built,
        differing={str(name): int(count) for name, count in differing},
        examples=tuple(Difference(*row) for row in examples),
    )


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    return connection.execute(query).fetchone() or ()


def _naive(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None)


def day_of(text: str | None, *, now: datetime) -> tuple[datetime, datetime]:
    """
    A day from its first instant to that of the next, in UTC; without a text the last whole day before ``now``.

    Raises:
        FeatureError: The text is no date.
    """
    try:
        day = now.astimezone(UTC).date() - timedelta(days=1) if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise FeatureError(f"day: expected a date such as 2026-03-01, found {text!r}") from error
    start = datetime.combine(day, time(), UTC)
    return start, start + timedelta(days=1)


def describe(found: Verification) -> Iterator[str]:
    """The findings in a few lines, for a log."""
    yield (
        f"{found.decisions:,} decisions from {found.start:%Y-%m-%d %H:%M} to {found.end:%Y-%m-%d %H:%M}: "
        f"{found.compared:,} values compared, {sum(found.differing.values()):,} differ"
    )
    if found.not_served or found.not_built:
        yield f"{found.not_served:,} values were not served, {found.not_built:,} are of events that have not landed"
    for feature, count in found.differing.items():
        yield f"{feature}: {count:,} values differ"
    for example in found.examples:
        yield (
            f"decision {example.decision_id}: {example.feature} was served as {example.served}, "
            f"the mart has {example.recomputed}"
        )
