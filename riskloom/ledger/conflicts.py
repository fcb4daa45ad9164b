"""The one statement that SQLAlchemy spells differently for each database: insert, unless it is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from riskloom.ledger.database import is_postgresql
from riskloom.ledger.schema import Base


def insert_or_ignore(session: Session, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; those whose key is there already stay as they are."""
    if is_postgresql(session):
        session.execute(postgresql.insert(table).on_conflict_do_nothing(), rows)
    else:
        session.execute(sqlite.insert(table).on_conflict_do_nothing(), rows)


def insert_or_add(session: Session, table: type[Base], rows: Sequence[Mapping[str, Any]], column: str) -> None:
    """Insert rows; where a row's key is there already, ``column`` grows by what the row brings."""
    make: Any = postgresql.insert if is_postgresql(session) else sqlite.insert
    statement = make(table)
    grown = getattr(table, column) + statement.excluded[column]
    key = [key.name for key in table.__table__.primary_key.columns]  # type: ignore[attr-defined]
    session.execute(statement.on_conflict_do_update(index_elements=key, set_={column: grown}), rows)
