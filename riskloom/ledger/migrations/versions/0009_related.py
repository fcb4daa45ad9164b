"""Which entities were seen with which values: a device, an address."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; it fills with the decisions that are shipped from now on. The way back is a backup."""
    op.create_table(
        "entity_values",
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("decisions", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("domain", "name", "value", "entity", name=op.f("pk_entity_values")),
        sqlite_with_rowid=False,
    )
