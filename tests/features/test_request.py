"""Request features: the domain's code, held to its declaration."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from riskloom.catalog import Domain
from riskloom.contracts import Column
from riskloom.errors import FeatureError
from riskloom.features import compute_one, request_features
from tests.features.test_training_set import whole  # noqa: F401 - a fixture

ROWS = 300


class Anything(dict[str, np.ndarray]):
    """A column of one nought under every name."""

    def __missing__(self, name: str) -> np.ndarray:
        """The column."""
        return np.zeros(1, dtype=np.int64 if name.endswith("_at") else np.float64)


def test_a_column_that_is_not_there_is_named(domain: Domain) -> None:
    """The message says which column the domain's code asks for."""
    with pytest.raises(FeatureError, match="asks for a column that is not there"):
        request_features(domain, {"nothing": np.zeros(1)})


def test_code_and_declaration_agree(domain: Domain) -> None:
    """A feature that is declared and not computed is refused by name."""
    more = domain.model_copy(update={"request_features": {**domain.request_features, "more": "One that is not there."}})
    with pytest.raises(FeatureError, match=r"declared are .*more"):
        request_features(more, Anything(effective_at=np.zeros(1, dtype=np.int64)))


def test_code_that_is_not_there_is_named(domain: Domain) -> None:
    """A domain that declares request features without bringing their code is told which function is missing."""
    other = domain.model_copy(update={"name": "nowhere"})
    with pytest.raises(FeatureError, match=r"riskloom\.domains\.nowhere\.request_features\.compute is missing"):
        request_features(other, {})


def test_one_event_has_what_a_table_has(domain: Domain) -> None:
    """What a live request is given and what training computes for the same row: the same bits, whatever is missing."""
    random = np.random.default_rng(3)
    table = domain.event_table.columns
    online = {name: _numbers(random) for name in _names(domain)}
    events = {name: _values(random, column) for name, column in table.items()}
    columns = {name: _column(table[name], values) for name, values in events.items()} | online
    with np.errstate(all="ignore"):
        expected = request_features(domain, columns)
        for row in range(ROWS):
            event = {name: values[row] for name, values in events.items()}
            found = compute_one(domain, event, {name: float(values[row]) for name, values in online.items()})
            assert list(found) == list(expected)
            wrong = [name for name in found if np.float64(found[name]).tobytes() != expected[name][row].tobytes()]
            assert not [name for name in wrong if not np.isnan(found[name]) or not np.isnan(expected[name][row])]


def _names(domain: Domain) -> list[str]:
    """The views' features that the domain's code asks for."""
    asked: list[str] = []

    class Asked(Anything):
        def __missing__(self, name: str) -> np.ndarray:
            if name not in domain.event_table.columns:
                asked.append(name)
            column = domain.event_table.columns.get(name)
            is_string = column is not None and column.type == "string"
            return np.array([None], dtype=object) if is_string else super().__missing__(name)

    with np.errstate(all="ignore"):
        request_features(domain, Asked(effective_at=np.zeros(1, dtype=np.int64)))
    return asked


def _numbers(random: np.random.Generator) -> np.ndarray:
    numbers = np.round(random.exponential(size=ROWS) * 10.0 ** random.integers(-2, 6, ROWS), 2)
    for value in (np.nan, 0.0, 1.0, -1.0):
        numbers[random.random(ROWS) < 0.1] = value
    return numbers


def _values(random: np.random.Generator, column: Column) -> list[Any]:
    kind = column.type.split("(")[0]
    drawn, texts = _numbers(random), column.allowed or ("a", "StopLogging", "damaged")
    made: dict[str, Callable[[float], Any]] = {
        "string": lambda number: texts[int(abs(number)) % len(texts)],
        "timestamp": lambda number: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=round(abs(number) * 3_600)),
        "boolean": lambda number: bool(number > 1),
        "bigint": int,
        "decimal": lambda number: Decimal(str(number)),
        "double": float,
    }
    return [None if np.isnan(number) and column.nullable else made[kind](np.nan_to_num(number)) for number in drawn]


def _column(column: Column, values: list[Any]) -> np.ndarray:
    """As a training set has it."""
    if column.type == "string":
        return np.array(values, dtype=object)
    if column.type == "timestamp":
        return np.array([(value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) for value in values])
    return np.array([np.nan if value is None else float(value) for value in values], dtype=np.float64)
