"""What a console or an API asks: each question runs along an index and gives a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from operator import itemgetter
from typing import Literal

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from riskloom.errors import NotInLedgerError
from riskloom.ledger.paging import Order, Page, page
from riskloom.ledger.schema import (
    Alert,
    AuditEvent,
    Case,
    CaseEvent,
    CaseLink,
    CaseState,
    Decision,
    DecisionCount,
    Label,
    Note,
)

QueueOrder = Literal["priority", "due"]

_NEWEST = Order((Decision.decided_at, Decision.decision_id), is_descending=True)
_LATEST_LABELS = Order((Label.observed_at, Label.label_id), is_descending=True)
_QUEUES = {
    "priority": Order((Case.priority, Case.case_id), is_descending=True),
    "due": Order((Case.sla_due_at, Case.case_id)),
}
#: A busy entity has thousands, of which nobody reads more.
_MOST_ALERTS = 200
_LATEST_AUDIT = Order((AuditEvent.sequence,), is_descending=True)


@dataclass(frozen=True, slots=True)
class DecisionSummary:
    """A decision in a list: what is needed to choose one."""

    decision_id: str
    decided_at: datetime
    subject: str
    entity: str | None
    amount: Decimal | None
    score: float | None
    outcome: str
    basis: str
    model_version: str
    is_degraded: bool


@dataclass(frozen=True, slots=True)
class CaseFile:
    """
    Everything that belongs to a case, but for its timeline.

    Attributes:
        case: The case.
        alerts: The newest 200, the oldest of them first.
        alert_count: How many there are.
        subject_count: How many subjects they are about.
        notes: What was written, the oldest first.
        links: To other cases.
    """

    case: Case
    alerts: tuple[Alert, ...]
    alert_count: int
    subject_count: int
    notes: tuple[Note, ...]
    links: tuple[CaseLink, ...]


@dataclass(frozen=True, slots=True)
class DayCount:
    """How many decisions of a day (UTC) had an outcome."""

    day: str
    outcome: str
    decisions: int


@dataclass(frozen=True, slots=True)
class Workload:
    """What is open in a domain: how many cases, how many are past their deadline, and their expected loss together."""

    open_cases: int
    overdue: int
    at_stake: Decimal


_SUMMARY = [getattr(Decision, name) for name in DecisionSummary.__slots__]


def find_decisions(
    session: Session,
    domain: str,
    *,
    subject: str | None = None,
    entity: str | None = None,
    outcome: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[DecisionSummary]:
    """
    Decisions of a domain, newest first.

    Args:
        session: Of a reading transaction.
        domain: Whose.
        subject: Only of this subject.
        entity: Only of this entity.
        outcome: Only with this outcome.
        since: Decided from here on; timezone-aware.
        until: Decided before this instant.
        cursor: Of the page before.
        limit: Most rows.
    """
    statement = select(*_SUMMARY).where(Decision.domain == domain)
    equal = ((Decision.subject, subject), (Decision.entity, entity), (Decision.outcome, outcome))
    statement = statement.where(*(column == value for column, value in equal if value is not None))
    if since is not None:
        statement = statement.where(Decision.decided_at >= since)
    if until is not None:
        statement = statement.where(Decision.decided_at < until)
    return page(session, statement, _NEWEST, cursor=cursor, limit=limit, make=lambda row: DecisionSummary(*row))


def release_propensities(session: Session, domain: str, *, since: datetime, until: datetime) -> dict[str, float]:
    """
    Subjects that were let through at random instead of getting the hardest outcome, decided from ``since`` on.

    Returns:
        By subject the probability with which it was drawn; of one that was decided more than once, the first time's.
    """
    statement = (
        select(Decision.subject, Decision.choice)
        .where(
            Decision.domain == domain,
            Decision.decided_at >= since,
            Decision.decided_at < until,
            Decision.is_exploration,
        )
        .order_by(Decision.decided_at.desc(), Decision.decision_id.desc())
    )
    return {
        subject: float(choice["exploration"]["propensity"]) for subject, choice in session.execute(statement).tuples()
    }


def get_decision(session: Session, decision_id: str) -> Decision:
    """A decision whole; raises NotInLedgerError."""
    decision = session.get(Decision, decision_id)
    if decision is None:
        raise NotInLedgerError("decision", decision_id)
    return decision


def case_queue(
    session: Session,
    domain: str,
    *,
    at: datetime,
    order: QueueOrder = "priority",
    assignee: str | None = None,
    state: CaseState | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Case]:
    """
    Open cases of a domain: the largest expected loss first, or the nearest deadline; snoozed ones when it is time.

    Args:
        session: Of a reading transaction.
        domain: Whose.
        at: The time, timezone-aware.
        order: What comes first.
        assignee: Only this person's.
        state: Only in this state; ``snoozed`` shows those that are put away.
        cursor: Of the page before.
        limit: Most rows.
    """
    columns = _QUEUES[order].columns
    statement = select(Case, *columns).where(Case.domain == domain, Case.closed_at.is_(None))
    if state != "snoozed":
        statement = statement.where(or_(Case.snoozed_until.is_(None), Case.snoozed_until <= at))
    if state is not None:
        statement = statement.where(Case.state == state)
    if assignee is not None:
        statement = statement.where(Case.assignee == assignee)
    return page(session, statement, _QUEUES[order], cursor=cursor, limit=limit, make=itemgetter(0))


def cases_of(session: Session, assignee: str, *, cursor: str | None = None, limit: int = 50) -> Page[Case]:
    """What somebody has on their desk in all domains, snoozed or not, the nearest deadline first."""
    order = _QUEUES["due"]
    statement = select(Case, *order.columns).where(Case.assignee == assignee, Case.closed_at.is_(None))
    return page(session, statement, order, cursor=cursor, limit=limit, make=itemgetter(0))


def workload(session: Session, domain: str, *, at: datetime) -> Workload:
    """How much is open in a domain, snoozed cases too; counted along the queue's indexes."""
    is_open = (Case.domain == domain, Case.closed_at.is_(None))
    count, at_stake = session.execute(select(func.count(), func.sum(Case.priority)).where(*is_open)).tuples().one()
    overdue = session.scalar(select(func.count()).where(*is_open, Case.sla_due_at < at))
    return Workload(count, overdue or 0, at_stake or Decimal(0))


