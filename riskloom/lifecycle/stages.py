"""Move versions of rules from stage to stage; each step says who and why, and can be taken back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session

from riskloom.errors import ApprovalNeededError, MovedError, NotInLedgerError, RefusedStepError
from riskloom.ledger.desk import Desk
from riskloom.ledger.schema import RuleStageChange, RuleVersion
from riskloom.lifecycle.transitions import DISPLACED, Placement, check_step, needs_approval

#: Where versions are, by number.
Placements = Mapping[int, Placement]


@dataclass(frozen=True, slots=True)
class RuleState:
    """
    Where the versions of a rule are.

    Attributes:
        domain: The rule's.
        rule_id: Which rule.
        step: How many steps were taken with it.
        placements: By version.
        since: When each version came to where it is.
        arrivals: The step in which it did.
    """

    domain: str
    rule_id: str
    step: int = 0
    placements: Placements = field(default_factory=dict)
    since: Mapping[int, datetime] = field(default_factory=dict)
    arrivals: Mapping[int, int] = field(default_factory=dict)

    def placement(self, version: int) -> Placement:
        """Where a version is; raises NotInLedgerError."""
        if version not in self.placements:
            raise NotInLedgerError("rule version", f"{self.domain}/{self.rule_id}/{version}")
        return self.placements[version]


def rule_state(session: Session, domain: str, rule_id: str) -> RuleState:
    """Where the versions of a rule are now; of a rule that nobody wrote, nothing."""
    return _fold(domain, rule_id, rule_history(session, domain, rule_id))


def rule_states(session: Session, domain: str) -> tuple[RuleState, ...]:
    """Where the versions of a domain's rules are now, by the rules' ids."""
    statement = select(RuleStageChange).where(RuleStageChange.domain == domain)
    changes = session.scalars(statement.order_by(RuleStageChange.rule_id, RuleStageChange.step)).all()
    by_rule = groupby(changes, key=lambda change: change.rule_id)
    return tuple(_fold(domain, rule_id, of_rule) for rule_id, of_rule in by_rule)


def rule_history(session: Session, domain: str, rule_id: str) -> Sequence[RuleStageChange]:
    """Every change of a rule's stages, from the beginning."""
    statement = select(RuleStageChange).where(RuleStageChange.domain == domain, RuleStageChange.rule_id == rule_id)
    return session.scalars(statement.order_by(RuleStageChange.step, RuleStageChange.version)).all()


def lock_rule(desk: Desk, domain: str, rule_id: str) -> RuleState:
    """
    Where the versions of a rule are, and nobody else moves them until the transaction ends.

    Raises:
        NotInLedgerError: There is no such rule.
    """
    versions = select(RuleVersion.version).where(RuleVersion.domain == domain, RuleVersion.rule_id == rule_id)
    if not desk.session.scalars(versions.with_for_update()).all():
        raise NotInLedgerError("rule", f"{domain}/{rule_id}")
    return rule_state(desk.session, domain, rule_id)


def place_first(desk: Desk, version: RuleVersion, *, reason: str) -> None:
    """Begin the life of a new version, as a draft."""
    state = lock_rule(desk, version.domain, version.rule_id)
    record_step(desk, state, {version.version: Placement("draft")}, action="rule.drafted", reason=reason)


def expect_step(desk: Desk, domain: str, rule_id: str, seen: int) -> RuleState:
    """
    Lock a rule that is still as its actor saw it.

    Args:
        desk: Who is about to take a step.
        domain: The rule's.
        rule_id: Which rule.
        seen: How many steps had been taken with it when the actor looked.

    Raises:
        MovedError: There were further steps since.
        NotInLedgerError: There is no such rule.
    """
    state = lock_rule(desk, domain, rule_id)
    if state.step != seen:
        raise MovedError(rule_id, seen, state.step)
    return state


