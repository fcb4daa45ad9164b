"""Alerts, cases with all that belongs to them, and labels."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; the way back is a backup."""
    op.create_table(
        "cases",
        sa.Column("case_id", sa.String(), nullable=False),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("priority", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("sla_due_at", sa.BigInteger(), nullable=False),
        sa.Column("assignee", sa.String(), nullable=True),
        sa.Column("claimed_at", sa.BigInteger(), nullable=True),
        sa.Column("snoozed_until", sa.BigInteger(), nullable=True),
        sa.Column("merged_into", sa.String(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("verdict", sa.Boolean(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("(closed_at is null) = (state not in ('closed', 'merged'))", name=op.f("ck_cases_closed")),
        sa.CheckConstraint("(merged_into is not null) = (state = 'merged')", name=op.f("ck_cases_merged")),
        sa.CheckConstraint(
            "state in ('open', 'claimed', 'snoozed', 'escalated', 'closed', 'merged')", name=op.f("ck_cases_state")
        ),
        sa.CheckConstraint("(assignee is null) = (claimed_at is null)", name=op.f("ck_cases_assignee")),
        sa.ForeignKeyConstraint(["merged_into"], ["cases.case_id"], name=op.f("fk_cases_merged_into")),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_cases")),
    )
    op.create_index(
        "ix_cases_assignee",
        "cases",
        ["assignee", "sla_due_at", "case_id"],
        sqlite_where=sa.text("closed_at is null"),
        postgresql_where=sa.text("closed_at is null"),
    )
    op.create_index(op.f("ix_cases_domain_entity_opened_at"), "cases", ["domain", "entity", "opened_at"])
    op.create_index(
        "ix_cases_due",
        "cases",
        ["domain", "sla_due_at", "case_id"],
        sqlite_where=sa.text("closed_at is null"),
        postgresql_where=sa.text("closed_at is null"),
    )
    op.create_index(
        "ix_cases_queue",
        "cases",
        ["domain", "priority", "case_id"],
        sqlite_where=sa.text("closed_at is null"),
        postgresql_where=sa.text("closed_at is null"),
    )
    op.create_index(
        "uq_cases_open_entity",
        "cases",
        ["domain", "entity"],
        unique=True,
        sqlite_where=sa.text("closed_at is null"),
        postgresql_where=sa.text("closed_at is null"),
    )
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.String(), nullable=False),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("decision_id", sa.String(), nullable=True),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("raised_at", sa.BigInteger(), nullable=False),
        sa.Column("expected_loss", sa.BigInteger(), nullable=False),
        sa.Column("case_id", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("fk_alerts_case_id")),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.decision_id"], name=op.f("fk_alerts_decision_id")),
        sa.PrimaryKeyConstraint("alert_id", name=op.f("pk_alerts")),
    )
    op.create_index(op.f("ix_alerts_case_id_raised_at"), "alerts", ["case_id", "raised_at"])
    op.create_index(op.f("ix_alerts_decision_id"), "alerts", ["decision_id"])
    op.create_index(
        "ix_alerts_waiting",
        "alerts",
        ["domain", "raised_at", "alert_id"],
        sqlite_where=sa.text("case_id is null"),
        postgresql_where=sa.text("case_id is null"),
    )
    op.create_table(
        "case_events",
        sa.Column("case_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("fk_case_events_case_id")),
        sa.PrimaryKeyConstraint("case_id", "version", name=op.f("pk_case_events")),
    )
    op.create_table(
        "case_links",
        sa.Column("case_id", sa.String(), nullable=False),
        sa.Column("other_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("linked_by", sa.String(), nullable=False),
        sa.Column("linked_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind in ('related', 'duplicate', 'same_ring')", name=op.f("ck_case_links_kind")),
        sa.CheckConstraint("case_id < other_id", name=op.f("ck_case_links_once")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("fk_case_links_case_id")),
        sa.ForeignKeyConstraint(["other_id"], ["cases.case_id"], name=op.f("fk_case_links_other_id")),
        sa.PrimaryKeyConstraint("case_id", "other_id", name=op.f("pk_case_links")),
    )
    op.create_index(op.f("ix_case_links_other_id"), "case_links", ["other_id"])
    op.create_table(
        "labels",
        sa.Column("label_id", sa.String(), nullable=False),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("value", sa.Boolean(), nullable=False),
        sa.Column("provenance", sa.String(), nullable=False),
        sa.Column("stated_by", sa.String(), nullable=False),
        sa.Column("case_id", sa.String(), nullable=True),
        sa.Column("effective_at", sa.BigInteger(), nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("matured_at", sa.BigInteger(), nullable=True),
        sa.Column("withdraws", sa.String(), nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.CheckConstraint("provenance in ('case', 'process', 'import')", name=op.f("ck_labels_provenance")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("fk_labels_case_id")),
        sa.ForeignKeyConstraint(["withdraws"], ["labels.label_id"], name=op.f("fk_labels_withdraws")),
        sa.PrimaryKeyConstraint("label_id", name=op.f("pk_labels")),
        sa.UniqueConstraint("withdraws", name=op.f("uq_labels_withdraws")),
    )
    op.create_index(op.f("ix_labels_case_id"), "labels", ["case_id"])
    op.create_index(op.f("ix_labels_domain_observed_at_label_id"), "labels", ["domain", "observed_at", "label_id"])
    op.create_index(
        op.f("ix_labels_domain_subject_observed_at_label_id"),
        "labels",
        ["domain", "subject", "observed_at", "label_id"],
    )
    op.create_table(
        "notes",
        sa.Column("note_id", sa.String(), nullable=False),
        sa.Column("case_id", sa.String(), nullable=False),
        sa.Column("written_at", sa.BigInteger(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("fk_notes_case_id")),
        sa.PrimaryKeyConstraint("note_id", name=op.f("pk_notes")),
    )
    op.create_index(op.f("ix_notes_case_id_written_at"), "notes", ["case_id", "written_at"])
