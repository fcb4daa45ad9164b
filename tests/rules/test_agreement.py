"""The two evaluations of a condition give the same three-valued answer on the same rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from riskloom.rules import Evaluation, Facts, Member, MemberList, Table, read_condition, to_sql
from riskloom.rules.tree import Node
from riskloom.sql import Parameters
from tests.rules.conditions import EDGES, MOMENT, SCHEMA, TEXTS, conditions, edge_rows, rows

_ARROW = pa.schema(
    [
        ("event.amount", pa.decimal128(18, 2)),
        ("event.items", pa.int64()),
        ("event.country", pa.string()),
        ("event.note", pa.string()),
        ("event.is_online", pa.bool_()),
        ("event.effective_at", pa.timestamp("us")),
        ("event.opened_at", pa.timestamp("us", tz="UTC")),
        ("feature.mean", pa.float64()),
        ("feature.ratio", pa.float64()),
        ("score", pa.float64()),
        ("at", pa.timestamp("us")),
    ]
)
LISTS = {
    "blocked": MemberList(
        [
            "DE",
            "ß",
            Member("😀", expires_at=MOMENT),
            Member("D", added_at=MOMENT, expires_at=MOMENT + timedelta(days=7)),
        ]
    ),
    "known": MemberList([*TEXTS[5:9], Member("", expires_at=MOMENT), Member("", added_at=MOMENT + timedelta(days=7))]),
}


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """An engine that everybody else uses as it comes."""
    with duckdb.connect(config={"threads": 1}) as opened:
        yield opened


def answers_in_sql(
    connection: duckdb.DuckDBPyConnection, conditions: Sequence[Node], given: Sequence[dict[str, Any]]
) -> list[list[bool | None]]:
    """What DuckDB answers to each condition, row by row."""
    table = Table({name: name for name in SCHEMA.fields}, at="at", lists=LISTS)
    parameters = Parameters()
    columns = ", ".join(to_sql(condition, table, parameters) for condition in conditions)
    naive = [{**row, "at": row["at"].replace(tzinfo=None)} for row in given]
    for row in naive:
        if row["event.effective_at"] is not None:
            row["event.effective_at"] = row["event.effective_at"].replace(tzinfo=None)
    connection.register("given", pa.Table.from_pylist(naive, schema=_ARROW))
    found = connection.execute(f"select {columns} from given", parameters.values).fetchall()  # noqa: S608 - bound
    return [list(column) for column in zip(*found, strict=True)]


def answers_in_python(condition: Node, given: Sequence[dict[str, Any]]) -> list[bool | None]:
    """What the closures answer, row by row."""
    evaluation = Evaluation(condition)
    return [evaluation.answer(facts_of(row)) for row in given]


def facts_of(row: dict[str, Any]) -> Facts:
    """A row as a decision has it."""
    event = {name.removeprefix("event."): value for name, value in row.items() if name.startswith("event.")}
    features = {name.removeprefix("feature."): value for name, value in row.items() if name.startswith("feature.")}
    return Facts(event, features, row["at"], row["score"], LISTS)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(texts=st.lists(conditions(), min_size=1, max_size=4), given_rows=st.lists(rows(), min_size=1, max_size=12))
def test_both_evaluations_agree(
    connection: duckdb.DuckDBPyConnection, texts: list[str], given_rows: list[dict[str, Any]]
) -> None:
    """True, false or unknown: whatever the condition and whatever is missing, huge, tied or odd in the row."""
    found = [read_condition(text, SCHEMA) for text in texts]
    for text, condition, answers in zip(texts, found, answers_in_sql(connection, found, given_rows), strict=True):
        assert answers_in_python(condition, given_rows) == answers, text


def test_both_evaluations_agree_at_the_edges(connection: duckdb.DuckDBPyConnection) -> None:
    """Every operator and function, on every value at which one of them turns."""
    given_rows = list(edge_rows())
    found = [read_condition(text, SCHEMA) for text in EDGES]
    for text, condition, answers in zip(EDGES, found, answers_in_sql(connection, found, given_rows), strict=True):
        assert answers_in_python(condition, given_rows) == answers, text
        assert len(set(answers)) > 1, f"{text} is answered alike on all rows"
