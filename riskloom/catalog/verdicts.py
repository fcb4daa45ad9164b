"""What a person says with a verdict besides yes and no: the further columns of a domain's label table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from riskloom.catalog.declaration import Domain
from riskloom.contracts import BITEMPORAL_COLUMNS, Column
from riskloom.contracts.values import MismatchError, reader
from riskloom.pseudonyms import Pseudonyms


def verdict_columns(domain: Domain) -> dict[str, Column]:
    """The columns of the label table that neither the subject nor the verdict gives, by name."""
    table = domain.tables[domain.label.table]
    given = {domain.label.key, domain.label.positive, *table.key, *BITEMPORAL_COLUMNS}
    return {name: column for name, column in table.brought.items() if name not in given}


def read_details(
    domain: Domain, given: Mapping[str, object], *, pseudonym_key: bytes
) -> tuple[dict[str, Any], dict[str, tuple[str, str]]]:
    """
    Hold what was said to the label table's contract.

    Args:
        domain: Whose label table.
        given: What was said by column: str, int, Decimal, bool or None, as strict JSON has them.
        pseudonym_key: Of what identifies a person in the table.

    Returns:
        A label's details as JSON keeps them, without what is empty and with pseudonyms where the contract asks for
        them; and by column what was expected and found where it is wrong.
    """
    columns = verdict_columns(domain)
    details: dict[str, Any] = {}
    wrong = {name: ("no field of this name", "a field of this name") for name in given if name not in columns}
    for name, column in columns.items():
        value = given.get(name)
        if value is None and not column.nullable:
            wrong[name] = ("a value: the label table has no label without it", "nothing")
        elif value is not None:
            try:
                details[name] = _plain(reader(column)(value))
            except MismatchError as error:
                context = error.context or {}
                wrong[name] = (str(context["expected"]), str(context["found"]))
    return Pseudonyms(domain.tables[domain.label.table], pseudonym_key).replace(details), wrong


def _plain(value: object) -> Any:
    """A value as JSON says it exactly: decimals as text, times as ISO 8601."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, datetime) else value
