"""One pushed event as a row of its table: every column read as strictly as a file's, every mistake named."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from riskloom.contracts import TableContract
from riskloom.contracts.values import MismatchError, kind_of, reader
from riskloom.errors import ContractError
from riskloom.pseudonyms import Pseudonyms

#: We say when a row was observed: at the moment it is accepted. It is not for the sender to say.
STAMPED = "observed_at"
_MOST = 32  # mistakes that are told of one event
_SHOWN = 80
#: Between the parts of a key; the readers let no control character in.
_UNIT = "\x1f"


class FieldRefusal(NamedTuple):
    """One thing wrong with one field; values are not repeated, as what is sent by mistake may be a secret."""

    field: str
    expected: str
    found: str


class RowRefusedError(ContractError):
    """A pushed event that does not keep its table's contract."""

    def __init__(self, refusals: list[FieldRefusal]) -> None:
        self.refusals = tuple(refusals)
        super().__init__("; ".join(f"{one.field}: expected {one.expected}, found {one.found}" for one in refusals))


class RowReader:
    """
    Read the rows of one table.

    Args:
        table: The contract.
        pseudonym_key: Of the pseudonyms that take the place of whoever the contract says is identified.
    """

    def __init__(self, table: TableContract, *, pseudonym_key: bytes) -> None:
        self._table = table
        self._pseudonyms = Pseudonyms(table, pseudonym_key)
        self._columns = {name: column for name, column in table.brought.items() if name != STAMPED}
        self._readers = {name: reader(column) for name, column in self._columns.items()}
        #: A table whose key has the time it was observed takes a changed row as a correction: another row.
        self._takes_corrections = STAMPED in table.key
        self._key = tuple(name for name in table.key if name != STAMPED)

    def read(self, content: object) -> dict[str, Any]:
        """
        The values that a sender gives, by column, people's as pseudonyms; an optional one that was left out is None.

        Args:
            content: What ``parse_json`` gives.

        Raises:
            RowRefusedError: It is no such row; every field that is wrong is named.
        """
        if not isinstance(content, dict):
            raise RowRefusedError([FieldRefusal("(event)", "an object", kind_of(content))])
        row: dict[str, Any] = {}
        wrong: list[FieldRefusal] = []
        for name, read in self._readers.items():
            if name not in content and not self._columns[name].nullable:
                wrong.append(FieldRefusal(name, "a value", "nothing"))
                continue
            try:
                row[name] = read(content.get(name))
            except MismatchError as error:
                told = error.context or {}
                wrong.append(FieldRefusal(name, str(told["expected"]), str(told["found"])))
        wrong += [
            FieldRefusal(_shown(name), "no field of this name", "a field of this name")
            for name in content
            if name not in self._columns
        ]
        if wrong:
            raise RowRefusedError(wrong[:_MOST])
        return self._pseudonyms.replace(row)

    def key(self, row: Mapping[str, Any]) -> str:
        """What names the event among those of its table: the same event sent again has the same."""
        parts = [str(plain(row[name])) for name in self._key]
        return _UNIT.join([*parts, self.digest(row)] if self._takes_corrections else parts)

    def shown_key(self, row: Mapping[str, Any]) -> str:
        """The key for people: its values with a bar between them."""
        return "|".join(str(plain(row[name])) for name in self._key)

    @staticmethod
    def digest(row: Mapping[str, Any]) -> str:
        """Of the row's content, 128 bits in hexadecimal."""
        text = json.dumps({name: plain(value) for name, value in row.items()}, sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def whole(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The row with the columns that are joined of others."""
        return {**row, **self._table.joined_values(row)}


def plain(value: Any) -> Any:
    """A value as JSON says it exactly, and as ingest reads it: decimals as text, times as ISO 8601 in UTC."""
    if isinstance(value, Decimal):
        return str(value)
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


def _shown(name: str) -> str:
    return name.encode("ascii", "backslashreplace").decode()[:_SHOWN]
