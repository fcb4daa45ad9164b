"""Cases: what people look at, what they did, and what they wrote."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, get_args

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from riskloom.ledger.schema.base import Base

CaseState = Literal["open", "claimed", "snoozed", "escalated", "closed", "merged"]
LinkKind = Literal["related", "duplicate", "same_ring"]

_IS_OPEN = text("closed_at is null")


def one_of(column: str, allowed: object) -> CheckConstraint:
    """The constraint that a column holds one of a literal type's values."""
    values = ", ".join(f"'{value}'" for value in get_args(allowed))
    return CheckConstraint(f"{column} in ({values})", name=column)


def _open_index(name: str, *columns: str, unique: bool = False) -> Index:
    """An index of open cases alone."""
    return Index(name, *columns, unique=unique, sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN)


class Case(Base):
    """
    Everything that is open about one entity of a domain; there is one such case at a time.

    ``priority`` is the expected loss of its alerts together. ``version`` grows with every change: who changes a case
    says which version was seen, and is refused where it is no longer the present one.
    """

    __tablename__ = "cases"

    case_id: Mapped[str] = mapped_column(primary_key=True)
    domain: Mapped[str]
    entity: Mapped[str]
    state: Mapped[CaseState] = mapped_column(String)
    priority: Mapped[Decimal]
    opened_at: Mapped[datetime]
    sla_due_at: Mapped[datetime]
    assignee: Mapped[str | None]
    claimed_at: Mapped[datetime | None]
    snoozed_until: Mapped[datetime | None]
    merged_into: Mapped[str | None] = mapped_column(ForeignKey("cases.case_id"))
    closed_at: Mapped[datetime | None]
    verdict: Mapped[bool | None]
    version: Mapped[int]

    __table_args__ = (
        one_of("state", CaseState),
        CheckConstraint("(closed_at is null) = (state not in ('closed', 'merged'))", name="closed"),
        CheckConstraint("(merged_into is not null) = (state = 'merged')", name="merged"),
        CheckConstraint("(assignee is null) = (claimed_at is null)", name="assignee"),
        _open_index("uq_cases_open_entity", "domain", "entity", unique=True),
        # SQLite asks the row whether a case is open, unless the index has the column: with it, sums need no row.
        _open_index("ix_cases_queue", "domain", "priority", "case_id", "closed_at"),
        _open_index("ix_cases_due", "domain", "sla_due_at", "case_id"),
        _open_index("ix_cases_state", "domain", "state", "priority", "case_id"),
        _open_index("ix_cases_state_due", "domain", "state", "sla_due_at", "case_id"),
        _open_index("ix_cases_assignee", "assignee", "sla_due_at", "case_id"),
        Index(None, "domain", "entity", "opened_at"),
    )


class CaseEvent(Base):
    """One step of a case; ``version`` is the case's after it."""

    __tablename__ = "case_events"

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]
    details: Mapped[dict[str, Any]]


class CaseLink(Base):
    """Two cases that belong together; kept once, the smaller identifier first."""

    __tablename__ = "case_links"

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    other_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    kind: Mapped[LinkKind] = mapped_column(String)
    linked_by: Mapped[str]
    linked_at: Mapped[datetime]

    __table_args__ = (
        one_of("kind", LinkKind),
        CheckConstraint("case_id < other_id", name="once"),
        Index(None, "other_id"),
    )


class Note(Base):
    """What somebody wrote about a case."""

    __tablename__ = "notes"

    note_id: Mapped[str] = mapped_column(primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"))
    written_at: Mapped[datetime]
    author: Mapped[str]
    text: Mapped[str]

    __table_args__ = (Index(None, "case_id", "written_at"),)
