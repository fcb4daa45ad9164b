"""From what rules and scenarios in shadow would have done to proposals, on which people decide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from riskloom.ledger.database import reading
from riskloom.ledger.hits import count_shadow_hits
from riskloom.ledger.schema import Decision
from riskloom.lifecycle.approvals import Proposed, open_proposals, propose
from riskloom.lifecycle.backtest_report import wilson
from riskloom.lifecycle.publishing import Controls
from riskloom.lifecycle.stages import RuleState, rule_state, rule_states
from riskloom.lifecycle.transitions import Placement
from riskloom.lifecycle.versions import declared_in, get_version

#: Who is named in the ledger for proposals that nobody made by hand.
PROPOSER = "shadow review"


@dataclass(frozen=True, slots=True)
class Criteria:
    """
    When shadow results are enough to propose a roll-out.

    Attributes:
        time: How long a version must have been in shadow.
        decisions: How many decisions it must have seen, of which it may have hit its ``max_share``.
        percent: What is proposed.
    """

    time: timedelta = timedelta(days=7)
    decisions: int = 1_000
    percent: int = 5


@dataclass(frozen=True, slots=True)
class ShadowResult:
    """
    What a version did in shadow.

    Attributes:
        rule_id: Which rule.
        version: Which version of it.
        since: From when on; it has been in shadow without a break.
        decisions: How many were made.
        hits: How many of them it hit.
        changed: How many would have had another outcome with the rules in shadow.
        labelled: How many hits have a label by now.
        bad: How many of those were bad.
        max_share: How much of all decisions it may hit, as its text says.
    """

    rule_id: str
    version: int
    since: datetime
    decisions: int
    hits: int
    changed: int
    labelled: int
    bad: int
    max_share: float

    def evidence(self) -> dict[str, Any]:
        """What a proposal shows."""
        precision = wilson(self.bad, self.labelled).model_dump()
        return {
            "shadow_since": self.since.isoformat(),
            "decisions": self.decisions,
            "hits": self.hits,
            "changed": self.changed,
            "precision": precision,
        }


def shadow_results(session: Session, domain: str, rule_id: str | None = None) -> tuple[ShadowResult, ...]:
    """
    What each version in shadow would have done since it came there, from the decisions in the ledger.

    Args:
        session: Of a reading transaction.
        domain: Whose rules.
        rule_id: Only this one's versions.
    """
    states = rule_states(session, domain) if rule_id is None else (rule_state(session, domain, rule_id),)
    return tuple(
        _result(session, state, number)
        for state in states
        for number, place in state.placements.items()
        if place.stage == "shadow"
    )


def _result(session: Session, state: RuleState, version: int) -> ShadowResult:
    since = state.since[version]
    seen = select(func.count()).where(Decision.domain == state.domain, Decision.decided_at >= since)
    found = count_shadow_hits(session, state.domain, state.rule_id, version, since=since)
    return ShadowResult(
        rule_id=state.rule_id,
        version=version,
        since=since,
        decisions=session.scalars(seen).one(),
        hits=found.hits,
        changed=found.changed,
        labelled=found.labelled,
        bad=found.bad,
        max_share=declared_in(get_version(session, state.domain, state.rule_id, version)).max_share,
    )


def propose_rollouts(
    controls: Controls, domain: str, criteria: Criteria, *, new_id: Callable[[], str]
) -> tuple[Proposed, ...]:
    """
    Propose a roll-out for each version whose shadow results meet the criteria; what waits already is not asked again.

    Returns:
        The proposals that are new.
    """
    with reading(controls.engine) as session:
        results = shadow_results(session, domain)
        known = {each.approval.approval_id for each in open_proposals(session, domain)}
    made = []
    for result in results:
        if not _is_enough(result, criteria, controls.clock()):
            continue
        with controls.commanding(domain, PROPOSER) as desk:
            asked = propose(
                desk, domain, result.rule_id, result.version, Placement("rollout", criteria.percent),
                approval_id=new_id(), reason=_reason(result), evidence=result.evidence(),
            )  # fmt: skip
        if asked.approval.approval_id not in known:
            made.append(asked)
    return tuple(made)


def _is_enough(result: ShadowResult, criteria: Criteria, now: datetime) -> bool:
    has_seen = result.decisions >= criteria.decisions and now - result.since >= criteria.time
    return has_seen and 0 < result.hits <= result.max_share * result.decisions


def _reason(result: ShadowResult) -> str:
    return (
        f"in shadow since {result.since:%Y-%m-%d} it hit {result.hits:,} of {result.decisions:,} decisions and would "
        f"have changed {result.changed:,}; {result.bad:,} of {result.labelled:,} labelled ones were bad"
    )
