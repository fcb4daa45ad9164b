"""
What people do with cases. Each command is one step in one transaction: the change, its event in the case's timeline and
its audit event are there together or not at all.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from riskloom.errors import NotInLedgerError, RefusedStepError
from riskloom.ledger.desk import Desk, added, columns_of, step, take_case
from riskloom.ledger.schema import Alert, Case, CaseLink, LinkKind, Note


def open_case(desk: Desk, alert_id: str, *, case_id: str, sla: timedelta) -> Case:
    """
    Put an alert into the open case of its entity, or open one; an alert that has a case stays there.

    A new alert wakes a case that is snoozed: what is known has changed.

    Args:
        desk: Who does it.
        alert_id: The alert.
        case_id: What a new case is called.
        sla: How long after the alert somebody must have decided.

    Raises:
        NotInLedgerError: There is no such alert.
    """
    alert = desk.session.scalars(select(Alert).where(Alert.alert_id == alert_id).with_for_update()).one_or_none()
    if alert is None:
        raise NotInLedgerError("alert", alert_id)
    if alert.case_id is not None:
        return desk.session.get_one(Case, alert.case_id)
    case = _open_case_of(desk.session, alert)
    if case is None:
        case = _new_case(case_id, alert, sla)
        if added(desk.session, case):
            alert.case_id = case.case_id
            step(desk, case, "opened", {"alert": alert_id}, before=None)
            return case
        case = _open_case_of(desk.session, alert)  # somebody else opened it in the meantime
        if case is None:
            raise RefusedStepError(f"case {case_id}: expected a name of its own, found another case with it")
    before = columns_of(case)
    alert.case_id = case.case_id
    case.priority += alert.expected_loss
    case.sla_due_at = min(case.sla_due_at, alert.raised_at + sla)
    if case.state == "snoozed":
        _wake(case)
    step(desk, case, "alert_added", {"alert": alert_id}, before=before)
    return case


def claim(desk: Desk, case_id: str, *, version: int) -> Case:
    """Take a case as one's own; raises TakenError where somebody else has it, StaleError where it has changed."""
    case = take_case(desk, case_id, version=version, is_exclusive=True)
    before = columns_of(case)
    case.assignee, case.claimed_at, case.state, case.snoozed_until = desk.actor, desk.at, "claimed", None
    step(desk, case, "claimed", {}, before=before)
    return case


def take_over(desk: Desk, case_id: str, *, version: int, reason: str) -> Case:
    """
    Take a case that somebody else has, and who may be ill or gone; whoever had it is refused from then on.

    Args:
        desk: Of somebody who may: the ledger does not know who does.
        case_id: Which.
        version: The one that was seen; who gave it back or took it over meanwhile is told of.
        reason: Why, for the timeline.

    Raises:
        RefusedStepError: It is nobody's or one's own, it is closed, or there is no reason.
        StaleError: It has changed since it was seen.
    """
    if not reason.strip():
        raise RefusedStepError(f"case {case_id}: reason: expected why, found nothing")
    case = take_case(desk, case_id, version=version, is_exclusive=False)
    holder = case.assignee
    if holder in {None, desk.actor}:
        found = "nobody's" if holder is None else "your own"
        raise RefusedStepError(f"case {case_id}: expected one that somebody else has, found it {found}")
    before = columns_of(case)
    case.assignee, case.claimed_at, case.state, case.snoozed_until = desk.actor, desk.at, "claimed", None
    step(desk, case, "taken_over", {"from": holder, "reason": reason}, before=before)
    return case


def release(desk: Desk, case_id: str, *, version: int) -> Case:
    """Give one's case back to the queue."""
    case = take_case(desk, case_id, version=version, is_exclusive=True)
    if case.assignee is None:
        raise RefusedStepError(f"case {case_id}: expected one that is claimed, found it {case.state}")
    before = columns_of(case)
    case.assignee, case.claimed_at, case.state, case.snoozed_until = None, None, "open", None
    step(desk, case, "released", {}, before=before)
    return case


