"""
What operators and functions compute on doubles and texts, as closures that call nothing they need not.

A closure takes the row's values by slot. A missing double is NaN, a missing text or boolean None. NaN makes each
comparison false but ``!=``, so that no other one has to ask whether its sides are there. Infinities may arise within
arithmetic and nowhere else: ``finite`` makes them missing where arithmetic ends.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

from riskloom.rules.facts import MISSING

Row = list[Any]
#: Gives a value of a row: a double, a text or None, a boolean or None.
Value = Callable[[Row], Any]
#: Says of a row whether something is so; unknown is False.
Test = Callable[[Row], bool]

LARGEST = sys.float_info.max
_HOUR, _DAY = 3.6e9, 8.64e10
_HOURS, _WEEK = 24.0, 7.0
_THURSDAY = 3.0  # 1970-01-01, with Monday as 0

#: Comparisons of a slot with a constant: most of what rules consist of.
SLOT_WITH_CONSTANT: dict[str, Callable[[int, Any], Test]] = {
    "<": lambda slot, bound: lambda row: row[slot] < bound,
    "<=": lambda slot, bound: lambda row: row[slot] <= bound,
    ">": lambda slot, bound: lambda row: row[slot] > bound,
    ">=": lambda slot, bound: lambda row: row[slot] >= bound,
    "==": lambda slot, bound: lambda row: row[slot] == bound,
    "!=": lambda slot, bound: lambda row: (x := row[slot]) < bound or x > bound,
}
#: Comparisons of two doubles.
DOUBLES: dict[str, Callable[[Value, Value], Test]] = {
    "<": lambda a, b: lambda row: a(row) < b(row),
    "<=": lambda a, b: lambda row: a(row) <= b(row),
    ">": lambda a, b: lambda row: a(row) > b(row),
    ">=": lambda a, b: lambda row: a(row) >= b(row),
    "==": lambda a, b: lambda row: a(row) == b(row),
    "!=": lambda a, b: lambda row: (x := a(row)) < (y := b(row)) or x > y,
}
#: Comparisons of two texts or booleans.
OBJECTS: dict[str, Callable[[Value, Value], Test]] = {
    "==": lambda a, b: lambda row: (x := a(row)) is not None and x == b(row),
    "!=": lambda a, b: lambda row: (x := a(row)) is not None and (y := b(row)) is not None and x != y,
}


def divide(left: Value, right: Value) -> Value:
    """The quotient; missing where the divisor is zero."""
    return lambda row: left(row) / divisor if (divisor := right(row)) else MISSING


ARITHMETIC: dict[str, Callable[[Value, Value], Value]] = {
    "+": lambda a, b: lambda row: a(row) + b(row),
    "-": lambda a, b: lambda row: a(row) - b(row),
    "*": lambda a, b: lambda row: a(row) * b(row),
    "/": divide,
}


def finite(value: Value) -> Value:
    """The value, missing where it is too large for a double."""
    return lambda row: x if -LARGEST <= (x := value(row)) <= LARGEST else MISSING


def least(values: Sequence[Value]) -> Value:
    """The least of the values that are there."""
    return _extreme(values, min)


def greatest(values: Sequence[Value]) -> Value:
    """The greatest of the values that are there."""
    return _extreme(values, max)


def _extreme(values: Sequence[Value], choose: Callable[[list[float]], float]) -> Value:
    def compute(row: Row) -> float:
        known = [x for value in values if (x := value(row)) == x]
        return choose(known) if known else MISSING

    return compute


def first_double(values: Sequence[Value]) -> Value:
    """The first of the values that is there."""

    def compute(row: Row) -> float:
        for value in values:
            x: float = value(row)
            if x == x:  # noqa: PLR0124 - NaN differs from itself
                return x
        return MISSING

    return compute


def first_object(values: Sequence[Value]) -> Value:
    """The first of the values that is there."""
    return lambda row: next((x for value in values if (x := value(row)) is not None), None)


def round_to(value: Value, step: float) -> Value:
    """The nearest multiple of a step, of two equally near the greater."""
    return lambda row: _floor(value(row) / step + 0.5) * step


def hour_of_day(value: Value) -> Value:
    """Hours from 0 to 23 (UTC)."""

    def compute(row: Row) -> float:
        hours = _floor(value(row) / _HOUR)
        return hours - _HOURS * _floor(hours / _HOURS)

    return compute


def day_of_week(value: Value) -> Value:
    """The day in UTC by ISO 8601, 1 for Monday to 7 for Sunday."""

    def compute(row: Row) -> float:
        days = _floor(value(row) / _DAY) + _THURSDAY
        return days - _WEEK * _floor(days / _WEEK) + 1.0

    return compute


def _floor(x: float) -> float:
    """As IEEE has it, infinities and NaN as they are; ``math.floor`` makes integers and raises."""
    return x // 1.0 if -LARGEST <= x <= LARGEST else x


def glob(pattern: str) -> Callable[[str], bool]:
    """
    Whether a text as a whole is as a pattern says: ``*`` stands for any characters, ``?`` for one.

    The time it takes grows with the text times the pattern, whatever they are: between two stars the leftmost match is
    taken, and nothing is ever tried again.
    """
    parts = [re.compile(re.escape(part).replace(r"\?", "."), re.DOTALL) for part in pattern.split("*")]
    if len(parts) == 1:
        return lambda text: parts[0].fullmatch(text) is not None
    first, *middle, last = parts
    # Between stars no part repeats anything, so the last one is as long as it is written.
    tail = len(pattern.rsplit("*", 1)[1])

    def is_match(text: str) -> bool:
        found = first.match(text)
        for part in middle:
            if found is None:
                return False
            found = part.search(text, found.end())
        return (
            found is not None and len(text) - tail >= found.end() and last.fullmatch(text, len(text) - tail) is not None
        )

    return is_match


TEXT_TESTS: dict[str, Callable[[str], Callable[[str], bool]]] = {
    "starts_with": lambda part: lambda text: text.startswith(part),
    "ends_with": lambda part: lambda text: text.endswith(part),
    "contains": lambda part: lambda text: part in text,
    "matches": glob,
}
