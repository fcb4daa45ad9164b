"""Labels: what turned out to be true; a verdict states them, and a later statement takes one back."""

from __future__ import annotations

from datetime import datetime

from pydantic import ConfigDict, Field
from sqlalchemy.orm import Session

from riskloom.catalog import read_details
from riskloom.errors import NotInLedgerError
from riskloom.ledger.desk import Desk
from riskloom.ledger.labels import give_verdict, withdraw_label
from riskloom.ledger.queries import find_labels
from riskloom.ledger.schema import Case, Label, Provenance
from services.api.calls import Answer, Call
from services.api.resources.cases import CaseRow, own_case
from services.api.shown import Asked, Document, Empty, Key, Listing, Moment, PageFilter, Reason, Shown
from services.web.problems import FieldProblem, RefusalError


class LabelFilter(PageFilter):
    """Which statements."""

    subject: Key | None = Field(default=None, description="Only about this one; of its statements the first holds.")
    as_of: Moment | None = Field(default=None, description="What was known then; now where it is left out.")


class LabelRow(Shown):
    """One statement about a subject; it is never changed."""

    label_id: str
    subject: str
    value: bool
    provenance: Provenance
    stated_by: str
    case_id: str | None
    effective_at: datetime
    observed_at: datetime
    matured_at: datetime | None
    withdraws: str | None = Field(description="The statement that holds no more.")
    details: Document


class Labels(Listing[LabelRow]):
    """Statements, newest first."""


class NewVerdict(Asked):
    """What turned out to be true, and the further columns of the domain's label table."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"is_positive": True, "reason": "the holder confirmed it", "details": {}}]}
    )
    is_positive: bool = Field(description="Whether it was what the domain looks for.")
    reason: Reason
    details: Document = Field(
        default_factory=dict, description="Columns of the domain's label table that only a person knows."
    )


class VerdictGiven(Shown):
    """The case as it was closed, and the labels of its subjects."""

    case: CaseRow
    labels: tuple[str, ...]


def index(session: Session, call: Call, asked: LabelFilter) -> Answer:
    """Statements as they were known at a time."""
    page = find_labels(session, call.domain.name, **dict(asked))
    return call.listing(Labels, page, LabelRow.model_validate)


def decide(desk: Desk, call: Call, asked: NewVerdict) -> Answer:
    """Close a case with what turned out to be true."""
    name = own_case(desk.session, call)
    details, wrong = read_details(call.domain, asked.details, pseudonym_key=call.api.controls.pseudonym_key)
    if wrong:
        errors = [
            FieldProblem(field=f"details.{column}"[:80], expected=expected, found=found)
            for column, (expected, found) in wrong.items()
        ]
        raise RefusalError("invalid_request", "The details do not keep the label table's contract.", errors=errors)
    labels = give_verdict(
        desk,
        name,
        version=call.seen_version,
        is_positive=asked.is_positive,
        reason=asked.reason,
        maturity=call.domain.label.maturity,
        details=details,
        key=f"verdict {call.command_key}",
    )
    case = desk.session.get_one(Case, name)
    return Answer(VerdictGiven(case=CaseRow.model_validate(case), labels=labels), version=case.version)


def withdraw(desk: Desk, call: Call, _: Empty) -> Answer:
    """Take a statement back, by a later one."""
    name = call.path("label_id")
    known = desk.session.get(Label, name)
    if known is None or known.domain != call.domain.name:
        raise NotInLedgerError("label", name)
    return Answer(LabelRow.model_validate(withdraw_label(desk, name)), status=201)
