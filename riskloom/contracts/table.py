"""
Table contracts: the columns a landed table has and what each value must keep.

Every table is bitemporal: ``effective_at`` says when something happened, ``observed_at`` when we knew. A correction
is a new row with a later ``observed_at``; nothing landed is ever changed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

NAME = r"^[a-z][a-z0-9_]{0,62}$"
BITEMPORAL_COLUMNS = ("effective_at", "observed_at")
_PLAIN_TYPES = {"string", "bigint", "double", "boolean", "timestamp"}
_MAX_PRECISION = 38  # of a decimal, in DuckDB and in Spark
_DECIMAL = re.compile(r"decimal\(([0-9]{1,2}),([0-9]{1,2})\)")


def _check_type(text: object) -> str:
    if isinstance(text, str):
        decimal = _DECIMAL.fullmatch(text)
        if text in _PLAIN_TYPES:
            return text
        if decimal and 0 < int(decimal[1]) <= _MAX_PRECISION and int(decimal[2]) <= int(decimal[1]):
            return text
    raise ValueError("one of string, bigint, double, boolean, timestamp, decimal(precision,scale)")


#: ``string``, ``bigint``, ``double``, ``boolean``, ``timestamp`` (UTC) or ``decimal(p,s)``: names both DuckDB and
#: Spark understand.
ColumnType = Annotated[str, BeforeValidator(_check_type)]


#: Hexadecimal digits of a pseudonym: 128 bits.
PSEUDONYM_DIGITS = 32
#: The longest text that is made a pseudonym of.
LONGEST_IDENTIFIER = 2048
#: Between the parts of a joined column.
SEPARATOR = "|"


class Column(BaseModel):
    """One column: its type and the bounds a value must keep; rows outside them go to quarantine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: ColumnType
    description: str = Field(min_length=10)
    nullable: bool = False
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    allowed: tuple[str, ...] | None = None
    pattern: str | None = Field(default=None, description="Regular expression that a text matches as a whole.")
    joined: tuple[str, ...] | None = Field(
        default=None, min_length=2, description="Text columns this one is made of; neither files nor callers bring it."
    )
    max_length: int = Field(default=256, ge=1, le=65_536)
    pseudonym: str | None = Field(
        default=None,
        pattern=r"^[a-z]{1,8}-$",
        description="It identifies a person or a credential: only keyed pseudonyms that begin so are kept.",
    )
    example: str | int | float | bool | None = None

    @model_validator(mode="after")
    def _bounds_fit_type(self) -> Self:
        is_number = self.type in {"bigint", "double"} or self.type.startswith("decimal")
        if (self.minimum is not None or self.maximum is not None) and not is_number:
            raise ValueError(f"minimum and maximum on a number, not on a {self.type}")
        if self.allowed is not None and self.type != "string":
            raise ValueError(f"allowed values on a string, not on a {self.type}")
        if self.pattern is not None:
            if self.type != "string":
                raise ValueError(f"a pattern on a string, not on a {self.type}")
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(f"a regular expression, which {self.pattern!r} is not: {error}") from error
        if self.pseudonym is not None:
            self._check_pseudonym(self.pseudonym)
        if self.joined is not None and not (self.type == "string" and self.nullable):
            raise ValueError("joined on a string that is nullable: it is empty where one of its parts is")
        return self

    def _check_pseudonym(self, prefix: str) -> None:
        if self.type != "string":
            raise ValueError(f"a pseudonym of a string, not of a {self.type}")
        if self.allowed is not None or self.pattern is not None or self.joined is not None:
            raise ValueError("a pseudonym of free text: without allowed values, without a pattern, not joined")
        if self.max_length < len(prefix) + PSEUDONYM_DIGITS:
            raise ValueError(f"a max_length of {len(prefix) + PSEUDONYM_DIGITS} or more, for the pseudonym")

    @property
    def longest_given(self) -> int:
        """How many characters of a text may be sent: what becomes a pseudonym may be longer than that."""
        return self.max_length if self.pseudonym is None else LONGEST_IDENTIFIER


class TableContract(BaseModel):
    """One table: its key, its columns and, for documentation, what a row is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*__[a-z0-9]+(_[a-z0-9]+)*$")
    description: str = Field(min_length=10)
    key: tuple[str, ...] = Field(min_length=1)
    freshness: str = "2d"
    columns: dict[Annotated[str, Field(pattern=NAME)], Column] = Field(min_length=3)

    @model_validator(mode="after")
    def _is_keyed_and_bitemporal(self) -> Self:
        for name in BITEMPORAL_COLUMNS:
            column = self.columns.get(name)
            if column is None or column.type != "timestamp" or column.nullable:
                raise ValueError(f"a column {name} of type timestamp that is not nullable")
        for name in self.key:
            if name not in self.columns or self.columns[name].nullable:
                raise ValueError(f"each key column to be a column that is not nullable, which {name!r} is not")
        for name, column in self.columns.items():
            for part in column.joined or ():
                found = self.columns.get(part)
                if found is None or found.type != "string" or found.joined is not None:
                    raise ValueError(f"{name} joined of text columns that are not joined, which {part!r} is not")
        return self

    @property
    def brought(self) -> dict[str, Column]:
        """The columns that a file or a caller brings: all that are not joined of others."""
        return {name: column for name, column in self.columns.items() if column.joined is None}

    @property
    def pseudonyms(self) -> dict[str, str]:
        """The columns that identify a person or a credential, with how their pseudonyms begin."""
        return {name: column.pseudonym for name, column in self.columns.items() if column.pseudonym is not None}

    def joined_values(self, row: Mapping[str, object]) -> dict[str, str | None]:
        """
        The joined columns of a row of text by column: the parts with a bar between them, None where one is missing.

        The same pair is the same text wherever it is made, in a file's rows and in a request.
        """
        made: dict[str, str | None] = {}
        for name, column in self.columns.items():
            if column.joined is not None:
                parts = [row.get(part) for part in column.joined]
                made[name] = SEPARATOR.join(map(str, parts)) if all(parts) else None
        return made

    @property
    def source(self) -> str:
        """The system the table comes from: what stands before the double underscore."""
        return self.name.split("__")[0]
