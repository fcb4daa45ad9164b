"""Which decisions rules hit, and how often: along the key of ``rule_hits``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from riskloom.ledger.schema import Decision, Label, RuleHit


@dataclass(frozen=True, slots=True)
class HitCount:
    """How often a version hit: with effect on the subject, and in shadow."""

    version: int
    with_effect: int
    in_shadow: int


@dataclass(frozen=True, slots=True)
class HitSummary:
    """
    A decision that a rule hit or a scenario came to a level with.

    Attributes:
        decision_id: Which decision.
        decided_at: When.
        version: Of the rule or scenario.
        stage: That it had for the subject.
        subject: What was decided about.
        entity: Whom the subject belongs to.
        outcome: What was decided.
        amount: At stake.
        points: What a rule brought, or a scenario came to; None of a rule that decides the outcome itself.
        level: Of a scenario, the level that it came to.
    """

    decision_id: str
    decided_at: datetime
    version: int
    stage: str
    subject: str
    entity: str | None
    outcome: str
    amount: Decimal | None
    points: float | None
    level: str | None


@dataclass(frozen=True, slots=True)
class ShadowCount:
    """What a version did in shadow: hits, those that would have changed the outcome, and what is known of them."""

    hits: int
    changed: int
    labelled: int
    bad: int


def count_hits(session: Session, domain: str, rule_id: str, *, since: datetime) -> tuple[HitCount, ...]:
    """How often each version of a rule hit from an instant on, by version."""
    is_shadow = RuleHit.stage == "shadow"
    statement = (
        select(RuleHit.version, func.count().filter(~is_shadow), func.count().filter(is_shadow))
        .where(RuleHit.domain == domain, RuleHit.rule_id == rule_id, RuleHit.decided_at >= since)
        .group_by(RuleHit.version)
        .order_by(RuleHit.version)
    )
    return tuple(HitCount(*row) for row in session.execute(statement).tuples())


def newest_hits(session: Session, domain: str, rule_id: str, *, limit: int) -> Sequence[HitSummary]:
    """The decisions that a rule hit last, the newest first."""
    statement = (
        select(
            RuleHit.decision_id, RuleHit.decided_at, RuleHit.version, RuleHit.stage, RuleHit.subject, Decision.entity,
            Decision.outcome, Decision.amount, Decision.rules_hit, Decision.shadow,
        )
        .join(Decision, Decision.decision_id == RuleHit.decision_id)
        .where(RuleHit.domain == domain, RuleHit.rule_id == rule_id)
        .order_by(RuleHit.decided_at.desc(), RuleHit.decision_id.desc(), RuleHit.version.desc(), RuleHit.stage.desc())
        .limit(limit)
    )  # fmt: skip
    return [_summary(row, rule_id) for row in session.execute(statement)]


def _summary(row: Row[Any], rule_id: str) -> HitSummary:
    points, level = _said((*row.rules_hit, *row.shadow.get("rules_hit", ())), rule_id, row.version, row.stage)
    return HitSummary(
        decision_id=row.decision_id,
        decided_at=row.decided_at,
        version=row.version,
        stage=row.stage,
        subject=row.subject,
        entity=row.entity,
        outcome=row.outcome,
        amount=row.amount,
        points=points,
        level=level,
    )


def _said(hits: Sequence[Any], rule_id: str, version: int, stage: str) -> tuple[float | None, str | None]:
    """The points and the level that a decision's record has of a hit; nothing where it does not say."""
    wanted = {"rule": rule_id, "version": version, "stage": stage}
    found = next((hit for hit in hits if isinstance(hit, dict) and hit.items() >= wanted.items()), {})
    return found.get("points"), (found.get("scenario") or {}).get("level")


def count_shadow_hits(session: Session, domain: str, rule_id: str, version: int, *, since: datetime) -> ShadowCount:
    """What a version did in shadow from an instant on; of each hit's subject the latest label holds."""
    newest = (
        select(Label.value)
        .where(Label.domain == domain, Label.subject == RuleHit.subject)
        .order_by(Label.observed_at.desc(), Label.label_id.desc())
        .limit(1)
        .correlate(RuleHit)
        .scalar_subquery()
    )
    hits = (
        select(RuleHit.is_changed, newest.label("is_bad"))
        .where(
            RuleHit.domain == domain,
            RuleHit.rule_id == rule_id,
            RuleHit.decided_at >= since,
            RuleHit.version == version,
            RuleHit.stage == "shadow",
        )
        .subquery()
    )
    statement = select(
        func.count(),
        func.count().filter(hits.c.is_changed),
        func.count(hits.c.is_bad),
        func.count().filter(hits.c.is_bad),
    ).select_from(hits)
    return ShadowCount(*session.execute(statement).tuples().one())