def case_file(session: Session, case_id: str) -> CaseFile:
    """A case with its newest alerts, notes and links; raises NotInLedgerError."""
    case = session.get(Case, case_id)
    if case is None:
        raise NotInLedgerError("case", case_id)
    newest = select(Alert).where(Alert.case_id == case_id).order_by(Alert.raised_at.desc(), Alert.alert_id.desc())
    alerts = session.scalars(newest.limit(_MOST_ALERTS)).all()
    counts = select(func.count(), func.count(Alert.subject.distinct())).where(Alert.case_id == case_id)
    alert_count, subject_count = session.execute(counts).tuples().one()
    notes = session.scalars(select(Note).where(Note.case_id == case_id).order_by(Note.written_at, Note.note_id))
    links = session.scalars(select(CaseLink).where(or_(CaseLink.case_id == case_id, CaseLink.other_id == case_id)))
    return CaseFile(case, tuple(reversed(alerts)), alert_count, subject_count, tuple(notes), tuple(links))


def waiting_alerts(session: Session, domain: str, *, limit: int = 200) -> Sequence[Alert]:
    """Alerts that have no case yet, the oldest first."""
    statement = select(Alert).where(Alert.domain == domain, Alert.case_id.is_(None))
    return session.scalars(statement.order_by(Alert.raised_at, Alert.alert_id).limit(limit)).all()


def count_waiting_alerts(session: Session, domain: str) -> int:
    """How many alerts have no case yet."""
    statement = select(func.count()).where(Alert.domain == domain, Alert.case_id.is_(None))
    return session.scalar(statement) or 0


def case_timeline(session: Session, case_id: str, *, cursor: str | None = None, limit: int = 100) -> Page[CaseEvent]:
    """What happened to a case, from the beginning."""
    statement = select(CaseEvent, CaseEvent.version).where(CaseEvent.case_id == case_id)
    return page(session, statement, Order((CaseEvent.version,)), cursor=cursor, limit=limit, make=itemgetter(0))


def labels_of(session: Session, domain: str, subject: str, *, as_of: datetime | None = None) -> Sequence[Label]:
    """Every statement about a subject that was known at a time, the newest first: it is the one that holds."""
    statement = select(Label).where(Label.domain == domain, Label.subject == subject)
    if as_of is not None:
        statement = statement.where(Label.observed_at <= as_of)
    return session.scalars(statement.order_by(Label.observed_at.desc(), Label.label_id.desc())).all()


def find_labels(
    session: Session,
    domain: str,
    *,
    subject: str | None = None,
    as_of: datetime | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Label]:
    """
    Statements about the subjects of a domain that were known at a time, the newest first.

    Args:
        session: Of a reading transaction.
        domain: Whose.
        subject: Only about this one; of its statements the first holds.
        as_of: What was known then, timezone-aware; now by default.
        cursor: Of the page before.
        limit: Most rows.
    """
    statement = select(Label, *_LATEST_LABELS.columns).where(Label.domain == domain)
    if subject is not None:
        statement = statement.where(Label.subject == subject)
    if as_of is not None:
        statement = statement.where(Label.observed_at <= as_of)
    return page(session, statement, _LATEST_LABELS, cursor=cursor, limit=limit, make=itemgetter(0))


def count_by_day(session: Session, domain: str, *, first: date, last: date) -> list[DayCount]:
    """How many decisions had which outcome, for each day (UTC) from the first to the last."""
    statement = (
        select(DecisionCount.day, DecisionCount.outcome, DecisionCount.decisions)
        .where(DecisionCount.domain == domain, DecisionCount.day.between(first.isoformat(), last.isoformat()))
        .order_by(DecisionCount.day, DecisionCount.outcome)
    )
    return [DayCount(*row) for row in session.execute(statement).tuples()]


def audit_log(
    session: Session,
    *,
    object_kind: str | None = None,
    object_id: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[AuditEvent]:
    """Who did what, the newest first; only to one object where its kind and name are given."""
    statement = select(AuditEvent, AuditEvent.sequence)
    if object_kind is not None and object_id is not None:
        statement = statement.where(AuditEvent.object_kind == object_kind, AuditEvent.object_id == object_id)
    return page(session, statement, _LATEST_AUDIT, cursor=cursor, limit=limit, make=itemgetter(0))
