"""A table contract as an Arrow schema: the exact columns of everything that is landed or simulated."""

from __future__ import annotations

import pyarrow as pa

from riskloom.contracts import TableContract

_ARROW_TYPES = {
    "string": pa.string(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us"),
}


def arrow_schema(table: TableContract) -> pa.Schema:
    """The contract's columns in order, as Arrow types; timestamps carry no zone and mean UTC."""
    return pa.schema([pa.field(name, _arrow_type(column.type)) for name, column in table.columns.items()])


def duckdb_type(column_type: str) -> str:
    """A contract's column type as DuckDB writes it."""
    return "VARCHAR" if column_type == "string" else column_type.upper()


def decimal_digits(column_type: str) -> tuple[int, int]:
    """Precision and scale of ``decimal(p,s)``."""
    precision, scale = column_type.removeprefix("decimal(").removesuffix(")").split(",")
    return int(precision), int(scale)


def _arrow_type(column_type: str) -> pa.DataType:
    if column_type.startswith("decimal"):
        return pa.decimal128(*decimal_digits(column_type))
    return _ARROW_TYPES[column_type]
