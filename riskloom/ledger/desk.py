"""What every command shares: who acts, when, in which transaction; and how a step is written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from riskloom.errors import NotInLedgerError, RefusedStepError, StaleError, TakenError
from riskloom.ledger.audit import AuditTrail
from riskloom.ledger.schema import Base, Case, CaseEvent


@dataclass(frozen=True, slots=True)
class Desk:
    """
    One actor's work in one transaction.

    Attributes:
        session: Of a writing transaction, which the caller commits.
        trail: Where everything done is audited.
        actor: Who works.
        at: When, timezone-aware.
    """

    session: Session
    trail: AuditTrail
    actor: str
    at: datetime

    def audit(
        self, action: str, row: Base, name: str, *, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
    ) -> None:
        """Write down what was done to a row, in the same transaction."""
        self.trail.append(
            self.session,
            at=self.at,
            actor=self.actor,
            action=action,
            object_kind=row.__tablename__,
            object_id=name,
            before=before,
            after=after,
        )


def added(session: Session, row: Base) -> bool:
    """Insert a row; False where one with its key is there, also one that another transaction just committed."""
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return False
    return True


def take_case(desk: Desk, case_id: str, *, version: int | None, is_exclusive: bool) -> Case:
    """
    Lock a case to change it.

    Args:
        desk: Who wants to.
        case_id: Which.
        version: The one the actor saw; None where the step does not depend on what was seen.
        is_exclusive: Whether nobody else may be working on it.

    Raises:
        NotInLedgerError: There is no such case.
        RefusedStepError: It is closed or merged.
        TakenError: Somebody else works on it.
        StaleError: It has changed since.
    """
    statement = select(Case).where(Case.case_id == case_id).with_for_update().execution_options(populate_existing=True)
    case = desk.session.scalars(statement).one_or_none()
    if case is None:
        raise NotInLedgerError("case", case_id)
    if is_exclusive and case.assignee not in {None, desk.actor} and case.claimed_at is not None:
        raise TakenError(case_id, str(case.assignee), case.claimed_at)
    if version is not None and version != case.version:
        raise StaleError(case_id, version, case.version, _changes_since(desk.session, case_id, version))
    if case.closed_at is not None:
        into = f" into {case.merged_into}" if case.merged_into else ""
        raise RefusedStepError(f"case {case_id}: expected an open case, found it {case.state}{into}")
    return case


def step(desk: Desk, case: Case, action: str, details: dict[str, Any], *, before: Mapping[str, Any] | None) -> None:
    """Write a change down: the case's next version, its event in the timeline, and the audit event."""
    case.version += 1
    desk.session.add(
        CaseEvent(
            case_id=case.case_id,
            version=case.version,
            at=desk.at,
            actor=desk.actor,
            action=action,
            details=details,
        )
    )
    desk.session.flush()
    desk.audit(f"case.{action}", case, case.case_id, before=before, after=columns_of(case))


def columns_of(row: Base) -> dict[str, Any]:
    """A row by column, as it is now."""
    return {column.name: getattr(row, column.name) for column in row.__table__.columns}


def _changes_since(session: Session, case_id: str, version: int) -> list[str]:
    statement = (
        select(CaseEvent).where(CaseEvent.case_id == case_id, CaseEvent.version > version).order_by(CaseEvent.version)
    )
    return [
        f"{event.action} by {event.actor} at {event.at.isoformat(timespec='seconds')}"
        for event in session.scalars(statement)
    ]
