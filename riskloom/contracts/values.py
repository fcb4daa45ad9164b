"""
Read one JSON value as a contract's column wants it: nothing is converted silently, nothing is rounded.

A reader takes what the strict parser gives (str, int, Decimal, bool, None, list, dict) and returns the value, or raises
``MismatchError`` with what was expected and found.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import Any, Self

from pydantic_core import PydanticCustomError

from riskloom.contracts.table import Column

Reader = Callable[[object], Any]

_INT64 = 2**63
_DOUBLE_DIGITS = 308
_SHOWN = 40
#: Rounds nothing that the parser lets through; the default context has 28 digits and small exponents.
_EXACT = Context(prec=200, Emin=MIN_EMIN, Emax=MAX_EMAX)
_CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")  # and halves of surrogate pairs, which UTF-8 cannot say
_DECIMAL_TEXT = re.compile(r"-?\d{1,38}(\.\d{1,38})?")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,6})?([Zz]|[+-]\d{2}:\d{2})")
_A_TIME = "an ISO 8601 time with seconds and offset, such as 2026-01-15T12:30:00Z, from 1970 to 2199"
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_JSON_NAMES = {
    str: "a string",
    int: "an integer",
    Decimal: "a number",
    bool: "a boolean",
    list: "a list",
    dict: "an object",
}


class MismatchError(PydanticCustomError):
    """A value that is not what its column holds."""

    def __new__(cls, expected: str, found: str) -> Self:
        """Make the error with the two texts that the answer shows."""
        return super().__new__(
            cls, "mismatch", "expected {expected}, found {found}", {"expected": expected, "found": found}
        )


def kind_of(value: object) -> str:
    """A JSON value's type in words; the value itself is not told."""
    return "null" if value is None else _JSON_NAMES[type(value)]


def reader(column: Column) -> Reader:
    """The function that reads this column's values; null only where the column may be empty."""
    read = _READERS[column.type.split("(")[0]](column)

    def read_or_none(value: object) -> Any:
        return None if value is None and column.nullable else read(value)

    return read_or_none


def _string(column: Column) -> Reader:
    shortest = 0 if column.nullable else 1
    longest = column.longest_given
    expected = f"a string of {shortest} to {longest} characters"
    pattern = re.compile(column.pattern) if column.pattern is not None else None

    def read(value: object) -> str:
        if not isinstance(value, str):
            raise MismatchError(expected, kind_of(value))
        if not shortest <= len(value) <= longest:
            raise MismatchError(expected, f"{len(value)} characters")
        if _CONTROL.search(value):
            raise MismatchError("a string without control characters", "a control character or half a surrogate pair")
        if column.allowed is not None and value not in column.allowed:
            raise MismatchError(f"one of {', '.join(column.allowed)}", _quoted(value))
        if pattern is not None and not pattern.fullmatch(value):
            raise MismatchError(f"a string that matches {column.pattern}", _quoted(value))
        return value

    return read


def _bigint(column: Column) -> Reader:
    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise MismatchError("an integer", kind_of(value))
        if not -_INT64 <= value < _INT64:
            raise MismatchError("an integer of 64 bits", f"an integer of {value.bit_length()} bits")
        _check_bounds(column, Decimal(value))
        return value

    return read


def _double(column: Column) -> Reader:
    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise MismatchError("a number", kind_of(value))
        exact = Decimal(value)
        if exact.adjusted() >= _DOUBLE_DIGITS:
            raise MismatchError("a number a double can hold", "a larger number")
        _check_bounds(column, exact)
        return float(exact)

    return read


def _boolean(column: Column) -> Reader:  # noqa: ARG001 - all readers are made from their column
    def read(value: object) -> bool:
        if not isinstance(value, bool):
            raise MismatchError("true or false", kind_of(value))
        return value

    return read


def _decimal(column: Column) -> Reader:
    precision, scale = map(int, column.type.removeprefix("decimal(").removesuffix(")").split(","))
    expected = (
        f"a number, or a string with one, of at most {precision - scale} digits before the point and {scale} after it"
    )

    def read(value: object) -> Decimal:
        is_text = isinstance(value, str)
        if is_text and not _DECIMAL_TEXT.fullmatch(str(value)):
            raise MismatchError(expected, "a string that is no such number")
        if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
            raise MismatchError(expected, kind_of(value))
        exact = _exact(Decimal(value), precision, scale)
        if exact is None:
            raise MismatchError(expected, "a number with more digits")
        _check_bounds(column, exact)
        return exact

    return read


def _exact(number: Decimal, precision: int, scale: int) -> Decimal | None:
    """The number with exactly ``scale`` decimals, or None where it cannot be written so without rounding."""
    if number == 0:
        return Decimal(0).scaleb(-scale)  # there is no amount of minus nothing
    shortest = number.normalize(_EXACT)
    exponent = shortest.as_tuple().exponent
    if not isinstance(exponent, int) or -exponent > scale or shortest.adjusted() >= precision - scale:
        return None
    return shortest.quantize(Decimal(1).scaleb(-scale), context=_EXACT)


def read_time(value: object) -> datetime:
    """Read a time in UTC; raises MismatchError."""
    if not isinstance(value, str):
        raise MismatchError(_A_TIME, kind_of(value))
    if not _TIME.fullmatch(value):
        raise MismatchError(_A_TIME, _quoted(value))
    try:
        moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise MismatchError(_A_TIME, _quoted(value)) from error
    if not _EARLIEST <= moment < _LATEST:
        raise MismatchError(_A_TIME, _quoted(value))
    return moment


def _timestamp(column: Column) -> Reader:  # noqa: ARG001 - all readers are made from their column
    return read_time


def _check_bounds(column: Column, value: Decimal) -> None:
    low, high = column.minimum, column.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        bounds = [f"at least {low}"] * (low is not None) + [f"at most {high}"] * (high is not None)
        raise MismatchError(" and ".join(bounds), str(value)[:_SHOWN])


def _quoted(value: str) -> str:
    text = value.encode("ascii", "backslashreplace").decode()
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}…"


_READERS: dict[str, Callable[[Column], Reader]] = {
    "string": _string,
    "bigint": _bigint,
    "double": _double,
    "boolean": _boolean,
    "decimal": _decimal,
    "timestamp": _timestamp,
}
