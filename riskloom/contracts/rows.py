"""One row as a caller sends it: every column read as strictly as a file's, every mistake named."""

from __future__ import annotations

from typing import Any, NamedTuple

from riskloom.contracts.table import TableContract
from riskloom.contracts.values import MismatchError, kind_of, reader
from riskloom.errors import ContractError

#: We say when a row was observed: at the moment it is taken. It is not for the sender to say.
STAMPED = "observed_at"
_MOST = 32  # mistakes that are told of one row
_SHOWN = 80


class FieldRefusal(NamedTuple):
    """One thing wrong with one field; values are not repeated, as what is sent by mistake may be a secret."""

    field: str
    expected: str
    found: str


class RowRefusedError(ContractError):
    """A row that does not keep its table's contract."""

    def __init__(self, refusals: list[FieldRefusal]) -> None:
        self.refusals = tuple(refusals)
        super().__init__("; ".join(f"{one.field}: expected {one.expected}, found {one.found}" for one in refusals))


class RowReader:
    """
    Read the rows of one table.

    Args:
        table: The contract.
        whole: What a row is called where it is no object at all.
    """

    def __init__(self, table: TableContract, *, whole: str) -> None:
        self._whole = whole
        columns = {name: column for name, column in table.brought.items() if name != STAMPED}
        self._readers = {name: (reader(column), column.nullable) for name, column in columns.items()}

    def read(self, content: object) -> dict[str, Any]:
        """
        The values that a sender gives, by column; an optional one that was left out is None.

        Args:
            content: What a strict JSON parser gives: str, int, Decimal, bool, None, list, dict.

        Raises:
            RowRefusedError: It is no such row; every field that is wrong is named.
        """
        if not isinstance(content, dict):
            raise RowRefusedError([FieldRefusal(self._whole, "an object", kind_of(content))])
        row: dict[str, Any] = {}
        try:
            for name, (read, is_nullable) in self._readers.items():
                row[name] = read(content.get(name) if is_nullable else content[name])
        except (KeyError, MismatchError):
            raise RowRefusedError(self._refusals(content)) from None
        if not content.keys() <= row.keys():
            raise RowRefusedError(self._refusals(content))
        return row

    def _refusals(self, content: dict[Any, Any]) -> list[FieldRefusal]:
        """Everything that is wrong with a row of which something is."""
        wrong: list[FieldRefusal] = []
        for name, (read, is_nullable) in self._readers.items():
            if name not in content and not is_nullable:
                wrong.append(FieldRefusal(name, "a value", "nothing"))
                continue
            try:
                read(content.get(name))
            except MismatchError as error:
                told = error.context or {}
                wrong.append(FieldRefusal(name, str(told["expected"]), str(told["found"])))
        wrong += [
            FieldRefusal(_shown(name), "no field of this name", "a field of this name")
            for name in content
            if name not in self._readers
        ]
        return wrong[:_MOST]


def _shown(name: str) -> str:
    return name.encode("ascii", "backslashreplace").decode()[:_SHOWN]
