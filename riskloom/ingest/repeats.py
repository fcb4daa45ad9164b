"""Rows whose key was seen before: the same again, or another content under the same key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from riskloom.contracts import TableContract
from riskloom.sql import listed, quoted


@dataclass(frozen=True, slots=True)
class Repeats:
    """Counts of the temporary table ``repeats``: rows of ``staged`` that must not land."""

    duplicates: int
    conflicts: int

    def __bool__(self) -> bool:
        return self.duplicates + self.conflicts > 0


def find_repeats(
    connection: duckdb.DuckDBPyConnection, table: TableContract, landed: list[Path], clock: datetime | None
) -> Repeats:
    """
    Fill the table ``repeats (_row, is_conflict)`` from the good rows of ``staged`` and what has landed.

    Args:
        connection: Has the view ``staged``.
        table: The contract with the key.
        landed: The landed files, at least one.
        clock: Where the rows brought no ``observed_at``, the one they were given: it says nothing about whether two
            rows are the same, and makes a changed row of a table keyed by it a correction.
    """
    is_clocked = clock is not None
    key = [name for name in table.key if not (is_clocked and name == "observed_at")]
    content = [name for name in table.columns if not (is_clocked and name == "observed_at")]
    corrects = is_clocked and "observed_at" in table.key
    join = " AND ".join(f"l.{quoted(name)} = g.{quoted(name)}" for name in key)
    packed = "struct_pack(" + ", ".join(f"{quoted(name)} := {quoted(name)}" for name in content) + ")"
    connection.execute("CREATE TEMP VIEW good AS SELECT * FROM staged WHERE _reasons IS NULL")
    connection.from_parquet([str(path) for path in landed]).create_view("landed")
    connection.execute(
        f"""
        CREATE TEMP TABLE suspects AS
        SELECT {listed(key)} FROM good GROUP BY ALL HAVING count(*) > 1
        UNION
        SELECT {listed(key)} FROM good SEMI JOIN landed USING ({listed(key)})"""  # noqa: S608 (identifiers are quoted)
    )
    connection.execute(
        f"""
        CREATE TEMP TABLE repeats AS
        WITH newest_landed AS (
            SELECT {listed(key)}, {packed} AS content, observed_at FROM landed SEMI JOIN suspects USING ({listed(key)})
            QUALIFY row_number() OVER (PARTITION BY {listed(key)} ORDER BY observed_at DESC) = 1
        ),
        candidates AS (
            SELECT _row, {listed(key)}, {packed} AS content FROM good SEMI JOIN suspects USING ({listed(key)})
        ),
        compared AS (
            SELECT g._row, {listed(key, "g.")}, g.content,
                l.observed_at IS NOT NULL AS has_landed,
                l.observed_at IS NOT NULL AND l.content = g.content AS is_landed,
                coalesce(l.observed_at < $clock, true) AND $corrects AS is_correction
            FROM candidates AS g LEFT JOIN newest_landed AS l ON {join}
        ),
        ranked AS (
            SELECT *,
                row_number() OVER same AS nth,
                first_value(content) OVER same AS first_content
            FROM compared WINDOW same AS (PARTITION BY {listed(key)}, is_landed ORDER BY _row)
        ),
        judged AS (
            SELECT _row, CASE
                WHEN is_landed THEN false
                WHEN has_landed AND NOT is_correction THEN true
                WHEN nth = 1 THEN NULL
                ELSE content <> first_content
            END AS is_conflict
            FROM ranked
        )
        SELECT _row, is_conflict FROM judged WHERE is_conflict IS NOT NULL""",  # noqa: S608 (identifiers are quoted)
        {"clock": clock.astimezone(UTC).replace(tzinfo=None) if clock else None, "corrects": corrects},
    )
    counted = connection.execute("SELECT count(*) FILTER (NOT is_conflict), count(*) FILTER (is_conflict) FROM repeats")
    ((duplicates, conflicts),) = counted.fetchall()
    return Repeats(duplicates, conflicts)
