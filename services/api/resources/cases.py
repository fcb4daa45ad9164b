"""Cases: the queue, a case with its timeline, and what can be done with one."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

from pydantic import ConfigDict, Field
from sqlalchemy.orm import Session

from riskloom.errors import NotInLedgerError
from riskloom.ledger import cases
from riskloom.ledger.desk import Desk
from riskloom.ledger.queries import QueueOrder, case_file, case_queue, case_timeline
from riskloom.ledger.schema import Case, CaseState, LinkKind
from services.api.calls import Answer, Call
from services.api.shown import Asked, Document, Empty, Key, Listing, Moment, Nothing, PageFilter, Reason, Shown, Text


class QueueFilter(PageFilter):
    """Which open cases, and what comes first."""

    order: QueueOrder = Field(default="priority", description="The largest expected loss, or the nearest deadline.")
    state: Literal["open", "claimed", "escalated", "snoozed"] | None = Field(
        default=None, description="Cases that are put away are left out unless `snoozed` is asked for."
    )
    assignee: Key | None = None


class CaseRow(Shown):
    """A case in a list."""

    case_id: str
    entity: str
    state: CaseState
    priority: Decimal = Field(description="The expected loss of its alerts together, in the domain's currency.")
    opened_at: datetime
    sla_due_at: datetime
    assignee: str | None
    claimed_at: datetime | None
    snoozed_until: datetime | None
    merged_into: str | None
    closed_at: datetime | None
    verdict: bool | None
    version: int = Field(description="Grows with each change; as ETag, what a command's If-Match sends back.")


class Cases(Listing[CaseRow]):
    """Open cases in the order that was asked for."""


class AlertRow(Shown):
    """What raised a case, or joined it."""

    alert_id: str
    kind: str
    decision_id: str | None
    subject: str
    raised_at: datetime
    expected_loss: Decimal


class NoteRow(Shown):
    """What somebody wrote about a case."""

    note_id: str
    written_at: datetime
    author: str
    text: str


class LinkRow(Shown):
    """Two cases that belong together."""

    case_id: str
    other_id: str
    kind: LinkKind
    linked_by: str
    linked_at: datetime


class CaseRecord(CaseRow):
    """A case with its alerts, notes and links."""

    alerts: tuple[AlertRow, ...]
    notes: tuple[NoteRow, ...]
    links: tuple[LinkRow, ...]


class TimelineStep(Shown):
    """One step of a case; `version` is the case's after it."""

    version: int
    at: datetime
    actor: str
    action: str
    details: Document


class Timeline(Listing[TimelineStep]):
    """What happened to a case, from the beginning."""


class Snooze(Asked):
    """Until when a case is put away."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"until": "2026-03-02T09:00:00Z", "reason": "the bank answers tomorrow"}]}
    )
    until: Moment
    reason: Reason


class Why(Asked):
    """The reason of a step."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "looked at it with a colleague"}]})
    reason: Reason


class NewNote(Asked):
    """What is written about a case."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": "the card was reported lost on Monday"}]})
    text: Text


class NewLink(Asked):
    """Another case that belongs to this one."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"case_id": "c-2", "kind": "same_ring", "reason": "they share a device"}]}
    )
    case_id: Key
    kind: LinkKind
    reason: Reason


class Absorb(Asked):
    """Another case of the domain that becomes part of this one; its version as it was seen."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"case_id": "c-2", "version": 3}]})
    case_id: Key
    version: int = Field(ge=0)


def index(session: Session, call: Call, asked: QueueFilter) -> Answer:
    """The queue."""
    page = case_queue(session, call.domain.name, at=call.at, **dict(asked))
    return call.listing(Cases, page, CaseRow.model_validate)


def show(session: Session, call: Call, _: Nothing) -> Answer:
    """A case, closed or not."""
    own_case(session, call)
    file = case_file(session, call.path("case_id"))
    content = CaseRecord(
        **CaseRow.model_validate(file.case).model_dump(),
        alerts=tuple(map(AlertRow.model_validate, file.alerts)),
        notes=tuple(map(NoteRow.model_validate, file.notes)),
        links=tuple(map(LinkRow.model_validate, file.links)),
    )
    return Answer(content, version=file.case.version)


def timeline(session: Session, call: Call, asked: PageFilter) -> Answer:
    """Its steps."""
    own_case(session, call)
    page = case_timeline(session, call.path("case_id"), **dict(asked))
    return call.listing(Timeline, page, TimelineStep.model_validate)


def claim(desk: Desk, call: Call, _: Empty) -> Answer:
    """Take it as one's own."""
    return _shown(cases.claim(desk, own_case(desk.session, call), version=call.seen_version))


def take_over(desk: Desk, call: Call, asked: Why) -> Answer:
    """Take it from who has it, who is refused from then on."""
    name = own_case(desk.session, call)
    return _shown(cases.take_over(desk, name, version=call.seen_version, reason=asked.reason))


def release(desk: Desk, call: Call, _: Empty) -> Answer:
    """Give it back."""
    return _shown(cases.release(desk, own_case(desk.session, call), version=call.seen_version))


def snooze(desk: Desk, call: Call, asked: Snooze) -> Answer:
    """Put it away."""
    name, version = own_case(desk.session, call), call.seen_version
    return _shown(cases.snooze(desk, name, version=version, until=asked.until, reason=asked.reason))


def escalate(desk: Desk, call: Call, asked: Why) -> Answer:
    """Hand it up."""
    name = own_case(desk.session, call)
    return _shown(cases.escalate(desk, name, version=call.seen_version, reason=asked.reason))


def note(desk: Desk, call: Call, asked: NewNote) -> Answer:
    """Write about it."""
    name = own_case(desk.session, call)
    written = cases.add_note(desk, name, note_id=call.api.new_id(), text=asked.text)
    return Answer(NoteRow.model_validate(written), status=201, version=_version(desk.session, name))


def link(desk: Desk, call: Call, asked: NewLink) -> Answer:
    """Say that another case belongs to it, also one of another domain that the key may work in."""
    name = own_case(desk.session, call)
    other = desk.session.get(Case, asked.case_id)
    if other is None or not call.may("cases:write", other.domain):
        raise NotInLedgerError("case", asked.case_id)
    cases.link(desk, name, asked.case_id, kind=asked.kind, reason=asked.reason)
    return _shown(desk.session.get_one(Case, name))


def merge(desk: Desk, call: Call, asked: Absorb) -> Answer:
    """Make another case part of it."""
    name = own_case(desk.session, call)
    kept = cases.merge(desk, asked.case_id, name, version=asked.version, into_version=call.seen_version)
    return _shown(kept)


def own_case(session: Session, call: Call) -> str:
    """The case's name, where it is one of the domain; raises NotInLedgerError for every other."""
    name = call.path("case_id")
    case = session.get(Case, name)
    if case is None or case.domain != call.domain.name:
        raise NotInLedgerError("case", name)
    return name


def _shown(case: Case) -> Answer:
    return Answer(CaseRow.model_validate(case), version=case.version)


def _version(session: Session, name: str) -> int:
    return session.get_one(Case, name).version
