"""Versions of scenarios beside those of rules."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Say of each version what it is; all that there are so far are rules. The way back is a backup."""
    op.add_column("rule_versions", sa.Column("kind", sa.String(), nullable=False, server_default="rule"))
