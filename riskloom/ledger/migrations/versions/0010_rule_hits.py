"""Which decisions a rule hit, by rule and time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_KEY = ("domain", "rule_id", "decided_at", "decision_id", "version", "stage")


def upgrade() -> None:
    """Make the table; decisions that are kept already were made before any rule decided. The way back is a backup."""
    op.create_table(
        "rule_hits",
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("rule_id", sa.String(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=False),
        sa.Column("decision_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("is_changed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.decision_id"], name=op.f("fk_rule_hits_decision_id")),
        sa.PrimaryKeyConstraint(*_KEY, name=op.f("pk_rule_hits")),
    )