def move(desk: Desk, domain: str, rule_id: str, version: int, to: Placement, *, reason: str) -> RuleState:
    """
    Move a version to where it has no more effect than it has; more needs a proposal and a second person.

    Args:
        desk: Who moves it.
        domain: The rule's.
        rule_id: Which rule.
        version: Which version of it.
        to: Where to.
        reason: Why.

    Raises:
        ApprovalNeededError: It would reach more subjects.
        RefusedStepError: It may not go there from where it is, or there is no reason.
        NotInLedgerError: There is no such version.
    """
    state = lock_rule(desk, domain, rule_id)
    before = state.placement(version)
    check_step(before, to)
    if needs_approval(before, to):
        raise ApprovalNeededError(
            f"rule {rule_id}: version {version} would go from {before} to {to}, which reaches more subjects: "
            "propose it, and let a second person approve"
        )
    return record_step(desk, state, with_displaced(state, version, to), action="rule.moved", reason=reason)


def rollback(desk: Desk, domain: str, rule_id: str, *, reason: str) -> RuleState:
    """
    Take back the last step that was not taken back yet: every version it moved returns to where it was.

    What held before was agreed on when it began, so nobody is asked again.

    Raises:
        RefusedStepError: Nothing was done but writing versions, or all of it was taken back.
    """
    state, history = lock_rule(desk, domain, rule_id), rule_history(desk.session, domain, rule_id)
    last = step_to_undo(history)
    if last is None:
        raise RefusedStepError(f"rule {rule_id}: expected a step to take back, found none")
    before = _fold(domain, rule_id, (change for change in history if change.step < last)).placements
    restored = {change.version: before[change.version] for change in history if change.step == last}
    return record_step(desk, state, restored, action="rule.rolled_back", reason=reason, undoes=last)


def with_displaced(state: RuleState, version: int, to: Placement) -> dict[int, Placement]:
    """Where versions go when one comes to a place that one version has at a time."""
    away = DISPLACED.get(to.stage)
    others = {number: place for number, place in state.placements.items() if number != version}
    displaced = {number: Placement(away) for number, place in others.items() if away and place.stage == to.stage}
    return {**displaced, version: to}


def record_step(
    desk: Desk,
    state: RuleState,
    moves: Placements,
    *,
    action: str,
    reason: str,
    undoes: int | None = None,
) -> RuleState:
    """
    Write a step down, with its audit event; what may be done was looked at before.

    Raises:
        RefusedStepError: No reason is given.
    """
    if not reason.strip():
        raise RefusedStepError(f"rule {state.rule_id}: reason: expected why, found nothing")
    changes = [
        RuleStageChange(
            domain=state.domain, rule_id=state.rule_id, step=state.step + 1, version=version, stage=place.stage,
            rollout_percent=place.percent, changed_by=desk.actor, changed_at=desk.at, reason=reason, undoes=undoes,
        )
        for version, place in sorted(moves.items())
    ]  # fmt: skip
    desk.session.add_all(changes)
    desk.session.flush()
    after = _fold(state.domain, state.rule_id, changes, begin=state)
    name = f"{state.domain}/{state.rule_id}"
    desk.audit(action, changes[0], name, before=_document(state), after={**_document(after), "reason": reason})
    return after


def step_to_undo(history: Sequence[RuleStageChange]) -> int | None:
    """What a rollback would take back: the last step that moved versions, is no rollback, and was not rolled back."""
    settled = {change.undoes for change in history}
    known: set[int] = set()
    last = None
    for change in history:
        if change.version not in known:  # it was written in this step
            known.add(change.version)
        elif change.undoes is None and change.step not in settled:
            last = change.step
    return last


def _fold(
    domain: str, rule_id: str, changes: Iterable[RuleStageChange], *, begin: RuleState | None = None
) -> RuleState:
    """Where versions are after some changes, which are in order."""
    begun = begin or RuleState(domain, rule_id)
    step, placements, since, arrivals = begun.step, dict(begun.placements), dict(begun.since), dict(begun.arrivals)
    for change in changes:
        step = change.step
        placements[change.version] = Placement(change.stage, change.rollout_percent)
        since[change.version], arrivals[change.version] = change.changed_at, change.step
    return RuleState(domain, rule_id, step, placements, since, arrivals)


def _document(state: RuleState) -> dict[str, object]:
    return {"step": state.step, "versions": {str(number): str(place) for number, place in state.placements.items()}}
