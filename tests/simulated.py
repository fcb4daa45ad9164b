"""A simulated history for the tests of a domain's simulator: its tables in SQL, and what holds for every regime."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from typing import TypeAlias, TypeVar

import duckdb
import pyarrow as pa
import pytest

from riskloom.ingest import SimulationPlan
from riskloom.ingest.simulation import Simulator

World: TypeAlias = duckdb.DuckDBPyConnection
_Kind = TypeVar("_Kind", bound=IntEnum)


def simulated_tables(simulate: Simulator, plan: SimulationPlan) -> dict[str, pa.Table]:
    """Every table of a simulation, by name."""
    batches: dict[str, list[pa.Table]] = {}
    for name, batch in simulate(plan):
        batches.setdefault(name, []).append(batch)
    return {name: pa.concat_tables(tables) for name, tables in batches.items()}


@contextmanager
def simulated_world(simulate: Simulator, plan: SimulationPlan, truth: str) -> Iterator[World]:
    """The tables of a simulation as views, and ``truth``: what the query finds in them of each event."""
    with duckdb.connect() as connection:
        for name, table in simulated_tables(simulate, plan).items():
            connection.register(name, table)
        connection.execute(f"CREATE TABLE truth AS {truth}")
        yield connection


def one(world: World, query: str) -> tuple[float, ...]:
    """The only row of a query, numbers as floats."""
    (row,) = world.execute(query).fetchall()
    return tuple(float(value) for value in row)


def check_mix(mix: Mapping[_Kind, float], *, nothing: _Kind) -> None:
    """A regime's shares come to one, and every kind but ``nothing`` has one."""
    assert sum(mix.values()) == pytest.approx(1)
    assert set(mix) == set(type(nothing)) - {nothing}
