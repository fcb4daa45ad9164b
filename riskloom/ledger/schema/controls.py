"""What steers decisions: lists, rules and their stages, approvals."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from riskloom.ledger.schema.base import Base
from riskloom.ledger.schema.cases import one_of

ListKind = Literal["block", "allow", "watch"]
RuleKind = Literal["rule", "scenario"]
RuleStage = Literal["draft", "shadow", "rollout", "live", "retired"]


class EntityList(Base):
    """A named list of entities that are treated specially, and who answers for it."""

    __tablename__ = "lists"

    domain: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[ListKind] = mapped_column(String)
    owner: Mapped[str]
    reason: Mapped[str]
    created_at: Mapped[datetime]

    __table_args__ = (one_of("kind", ListKind),)


class ListEntry(Base):
    """One value on a list, until it is removed or expires; what identifies a person is a pseudonym."""

    __tablename__ = "list_entries"

    entry_id: Mapped[str] = mapped_column(primary_key=True)
    domain: Mapped[str]
    list_name: Mapped[str]
    value: Mapped[str]
    reason: Mapped[str]
    added_by: Mapped[str]
    added_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    removed_by: Mapped[str | None]
    removed_at: Mapped[datetime | None]

    __table_args__ = (
        ForeignKeyConstraint(["domain", "list_name"], ["lists.domain", "lists.name"]),
        CheckConstraint("(removed_by is null) = (removed_at is null)", name="removed"),
        Index(
            "uq_list_entries_present",
            "domain",
            "list_name",
            "value",
            unique=True,
            sqlite_where=text("removed_at is null"),
            postgresql_where=text("removed_at is null"),
        ),
    )


class RuleVersion(Base):
    """A rule or a scenario as it was written at one time; its text never changes. The two share one space of names."""

    __tablename__ = "rule_versions"

    domain: Mapped[str] = mapped_column(primary_key=True)
    rule_id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[RuleKind] = mapped_column(String, server_default="rule")
    source: Mapped[str]
    digest: Mapped[str]
    written_by: Mapped[str]
    written_at: Mapped[datetime]


class RuleStageChange(Base):
    """
    A version of a rule moved to another stage; the latest change of a version says where it is.

    ``step`` counts what was done to the rule: one command may move several versions, in one step. ``undoes`` is the
    step that a rollback took back.
    """

    __tablename__ = "rule_stage_changes"

    domain: Mapped[str] = mapped_column(primary_key=True)
    rule_id: Mapped[str] = mapped_column(primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    stage: Mapped[RuleStage] = mapped_column(String)
    rollout_percent: Mapped[int | None]
    changed_by: Mapped[str]
    changed_at: Mapped[datetime]
    reason: Mapped[str]
    undoes: Mapped[int | None]

    __table_args__ = (
        ForeignKeyConstraint(
            ["domain", "rule_id", "version"],
            ["rule_versions.domain", "rule_versions.rule_id", "rule_versions.version"],
        ),
        one_of("stage", RuleStage),
        CheckConstraint("(rollout_percent is not null) = (stage = 'rollout')", name="rollout"),
        CheckConstraint("rollout_percent between 1 and 99", name="percent"),
    )


class RuleBacktest(Base):
    """What a version of a rule would have done to a history; ``report`` is what a page shows."""

    __tablename__ = "rule_backtests"

    backtest_id: Mapped[str] = mapped_column(primary_key=True)
    domain: Mapped[str]
    rule_id: Mapped[str]
    version: Mapped[int]
    ran_by: Mapped[str]
    ran_at: Mapped[datetime]
    report: Mapped[dict[str, Any]]

    __table_args__ = (
        ForeignKeyConstraint(
            ["domain", "rule_id", "version"],
            ["rule_versions.domain", "rule_versions.rule_id", "rule_versions.version"],
        ),
        Index(None, "domain", "rule_id", "version", "ran_at"),
    )


class Approval(Base):
    """A second person's yes or no to what a first one wants; nobody approves their own wish."""

    __tablename__ = "approvals"

    approval_id: Mapped[str] = mapped_column(primary_key=True)
    object_kind: Mapped[str]
    object_id: Mapped[str]
    action: Mapped[str]
    requested_by: Mapped[str]
    requested_at: Mapped[datetime]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    is_approved: Mapped[bool | None]
    reason: Mapped[str]

    __table_args__ = (
        CheckConstraint("decided_by <> requested_by", name="four_eyes"),
        CheckConstraint(
            "(decided_by is null) = (decided_at is null) and (decided_by is null) = (is_approved is null)",
            name="decided",
        ),
        Index(None, "object_kind", "object_id", "requested_at"),
    )


class RuleProposal(Base):
    """
    What an approval of a rule's move is about; worth nothing once the rule has moved on from ``seen_step``.

    ``evidence`` is what speaks for it, ``answer`` what the second person wrote.
    """

    __tablename__ = "rule_proposals"

    approval_id: Mapped[str] = mapped_column(ForeignKey("approvals.approval_id"), primary_key=True)
    domain: Mapped[str]
    rule_id: Mapped[str]
    version: Mapped[int]
    stage: Mapped[RuleStage] = mapped_column(String)
    rollout_percent: Mapped[int | None]
    seen_step: Mapped[int]
    evidence: Mapped[dict[str, Any]]
    answer: Mapped[str | None]

    __table_args__ = (
        ForeignKeyConstraint(
            ["domain", "rule_id", "version"],
            ["rule_versions.domain", "rule_versions.rule_id", "rule_versions.version"],
        ),
        one_of("stage", RuleStage),
        Index(None, "domain", "rule_id"),
    )
