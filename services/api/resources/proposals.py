"""Proposals: steps after which a rule or scenario reaches more subjects; one actor asks, another answers."""

from __future__ import annotations

from datetime import datetime

from pydantic import ConfigDict, Field, JsonValue
from sqlalchemy.orm import Session

from riskloom.errors import NotInLedgerError
from riskloom.ledger.desk import Desk
from riskloom.ledger.schema import RuleProposal, RuleStage
from riskloom.lifecycle import approvals
from riskloom.lifecycle.approvals import Proposed, open_proposals
from services.api.calls import Answer, Call
from services.api.resources.cases import Why
from services.api.resources.rules import Move, answered, expected_rule
from services.api.shown import Document, Key, Listing, Nothing, Shown

_EXAMPLE: dict[str, JsonValue] = {
    "rule_id": "large_night_payment",
    "version": 1,
    "stage": "rollout",
    "percent": 5,
    "reason": "it hits what it should",
}


class ProposalRow(Shown):
    """A step that waits for a second person, or was answered."""

    proposal_id: str
    rule_id: str
    version: int
    stage: RuleStage
    percent: int | None
    step: int = Field(description="Of the rule when it was asked; once it has moved, the proposal is void.")
    requested_by: str
    requested_at: datetime
    reason: str
    evidence: Document
    decided_by: str | None
    decided_at: datetime | None
    is_approved: bool | None
    answer: str | None


class Proposals(Listing[ProposalRow]):
    """What waits for an answer, the oldest first."""


class NewProposal(Move):
    """A step that is asked for."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})
    rule_id: Key


def index(session: Session, call: Call, _: Nothing) -> Answer:
    """What waits."""
    waiting = open_proposals(session, call.domain.name)
    return Answer(Proposals(items=tuple(map(_shown, waiting)), next=None))


def propose(desk: Desk, call: Call, asked: NewProposal) -> Answer:
    """Ask for a step; the same one that waits already is the answer."""
    rule_id, name = expected_rule(desk, call, asked.rule_id), call.api.new_id()
    proposed = approvals.propose(
        desk, call.domain.name, rule_id, asked.version, asked.to, approval_id=name, reason=asked.reason, evidence={}
    )
    return Answer(_shown(proposed), status=201 if proposed.approval.approval_id == name else 200)


def approve(desk: Desk, call: Call, asked: Why) -> Answer:
    """Agree as somebody else than who asked for it and who wrote the version; the version moves."""
    return answered(desk.session, approvals.approve(desk, _own(desk, call), reason=asked.reason))


def reject(desk: Desk, call: Call, asked: Why) -> Answer:
    """Refuse as somebody else than who asked for it."""
    return Answer(_shown(approvals.reject(desk, _own(desk, call), reason=asked.reason)))


def _own(desk: Desk, call: Call) -> str:
    """The proposal's name, where it is about a rule of the domain."""
    name = call.path("proposal_id")
    proposal = desk.session.get(RuleProposal, name)
    if proposal is None or proposal.domain != call.domain.name:
        raise NotInLedgerError("proposal", name)
    return name


def _shown(each: Proposed) -> ProposalRow:
    proposal, approval = each.proposal, each.approval
    return ProposalRow(
        proposal_id=approval.approval_id,
        rule_id=proposal.rule_id,
        version=proposal.version,
        stage=proposal.stage,
        percent=proposal.rollout_percent,
        step=proposal.seen_step,
        requested_by=approval.requested_by,
        requested_at=approval.requested_at,
        reason=approval.reason,
        evidence=proposal.evidence,
        decided_by=approval.decided_by,
        decided_at=approval.decided_at,
        is_approved=approval.is_approved,
        answer=proposal.answer,
    )
