"""The further columns of a domain's label table, as fields that a person fills in with a verdict."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from riskloom.catalog import Domain
from riskloom.contracts import Column
from riskloom.contracts.table import BITEMPORAL_COLUMNS

#: Before the names of the fields, so that a column cannot be taken for one of the form's own.
PREFIX = "detail."
_LARGEST_WHOLE = 2**63
_YES_OR_NO = {"yes": True, "no": False}


@dataclass(frozen=True, slots=True)
class DetailField:
    """A column to fill in: its name, what it holds, and what the case's newest event suggests."""

    name: str
    column: Column
    suggestion: str

    @property
    def key(self) -> str:
        """The field's name in the form."""
        return f"{PREFIX}{self.name}"

    @property
    def input_type(self) -> str:
        """The kind of input that takes it."""
        kind = self.column.type
        if kind == "timestamp":
            return "datetime-local"
        return "text" if kind in {"string", "boolean"} else "number"

    @property
    def step(self) -> str:
        """The least difference of two numbers."""
        return "1" if self.column.type == "bigint" else "any"


def detail_fields(domain: Domain, event: Mapping[str, Any]) -> tuple[DetailField, ...]:
    """
    The columns of the label table that neither the subject nor the verdict gives.

    Args:
        domain: Whose.
        event: The newest event of the case: what stands there under the same name is suggested.
    """
    table = domain.tables[domain.label.table]
    given = {domain.label.key, domain.label.positive, *table.key, *BITEMPORAL_COLUMNS}
    return tuple(
        DetailField(name, column, str(event.get(name) or ""))
        for name, column in table.brought.items()
        if name not in given
    )


def read_details(fields: tuple[DetailField, ...], form: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """
    What was filled in, as the label's details, and what is wrong, by the field's key.

    Empty fields of columns that may be empty are left out.
    """
    details: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for field in fields:
        text = form.get(field.key, "").strip()
        if not text:
            if not field.column.nullable:
                wrong[field.key] = "Needed: the label table has no label without it."
            continue
        try:
            details[field.name] = _read(text, field.column)
        except ValueError as error:
            wrong[field.key] = str(error)
    return details, wrong


def _read(text: str, column: Column) -> Any:
    """A text as JSON keeps the column's value; raises ValueError with what was expected."""
    match column.type:
        case "string":
            return _text(text, column)
        case "boolean":
            if text not in _YES_OR_NO:
                raise ValueError("Expected yes or no.")
            return _YES_OR_NO[text]
        case "timestamp":
            try:
                instant = datetime.fromisoformat(text)
            except ValueError as error:
                raise ValueError("Expected a time such as 2026-03-01T10:00.") from error
            return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).isoformat()
        case _:
            return _number(text, column)


def _text(text: str, column: Column) -> str:
    if column.allowed is not None and text not in column.allowed:
        raise ValueError(f"Expected one of {', '.join(column.allowed)}.")
    if len(text) > column.max_length:
        raise ValueError(f"Expected at most {column.max_length} characters, found {len(text)}.")
    if column.pattern is not None and not re.fullmatch(column.pattern, text):
        raise ValueError(f"Expected what matches {column.pattern}.")
    return text


def _number(text: str, column: Column) -> Any:
    try:
        exact = Decimal(text)
    except InvalidOperation as error:
        raise ValueError("Expected a number.") from error
    if not exact.is_finite() or (column.minimum is not None and exact < column.minimum):
        raise ValueError(f"Expected a number of {column.minimum} or more.")
    if column.maximum is not None and exact > column.maximum:
        raise ValueError(f"Expected a number of {column.maximum} or less.")
    if column.type == "bigint":
        if exact != exact.to_integral_value() or abs(exact) >= _LARGEST_WHOLE:
            raise ValueError("Expected a whole number.")
        return int(exact)
    return float(exact) if column.type == "double" else _decimal(exact, column)


def _decimal(exact: Decimal, column: Column) -> str:
    scale = int(column.type.removesuffix(")").split(",")[1])
    exponent = exact.normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > scale:
        raise ValueError(f"Expected at most {scale} digits after the point.")
    return f"{exact:f}"
