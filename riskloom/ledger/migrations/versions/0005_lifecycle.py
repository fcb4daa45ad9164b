"""Steps of rules, what approvals of rules are about, and back-tests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_VERSION = ["domain", "rule_id", "version"]
_VERSIONS = [f"rule_versions.{name}" for name in _VERSION]
_STAGES = "stage in ('draft', 'shadow', 'rollout', 'live', 'retired')"


def upgrade() -> None:
    """Make the tables; that of stage changes anew, as nothing has ever written to it. The way back is a backup."""
    op.drop_table("rule_stage_changes")
    op.create_table(
        "rule_stage_changes",
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("rule_id", sa.String(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("rollout_percent", sa.Integer(), nullable=True),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("undoes", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "(rollout_percent is not null) = (stage = 'rollout')", name=op.f("ck_rule_stage_changes_rollout")
        ),
        sa.CheckConstraint(_STAGES, name=op.f("ck_rule_stage_changes_stage")),
        sa.CheckConstraint("rollout_percent between 1 and 99", name=op.f("ck_rule_stage_changes_percent")),
        sa.ForeignKeyConstraint(_VERSION, _VERSIONS, name=op.f("fk_rule_stage_changes_domain_rule_id_version")),
        sa.PrimaryKeyConstraint("domain", "rule_id", "step", "version", name=op.f("pk_rule_stage_changes")),
    )
    op.create_table(
        "rule_backtests",
        sa.Column("backtest_id", sa.String(), nullable=False),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("rule_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("ran_by", sa.String(), nullable=False),
        sa.Column("ran_at", sa.BigInteger(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(_VERSION, _VERSIONS, name=op.f("fk_rule_backtests_domain_rule_id_version")),
        sa.PrimaryKeyConstraint("backtest_id", name=op.f("pk_rule_backtests")),
    )
    op.create_index(op.f("ix_rule_backtests_domain_rule_id_version_ran_at"), "rule_backtests", [*_VERSION, "ran_at"])
    op.create_table(
        "rule_proposals",
        sa.Column("approval_id", sa.String(), nullable=False),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("rule_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("rollout_percent", sa.Integer(), nullable=True),
        sa.Column("seen_step", sa.Integer(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("answer", sa.String(), nullable=True),
        sa.CheckConstraint(_STAGES, name=op.f("ck_rule_proposals_stage")),
        sa.ForeignKeyConstraint(["approval_id"], ["approvals.approval_id"], name=op.f("fk_rule_proposals_approval_id")),
        sa.ForeignKeyConstraint(_VERSION, _VERSIONS, name=op.f("fk_rule_proposals_domain_rule_id_version")),
        sa.PrimaryKeyConstraint("approval_id", name=op.f("pk_rule_proposals")),
    )
    op.create_index(op.f("ix_rule_proposals_domain_rule_id"), "rule_proposals", ["domain", "rule_id"])
