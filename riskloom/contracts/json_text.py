"""Strict JSON, in the sense of RFC 8259: a text that can be read in one way only, and numbers that stay exact."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

_MAX_DIGITS = 64  # of one number; more than any column holds


class JsonTextError(ValueError):
    """A text that is not strict JSON; says what is the matter, never a value."""


def parse_json(text: bytes) -> Any:
    """
    Parse strict JSON: no duplicate keys, no NaN or Infinity, no number nobody could mean, no bottomless nesting.

    Returns:
        str, int, Decimal, bool, None, list and dict.

    Raises:
        JsonTextError: The text is not that.
    """
    try:
        return _DECODER.decode(text.decode("utf-8"))
    except UnicodeDecodeError:
        raise JsonTextError("not UTF-8") from None
    except json.JSONDecodeError as error:
        raise JsonTextError(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise JsonTextError("nested too deeply") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise JsonTextError("an object that has a key twice; which of the two is meant cannot be known")
    return content


def _constant(name: str) -> NoReturn:
    raise JsonTextError(f"{name}, which is not a number in JSON")


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise JsonTextError(f"a number of more than {_MAX_DIGITS} digits")
    return int(text)


def _number(text: str) -> Decimal:
    if len(text) > _MAX_DIGITS:
        raise JsonTextError(f"a number of more than {_MAX_DIGITS} digits")
    try:
        return Decimal(text)
    except InvalidOperation:
        raise JsonTextError("a number with an exponent that is too large") from None


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_constant, parse_int=_integer, parse_float=_number
)
