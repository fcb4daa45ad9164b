"""A column at once is what the layout says of each value, one by one."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskloom.online import layout
from riskloom.online.columns import bulk_strings, entity_keys, side_by_side, time_column, value_column
from riskloom.online.layout import TAGS, ValueKind

_I64 = st.integers(-(2**63), 2**63 - 1)
_COLUMNS: dict[ValueKind, tuple[Any, st.SearchStrategy[Any]]] = {
    "double": (pa.float64(), st.floats()),
    "float": (pa.float32(), st.floats(width=32)),
    "int64": (pa.int64(), _I64),
    "int32": (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    "bool": (pa.bool_(), st.booleans()),
    "string": (pa.string(), st.text()),
    "unix_timestamp": (pa.int64(), _I64),
}


@pytest.mark.parametrize("kind", TAGS)
def test_a_column_is_its_values(kind: ValueKind) -> None:
    """Values, nulls among them, whole and as a slice of a longer column, have the bytes of each by itself."""
    arrow, values = _COLUMNS[kind]

    @settings(deadline=None)
    @given(st.lists(st.none() | values), st.integers(0, 3))
    def check(column: list[Any], skipped: int) -> None:
        expected = [layout.value_bytes(kind, value) for value in column]
        assert value_column(kind, pa.array(column, arrow)).to_pylist() == expected
        assert value_column(kind, pa.array(column, arrow)[skipped:]).to_pylist() == expected[skipped:]

    check()


@settings(deadline=None)
@given(st.lists(st.text()))
def test_keys_are_those_of_each_entity(values: list[str]) -> None:
    """Keys for SQLite, and with the project for Redis."""
    column = pa.array(values, pa.string())
    assert entity_keys("who", column).to_pylist() == [layout.entity_key("who", value) for value in values]
    redis = [layout.redis_key("who", value, "shop") for value in values]
    assert entity_keys("who", column, project="shop").to_pylist() == redis


@settings(deadline=None)
@given(st.lists(st.none() | st.integers(0, 2**52)))
def test_times_are_those_of_each_row(instants: list[int | None]) -> None:
    """Times that repeat, and rows without one."""
    column = pa.array(instants, pa.int64())
    found = time_column(column, layout.time_bytes, pa.binary()).to_pylist()
    assert found == [None if instant is None else layout.time_bytes(instant) for instant in instants]


def test_arguments_are_in_redis_protocol() -> None:
    """Each is said with its length in bytes; those of a row follow one another."""
    column = bulk_strings(pa.array([b"", b"abc", b"\r\n" * 6], pa.binary()))
    assert column.to_pylist() == [b"$0\r\n\r\n", b"$3\r\nabc\r\n", b"$12\r\n" + b"\r\n" * 6 + b"\r\n"]
    assert side_by_side(column, column)[1].as_py() == b"$3\r\nabc\r\n$3\r\nabc\r\n"
