"""
Table contracts: the columns a landed table has and what each value must keep.

Every table is bitemporal: ``effective_at`` says when something happened, ``observed_at`` when we knew. A correction
is a new row with a later ``observed_at``; nothing landed is ever changed.
"""

from __future__ import annotations

import re
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


class Column(BaseModel):
    """One column: its type and the bounds a value must keep; rows outside them go to quarantine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: ColumnType
    description: str = Field(min_length=10)
    nullable: bool = False
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    allowed: tuple[str, ...] | None = None
    max_length: int = Field(default=256, ge=1, le=65_536)
    example: str | int | float | bool | None = None

    @model_validator(mode="after")
    def _bounds_fit_type(self) -> Self:
        is_number = self.type in {"bigint", "double"} or self.type.startswith("decimal")
        if (self.minimum is not None or self.maximum is not None) and not is_number:
            raise ValueError(f"minimum and maximum on a number, not on a {self.type}")
        if self.allowed is not None and self.type != "string":
            raise ValueError(f"allowed values on a string, not on a {self.type}")
        return self


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
        return self

    @property
    def source(self) -> str:
        """The system the table comes from: what stands before the double underscore."""
        return self.name.split("__")[0]
