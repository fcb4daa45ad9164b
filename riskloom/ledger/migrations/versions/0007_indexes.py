"""Indexes for the queue of a state, and one from which a domain's open work is summed without reading its cases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_IS_OPEN = sa.text("closed_at is null")


def upgrade() -> None:
    """Make the indexes; the way back is a backup."""
    op.drop_index("ix_cases_queue", "cases")
    for name, columns in (
        ("ix_cases_queue", ["domain", "priority", "case_id", "closed_at"]),
        ("ix_cases_state", ["domain", "state", "priority", "case_id"]),
        ("ix_cases_state_due", ["domain", "state", "sla_due_at", "case_id"]),
    ):
        op.create_index(name, "cases", columns, sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN)
