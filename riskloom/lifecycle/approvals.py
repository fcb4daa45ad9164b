"""The rule of two people: who wants a rule to reach more subjects asks, and somebody else answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from riskloom.errors import NotInLedgerError, RefusedStepError
from riskloom.ledger.desk import Desk, columns_of
from riskloom.ledger.schema import Approval, RuleProposal
from riskloom.lifecycle.stages import RuleState, lock_rule, record_step, rule_state, with_displaced
from riskloom.lifecycle.transitions import Placement, check_step, needs_approval
from riskloom.lifecycle.versions import get_version

_KIND = "rule_versions"


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposal with the approval it waits for."""

    proposal: RuleProposal
    approval: Approval

    @property
    def to(self) -> Placement:
        """Where the version would go."""
        return Placement(self.proposal.stage, self.proposal.rollout_percent)


def propose(
    desk: Desk,
    domain: str,
    rule_id: str,
    version: int,
    to: Placement,
    *,
    approval_id: str,
    reason: str,
    evidence: Mapping[str, Any],
) -> Proposed:
    """
    Ask for a step that needs a second person; where the same was asked and waits, that is the answer.

    Args:
        desk: Who asks.
        domain: The rule's.
        rule_id: Which rule.
        version: Which version of it.
        to: Where it should go.
        approval_id: What a new request is called.
        reason: Why.
        evidence: What speaks for it, such as a back-test's figures; what JSON can say.

    Raises:
        RefusedStepError: It may not go there, needs nobody's approval, or there is no reason.
        NotInLedgerError: There is no such version.
    """
    state = lock_rule(desk, domain, rule_id)
    before = state.placement(version)
    check_step(before, to)
    if not needs_approval(before, to):
        raise RefusedStepError(f"rule {rule_id}: from {before} to {to} needs no approval; move it")
    if not reason.strip():
        raise RefusedStepError(f"rule {rule_id}: reason: expected why, found nothing")
    for waiting in open_proposals(desk.session, domain):
        known = waiting.proposal
        if (known.rule_id, known.version, known.seen_step, waiting.to) == (rule_id, version, state.step, to):
            return waiting
    approval = Approval(
        approval_id=approval_id, object_kind=_KIND, object_id=f"{domain}/{rule_id}/{version}", action=f"move to {to}",
        requested_by=desk.actor, requested_at=desk.at, reason=reason,
    )  # fmt: skip
    proposal = RuleProposal(
        approval_id=approval_id, domain=domain, rule_id=rule_id, version=version, stage=to.stage,
        rollout_percent=to.percent, seen_step=state.step, evidence=dict(evidence),
    )  # fmt: skip
    desk.session.add(approval)
    desk.session.flush()
    desk.session.add(proposal)
    desk.session.flush()
    after = {**columns_of(approval), **columns_of(proposal)}
    desk.audit("rule.proposed", approval, approval_id, before=None, after=after)
    return Proposed(proposal, approval)


def approve(desk: Desk, approval_id: str, *, reason: str) -> RuleState:
    """
    Agree to a proposal as a second person, and take the step.

    Raises:
        RefusedStepError: The actor asked for it or wrote the version, it was answered before, or the rule has moved on.
        NotInLedgerError: There is no such proposal.
    """
    asked = _waiting(desk, approval_id)
    proposal = asked.proposal
    version = get_version(desk.session, proposal.domain, proposal.rule_id, proposal.version)
    if desk.actor in {asked.approval.requested_by, version.written_by}:
        role = "asked for it" if desk.actor == asked.approval.requested_by else "wrote the version"
        raise RefusedStepError(f"approval {approval_id}: expected a second person, found {desk.actor}, who {role}")
    state = lock_rule(desk, proposal.domain, proposal.rule_id)
    if state.step != proposal.seen_step:
        raise RefusedStepError(
            f"approval {approval_id}: expected {proposal.rule_id} at step {proposal.seen_step}, as when it was asked "
            f"for, found it at {state.step}; look again, and propose anew"
        )
    _answer(desk, asked, is_approved=True, reason=reason)
    moves = with_displaced(state, proposal.version, asked.to)
    why = f"{asked.approval.reason} (asked by {asked.approval.requested_by}; approved: {reason})"
    return record_step(desk, state, moves, action="rule.moved", reason=why)


def reject(desk: Desk, approval_id: str, *, reason: str) -> Proposed:
    """
    Refuse a proposal; anybody may but who asked for it.

    Raises:
        RefusedStepError: The actor asked for it, or it was answered before.
        NotInLedgerError: There is no such proposal.
    """
    asked = _waiting(desk, approval_id)
    if desk.actor == asked.approval.requested_by:
        raise RefusedStepError(
            f"approval {approval_id}: expected a second person, found {desk.actor}, who asked for it"
        )
    _answer(desk, asked, is_approved=False, reason=reason)
    return asked


def open_proposals(session: Session, domain: str) -> Sequence[Proposed]:
    """What waits for an answer and can still have one, the oldest first."""
    statement = (
        select(RuleProposal, Approval)
        .join(Approval, Approval.approval_id == RuleProposal.approval_id)
        .where(RuleProposal.domain == domain, Approval.decided_at.is_(None))
        .order_by(Approval.requested_at, Approval.approval_id)
    )
    found = [Proposed(*row) for row in session.execute(statement).tuples()]
    steps = {name: rule_state(session, domain, name).step for name in {each.proposal.rule_id for each in found}}
    return [each for each in found if each.proposal.seen_step == steps[each.proposal.rule_id]]


def _waiting(desk: Desk, approval_id: str) -> Proposed:
    statement = select(Approval).where(Approval.approval_id == approval_id).with_for_update()
    approval = desk.session.scalars(statement.execution_options(populate_existing=True)).one_or_none()
    proposal = desk.session.get(RuleProposal, approval_id)
    if approval is None or proposal is None:
        raise NotInLedgerError("proposal", approval_id)
    if approval.decided_at is not None:
        answer = "approved" if approval.is_approved else "rejected"
        raise RefusedStepError(f"approval {approval_id}: expected one that waits, found it {answer}")
    return Proposed(proposal, approval)


def _answer(desk: Desk, asked: Proposed, *, is_approved: bool, reason: str) -> None:
    approval, proposal = asked.approval, asked.proposal
    if not reason.strip():
        raise RefusedStepError(f"approval {approval.approval_id}: reason: expected why, found nothing")
    before = columns_of(approval)
    approval.decided_by, approval.decided_at, approval.is_approved = desk.actor, desk.at, is_approved
    proposal.answer = reason
    desk.session.flush()
    action = "rule.approved" if is_approved else "rule.rejected"
    desk.audit(action, approval, approval.approval_id, before=before, after={**columns_of(approval), "answer": reason})
