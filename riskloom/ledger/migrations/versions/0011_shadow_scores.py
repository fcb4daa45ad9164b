"""What models in shadow said of decisions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; it fills with what is shipped from now on. The way back is a backup."""
    op.create_table(
        "shadow_scores",
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=False),
        sa.Column("decision_id", sa.String(), nullable=False),
        sa.Column("model_version", sa.String(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("shadow_score", sa.Float(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("would_be", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("domain", "version", "decided_at", "decision_id", name=op.f("pk_shadow_scores")),
    )
