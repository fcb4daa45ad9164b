"""What Alembic runs: the migrations, on the connection and in the transaction that ``migrate`` opened."""

from __future__ import annotations

from alembic import context

from riskloom.ledger.schema import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=True,
    transaction_per_migration=False,
)
context.run_migrations()
