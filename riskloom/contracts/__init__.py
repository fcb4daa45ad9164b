"""What data looks like: durations, column types and table contracts. Pure; imports nothing heavy."""

from riskloom.contracts.duration import Duration, parse_duration
from riskloom.contracts.mistakes import mistakes_from
from riskloom.contracts.table import (
    BITEMPORAL_COLUMNS,
    PSEUDONYM_DIGITS,
    SEPARATOR,
    Column,
    ColumnType,
    TableContract,
)

__all__ = [
    "BITEMPORAL_COLUMNS",
    "PSEUDONYM_DIGITS",
    "SEPARATOR",
    "Column",
    "ColumnType",
    "Duration",
    "TableContract",
    "mistakes_from",
    "parse_duration",
]
