"""What was decided, how often, and which decisions somebody should look at."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from riskloom.ledger.schema.base import Base


class Decision(Base):
    """
    One answer of the scoring service, whole: from it the decision can be computed again.

    ``entity`` is whom the subject belongs to (a card, an account), ``features`` the row that the model saw,
    ``freshness`` how old its values were, ``shadow`` what rules and models that do not decide yet would have said.
    """

    __tablename__ = "decisions"

    decision_id: Mapped[str] = mapped_column(primary_key=True)
    domain: Mapped[str]
    subject: Mapped[str]
    event_id: Mapped[str]
    entity: Mapped[str | None]
    decided_at: Mapped[datetime]
    effective_at: Mapped[datetime | None]
    amount: Mapped[Decimal | None]
    score: Mapped[float | None]
    outcome: Mapped[str]
    basis: Mapped[str]
    model_version: Mapped[str]
    rules_version: Mapped[str | None]
    policy_version: Mapped[str | None]
    is_degraded: Mapped[bool]
    is_exploration: Mapped[bool]
    latency_us: Mapped[int | None]
    rules_hit: Mapped[list[Any]]
    reasons: Mapped[list[Any]]
    choice: Mapped[dict[str, Any]]
    features: Mapped[dict[str, Any]]
    freshness: Mapped[dict[str, Any]]
    shadow: Mapped[dict[str, Any]]
    event: Mapped[dict[str, Any]]

    __table_args__ = (
        Index(None, "domain", "decided_at", "decision_id"),
        Index(None, "domain", "outcome", "decided_at", "decision_id"),
        Index(None, "domain", "subject", "decided_at", "decision_id"),
        Index(None, "domain", "entity", "decided_at", "decision_id"),
    )


class DecisionCount(Base):
    """How many decisions of a day (UTC) had an outcome; counted in the transaction that brings the decisions."""

    __tablename__ = "decision_counts"

    domain: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[str] = mapped_column(primary_key=True)
    outcome: Mapped[str] = mapped_column(primary_key=True)
    decisions: Mapped[int]


class EntityValue(Base):
    """
    That an entity was seen with a value of a column by which subjects belong together, in how many decisions.

    Counted in the transaction that brings the decisions; read by value, which finds whoever shares it.
    """

    __tablename__ = "entity_values"

    domain: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(primary_key=True)
    decisions: Mapped[int]

    __table_args__ = ({"sqlite_with_rowid": False},)


class RuleHit(Base):
    """
    A version of a rule hit a decision; kept in the transaction that brings the decision.

    ``stage`` is that for the decision's subject: where a roll-out does not reach, its version was in shadow.
    ``is_changed`` says of a hit in shadow that the rules in shadow would have led to another outcome.
    """

    __tablename__ = "rule_hits"

    domain: Mapped[str] = mapped_column(primary_key=True)
    rule_id: Mapped[str] = mapped_column(primary_key=True)
    decided_at: Mapped[datetime] = mapped_column(primary_key=True)
    decision_id: Mapped[str] = mapped_column(ForeignKey("decisions.decision_id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    stage: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str]
    is_changed: Mapped[bool]


class ShadowScore(Base):
    """
    What a model in shadow said of a decision, ``would_be`` being the outcome it would have had.

    It comes by an outbox of its own, before or after the decision itself, so it repeats what it is compared with:
    ``model_version`` decided, with ``score``; ``outcome`` is the policy's, before any release at random.
    """

    __tablename__ = "shadow_scores"

    domain: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)
    decided_at: Mapped[datetime] = mapped_column(primary_key=True)
    decision_id: Mapped[str] = mapped_column(primary_key=True)
    model_version: Mapped[str]
    score: Mapped[float]
    shadow_score: Mapped[float | None]
    outcome: Mapped[str]
    would_be: Mapped[str]


class Alert(Base):
    """
    Something a person should look at; without a case until one is opened for its entity.

    ``expected_loss`` is what is lost on average where nobody looks: probability times amount at stake.
    """

    __tablename__ = "alerts"

    alert_id: Mapped[str] = mapped_column(primary_key=True)
    domain: Mapped[str]
    kind: Mapped[str]
    decision_id: Mapped[str | None] = mapped_column(ForeignKey("decisions.decision_id"))
    subject: Mapped[str]
    entity: Mapped[str]
    raised_at: Mapped[datetime]
    expected_loss: Mapped[Decimal]
    case_id: Mapped[str | None] = mapped_column(ForeignKey("cases.case_id"))

    __table_args__ = (
        Index(None, "decision_id"),
        Index(None, "case_id", "raised_at"),
        Index(
            "ix_alerts_waiting",
            "domain",
            "raised_at",
            "alert_id",
            sqlite_where=text("case_id is null"),
            postgresql_where=text("case_id is null"),
        ),
    )