def snooze(desk: Desk, case_id: str, *, version: int, until: datetime, reason: str) -> Case:
    """Put a case away until a time to come; who has it keeps it."""
    case = take_case(desk, case_id, version=version, is_exclusive=True)
    if until <= desk.at:
        raise RefusedStepError(f"case {case_id}: until: expected a time to come, found {until.isoformat()}")
    before = columns_of(case)
    case.state, case.snoozed_until = "snoozed", until
    step(desk, case, "snoozed", {"until": until.isoformat(), "reason": reason}, before=before)
    return case


def escalate(desk: Desk, case_id: str, *, version: int, reason: str) -> Case:
    """Hand a case up: it is nobody's own any more, and marked."""
    case = take_case(desk, case_id, version=version, is_exclusive=True)
    before = columns_of(case)
    case.assignee, case.claimed_at, case.state, case.snoozed_until = None, None, "escalated", None
    step(desk, case, "escalated", {"reason": reason}, before=before)
    return case


def link(desk: Desk, case_id: str, other_id: str, *, kind: LinkKind, reason: str) -> bool:
    """Say that two cases belong together; False where that is known. Both show it in their timelines."""
    if case_id == other_id:
        raise RefusedStepError(f"case {case_id}: expected another case to link it with, found itself")
    first, second = sorted((case_id, other_id))  # locked in one order, so that two who link cannot block each other
    cases = [take_case(desk, name, version=None, is_exclusive=False) for name in (first, second)]
    row = CaseLink(case_id=first, other_id=second, kind=kind, linked_by=desk.actor, linked_at=desk.at)
    if not added(desk.session, row):
        return False
    for case, other in (cases, cases[::-1]):
        details = {"with": other.case_id, "kind": kind, "reason": reason}
        step(desk, case, "linked", details, before=columns_of(case))
    return True


def merge(desk: Desk, case_id: str, into: str, *, version: int, into_version: int) -> Case:
    """
    Make a case part of another of the same domain: its alerts move, its expected loss and its deadline as well.

    Returns:
        The case that goes on.
    """
    if case_id == into:
        raise RefusedStepError(f"case {case_id}: expected another case to merge it into, found itself")
    versions = {case_id: version, into: into_version}
    cases = {name: take_case(desk, name, version=versions[name], is_exclusive=True) for name in sorted((case_id, into))}
    gone, kept = cases[case_id], cases[into]
    if gone.domain != kept.domain:
        raise RefusedStepError(
            f"case {case_id}: expected one of {kept.domain} as {into} is, found one of {gone.domain}"
        )
    before_gone, before_kept = columns_of(gone), columns_of(kept)
    desk.session.execute(update(Alert).where(Alert.case_id == case_id).values(case_id=into))
    kept.priority += gone.priority
    kept.sla_due_at = min(kept.sla_due_at, gone.sla_due_at)
    gone.state, gone.merged_into, gone.closed_at, gone.snoozed_until = "merged", into, desk.at, None
    step(desk, gone, "merged", {"into": into}, before=before_gone)
    step(desk, kept, "absorbed", {"case": case_id}, before=before_kept)
    return kept


def add_note(desk: Desk, case_id: str, *, note_id: str, text: str) -> Note:
    """Write about a case; anybody may, whoever works on it."""
    if not text.strip():
        raise RefusedStepError(f"case {case_id}: note: expected a text, found none")
    case = take_case(desk, case_id, version=None, is_exclusive=False)
    note = Note(note_id=note_id, case_id=case_id, written_at=desk.at, author=desk.actor, text=text)
    desk.session.add(note)
    step(desk, case, "noted", {"note": note_id}, before=columns_of(case))
    return note


def _open_case_of(session: Session, alert: Alert) -> Case | None:
    statement = select(Case).where(Case.domain == alert.domain, Case.entity == alert.entity, Case.closed_at.is_(None))
    return session.scalars(statement.with_for_update().execution_options(populate_existing=True)).one_or_none()


def _new_case(case_id: str, alert: Alert, sla: timedelta) -> Case:
    return Case(
        case_id=case_id,
        domain=alert.domain,
        entity=alert.entity,
        state="open",
        priority=alert.expected_loss,
        opened_at=alert.raised_at,
        sla_due_at=alert.raised_at + sla,
        version=0,
    )


def _wake(case: Case) -> None:
    case.state, case.snoozed_until = ("claimed" if case.assignee else "open"), None
