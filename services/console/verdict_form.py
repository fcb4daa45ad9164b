"""The further columns of a domain's label table, as fields that a person fills in with a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from riskloom.catalog import Domain, verdict_columns
from riskloom.catalog import read_details as hold_to_contract
from riskloom.contracts import Column

#: Before the names of the fields, so that a column cannot be taken for one of the form's own.
PREFIX = "detail."
_MOST_DIGITS = 40  # of a whole number; more than any column holds
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
    columns = verdict_columns(domain)
    return tuple(DetailField(name, column, str(event.get(name) or "")) for name, column in columns.items())


def read_details(
    domain: Domain, form: Mapping[str, str], *, pseudonym_key: bytes
) -> tuple[dict[str, Any], dict[str, str]]:
    """
    What was filled in, as the label's details, and what is wrong, by the field's key.

    Empty fields of columns that may be empty are left out.
    """
    given: dict[str, object] = {}
    wrong: dict[str, str] = {}
    for name, column in verdict_columns(domain).items():
        text = form.get(f"{PREFIX}{name}", "").strip()
        if text:
            try:
                given[name] = _typed(text, column)
            except ValueError as error:
                wrong[f"{PREFIX}{name}"] = str(error)
    details, misfits = hold_to_contract(domain, given, pseudonym_key=pseudonym_key)
    told = {f"{PREFIX}{name}": f"Expected {expected}, found {found}." for name, (expected, found) in misfits.items()}
    return details, {**told, **wrong}


def _typed(text: str, column: Column) -> object:
    """What somebody typed, as the value it stands for; raises ValueError with what was expected."""
    match column.type:
        case "string":
            return text
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
            return _number(text)


def _number(text: str) -> int | Decimal:
    try:
        exact = Decimal(text)
    except InvalidOperation as error:
        raise ValueError("Expected a number.") from error
    if not exact.is_finite():
        raise ValueError("Expected a number.")
    return int(exact) if exact == exact.to_integral_value() and exact.adjusted() < _MOST_DIGITS else exact
