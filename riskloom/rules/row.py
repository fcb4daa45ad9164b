"""From the facts of a decision to the row of slots that compiled conditions read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from riskloom.errors import ContractError
from riskloom.rules.evaluate import Compiler
from riskloom.rules.facts import EMPTY, MISSING, Facts, microseconds
from riskloom.rules.operations import LARGEST, Row
from riskloom.rules.schema import EVENT, FEATURE, SCORE
from riskloom.rules.tree import Type

Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class RowReader:
    """Reads what a compiler's closures need of the facts, and nothing else."""

    event: tuple[tuple[str, Convert], ...]
    features: tuple[str, ...]
    has_score: bool
    lists: tuple[str, ...]
    tail: tuple[object, ...]

    @classmethod
    def of(cls, compiler: Compiler) -> Self:
        """The reader for a compiler that has compiled all of its conditions."""
        event = {name: kind for name, kind in compiler.fields.items() if name.startswith(EVENT)}
        return cls(
            event=tuple((name.removeprefix(EVENT), _CONVERT[kind]) for name, kind in event.items()),
            features=tuple(name.removeprefix(FEATURE) for name in compiler.fields if name.startswith(FEATURE)),
            has_score=SCORE in compiler.fields,
            lists=compiler.lists,
            tail=tuple(compiler.tail),
        )

    def read(self, facts: Facts) -> Row:
        """
        The values by slot: missing numbers and times are NaN, missing texts and booleans None.

        Raises:
            ContractError: A value has another type than its column.
        """
        event, features = facts.event.get, facts.features.get
        try:
            row: Row = [microseconds(facts.at)]
            row += [convert(event(name)) for name, convert in self.event]
            row += [_number(features(name)) for name in self.features]
            if self.has_score:
                row.append(_number(facts.score))
        except (TypeError, ValueError, OverflowError) as error:
            raise ContractError(self._misfit(facts)) from error
        row += [facts.lists.get(name, EMPTY).spans for name in self.lists]
        row += self.tail
        return row

    def _misfit(self, facts: Facts) -> str:
        """Which value it was. Its text is not repeated: it may be personal data."""
        kinds = {convert: kind for kind, convert in _CONVERT.items()}
        values = [(f"{EVENT}{name}", kinds[convert], facts.event.get(name)) for name, convert in self.event]
        values += [(f"{FEATURE}{name}", Type.NUMBER, facts.features.get(name)) for name in self.features]
        for name, kind, value in [*values, (SCORE, Type.NUMBER, facts.score)]:
            try:
                _CONVERT[kind](value)
            except (TypeError, ValueError, OverflowError):
                return f"{name}: expected a {kind}, found a {type(value).__name__}"
        raise AssertionError("every value of the row could be read")


def _number(value: Any) -> float:
    if value is None:
        return MISSING
    if type(value) is str:
        raise TypeError("a text is no number")
    number = float(value)
    return number if -LARGEST <= number <= LARGEST else MISSING


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise TypeError("not a text")


def _boolean(value: object) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise TypeError("not a boolean")


def _time(value: object) -> float:
    if value is None:
        return MISSING
    if isinstance(value, datetime) and value.tzinfo is not None:
        return microseconds(value)
    raise TypeError("not a time with a zone")


_CONVERT: dict[Type, Convert] = {
    Type.NUMBER: _number,
    Type.TEXT: _text,
    Type.BOOLEAN: _boolean,
    Type.TIME: _time,
}
