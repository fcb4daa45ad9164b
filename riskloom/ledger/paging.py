"""Pages by key: the next page begins behind the last row of this one, however many were added meanwhile."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, String, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from riskloom.errors import LedgerError

T = TypeVar("T")
#: The most rows of one page.
LARGEST_PAGE = 500
_INT64 = 2**63
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows in order, and the cursor that the next page begins at; None where there is none."""

    rows: tuple[T, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Order:
    """
    The columns of an index that rows are in order of, all up or all down; the last one is unique.

    Attributes:
        columns: By name.
        is_descending: Largest first.
    """

    columns: tuple[InstrumentedAttribute[Any], ...]
    is_descending: bool = False

    def behind(self, cursor: str) -> ColumnElement[bool]:
        """The condition of rows behind a cursor."""
        values = tuple_(*decode_cursor(cursor, self.columns), types=[column.type for column in self.columns])
        own = tuple_(*self.columns)
        return own < values if self.is_descending else own > values


def page(
    session: Session,
    statement: Select[Any],
    order: Order,
    *,
    cursor: str | None,
    limit: int,
    make: Callable[[Any], T],
) -> Page[T]:
    """
    Run a statement for one page.

    Args:
        session: Of a reading transaction.
        statement: Selects rows, without order or limit.
        order: How they are ordered.
        cursor: The ``next_cursor`` of the page before; None for the first.
        limit: Most rows, 1 to 500.
        make: Makes what is given from a row that has the order's columns.

    Raises:
        LedgerError: The limit or the cursor is not one of ours.
    """
    if not 1 <= limit <= LARGEST_PAGE:
        raise LedgerError(f"limit: expected 1 to {LARGEST_PAGE}, found {limit}")
    if cursor is not None:
        statement = statement.where(order.behind(cursor))
    keys = [column.desc() if order.is_descending else column.asc() for column in order.columns]
    found = session.execute(statement.order_by(*keys).limit(limit + 1)).all()
    rows = found[:limit]
    names = [column.key for column in order.columns]
    last = [getattr(rows[-1], name) for name in names] if len(found) > limit else None
    return Page(tuple(make(row) for row in rows), None if last is None else encode_cursor(last, order.columns))


def encode_cursor(values: Sequence[Any], columns: Sequence[InstrumentedAttribute[Any]]) -> str:
    """A cursor of a row's values, as the database keeps them."""
    plain = [_stored(value, column) for value, column in zip(values, columns, strict=True)]
    return base64.urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode()).decode()


def decode_cursor(cursor: str, columns: Sequence[InstrumentedAttribute[Any]]) -> list[Any]:
    """The values of a cursor; raises LedgerError where it is none for these columns."""
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (ValueError, RecursionError) as error:
        raise LedgerError("cursor: expected one that a page gave") from error
    kinds = [str if isinstance(column.type, String) else int for column in columns]
    if not isinstance(values, list) or [type(value) for value in values] != kinds or not all(map(_fits, values)):
        raise LedgerError("cursor: expected one that a page of this list gave")
    return [_loaded(value, column) for value, column in zip(values, columns, strict=True)]


def _fits(value: str | int) -> bool:
    """Whether a database takes it: PostgreSQL no zero in a text, none of them half a surrogate pair or 65 bits."""
    return not _UNSTORABLE.search(value) if isinstance(value, str) else -_INT64 <= value < _INT64


def _stored(value: Any, column: InstrumentedAttribute[Any]) -> Any:
    bind = getattr(column.type, "process_bind_param", None)
    return bind(value, None) if bind else value


def _loaded(value: Any, column: InstrumentedAttribute[Any]) -> Any:
    load = getattr(column.type, "process_result_value", None)
    try:
        return load(value, None) if load else value
    except OverflowError as error:
        raise LedgerError("cursor: expected one that a page gave") from error
