"""Lists, rules with their stages, and approvals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; the way back is a backup."""
    op.create_table(
        "approvals",
        sa.Column("approval_id", sa.String(), nullable=False),
        sa.Column("object_kind", sa.String(), nullable=False),
        sa.Column("object_id", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("is_approved", sa.Boolean(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.CheckConstraint(
            "(decided_by is null) = (decided_at is null) and (decided_by is null) = (is_approved is null)",
            name=op.f("ck_approvals_decided"),
        ),
        sa.CheckConstraint("decided_by <> requested_by", name=op.f("ck_approvals_four_eyes")),
        sa.PrimaryKeyConstraint("approval_id", name=op.f("pk_approvals")),
    )
    op.create_index(
        op.f("ix_approvals_object_kind_object_id_requested_at"),
        "approvals",
        ["object_kind", "object_id", "requested_at"],
    )
    op.create_table(
        "lists",
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind in ('block', 'allow', 'watch')", name=op.f("ck_lists_kind")),
        sa.PrimaryKeyConstraint("domain", "name", name=op.f("pk_lists")),
    )
    op.create_table(
        "rule_versions",
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("rule_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("written_by", sa.String(), nullable=False),
        sa.Column("written_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("domain", "rule_id", "version", name=op.f("pk_rule_versions")),
    )
    op.create_table(
        "list_entries",
        sa.Column("entry_id", sa.String(), nullable=False),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("list_name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("added_by", sa.String(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("removed_by", sa.String(), nullable=True),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("(removed_by is null) = (removed_at is null)", name=op.f("ck_list_entries_removed")),
        sa.ForeignKeyConstraint(
            ["domain", "list_name"], ["lists.domain", "lists.name"], name=op.f("fk_list_entries_domain_list_name")
        ),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_list_entries")),
    )
    op.create_index(
        "uq_list_entries_present",
        "list_entries",
        ["domain", "list_name", "value"],
        unique=True,
        sqlite_where=sa.text("removed_at is null"),
        postgresql_where=sa.text("removed_at is null"),
    )
    op.create_table(
        "rule_stage_changes",
        sa.Column("change_id", sa.String(), nullable=False),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("rule_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("rollout_percent", sa.Integer(), nullable=True),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.CheckConstraint(
            "(rollout_percent is not null) = (stage = 'rollout')", name=op.f("ck_rule_stage_changes_rollout")
        ),
        sa.CheckConstraint(
            "stage in ('draft', 'shadow', 'rollout', 'live', 'retired')", name=op.f("ck_rule_stage_changes_stage")
        ),
        sa.CheckConstraint("rollout_percent between 1 and 99", name=op.f("ck_rule_stage_changes_percent")),
        sa.ForeignKeyConstraint(
            ["domain", "rule_id", "version"],
            ["rule_versions.domain", "rule_versions.rule_id", "rule_versions.version"],
            name=op.f("fk_rule_stage_changes_domain_rule_id_version"),
        ),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_rule_stage_changes")),
    )
    op.create_index(
        op.f("ix_rule_stage_changes_domain_rule_id_version_changed_at"),
        "rule_stage_changes",
        ["domain", "rule_id", "version", "changed_at"],
    )
