"""Doubles made from exact integers, against the warehouse that makes the others."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskloom.windows.arithmetic import as_double, deviation, ratio, smoothed_ratio

_BITS = st.integers(0, 126).flatmap(lambda bits: st.integers(-(2**bits), 2**bits))
_EDGES = [sign * (2**bits + nudge) for sign in (1, -1) for bits in (53, 63, 64, 65, 100) for nudge in (-1, 0, 1, 1025)]


@pytest.fixture(scope="module")
def warehouse() -> duckdb.DuckDBPyConnection:
    """DuckDB in memory."""
    return duckdb.connect()


@settings(max_examples=25, deadline=None)
@given(numbers=st.lists(_BITS, min_size=40, max_size=40))
def test_integers_become_the_doubles_that_duckdb_makes(
    warehouse: duckdb.DuckDBPyConnection, numbers: list[int]
) -> None:
    """To the last bit, at every size up to 128 bits."""
    chosen = numbers + _EDGES
    query = "select list(cast(cast(n as hugeint) as double)) from (select unnest(?) as n)"
    ((found,),) = warehouse.execute(query, [[str(number) for number in chosen]]).fetchall()
    assert found == [as_double(number) for number in chosen]


@settings(max_examples=25, deadline=None)
@given(values=st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=30))
def test_a_deviation_is_that_of_the_warehouse(warehouse: duckdb.DuckDBPyConnection, values: list[int]) -> None:
    """From the exact count, sum and sum of squares, rounded once."""
    query = """
        select sqrt(cast(count(*)::hugeint * sum(v::hugeint * v) - sum(v) * sum(v) as double)) / count(*) / 100
        from (select unnest(?::bigint[]) as v)
    """
    ((found,),) = warehouse.execute(query, [values]).fetchall()
    assert found == deviation(len(values), sum(values), sum(value * value for value in values), 100.0)


def test_ratios_say_when_there_is_none() -> None:
    """A ratio to nothing is unknown; a smoothed one starts at its prior."""
    assert deviation(0, 0, 0, 1.0) is None
    assert [ratio(1, 4), ratio(0, 4), ratio(None, 4), ratio(1, 0), ratio(1, None)] == [0.25, 0, None, None, None]
    assert smoothed_ratio(None, None, 5, 0.01) == 0.05 / 5
    assert smoothed_ratio(3, 5, 5, 0.2) == 0.4
    assert smoothed_ratio(3, -5, 5, 0.2) is None
