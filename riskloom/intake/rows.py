"""One pushed event as a row of its table, with pseudonyms of people, and what names it there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from riskloom.contracts import TableContract
from riskloom.contracts.rows import STAMPED, RowReader
from riskloom.pseudonyms import Pseudonyms

#: Between the parts of a key; the readers let no control character in.
_UNIT = "\x1f"


class PushedRows:
    """
    Read the events that are pushed for one table.

    Args:
        table: The contract.
        pseudonym_key: Of the pseudonyms that take the place of whoever the contract says is identified.
    """

    def __init__(self, table: TableContract, *, pseudonym_key: bytes) -> None:
        self._table = table
        self._pseudonyms = Pseudonyms(table, pseudonym_key)
        self._reader = RowReader(table, whole="(event)")
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
        return self._pseudonyms.replace(self._reader.read(content))

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
