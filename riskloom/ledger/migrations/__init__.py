"""Bring a ledger's tables to what this release expects."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from riskloom.errors import LedgerError
from riskloom.ledger.database import is_postgresql, writing

_ADVISORY_LOCK = 7_105_117_101  # any number; the same for all who migrate a ledger


def migrate(engine: Engine) -> str:
    """
    Apply what is missing, in one transaction; who comes at the same time waits and finds it done.

    Returns:
        The revision the ledger is at now.

    Raises:
        LedgerError: The ledger was made by a later release.
    """
    with writing(engine) as session:
        connection = session.connection()
        if is_postgresql(connection):
            connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
        config = _config(connection)
        _refuse_later_release(connection, config)
        command.upgrade(config, "head")
        return _present(connection) or ""


def has_tables(engine: Engine) -> bool:
    """Whether there is a ledger at all, of whatever release."""
    with engine.connect() as connection:
        return _present(connection) is not None


def check_migrated(engine: Engine) -> None:
    """
    See that the tables are this release's.

    Raises:
        LedgerError: They are not there, older or newer; says what to run.
    """
    with engine.connect() as connection:
        present, expected = _present(connection), _scripts(_config(connection)).get_current_head()
    if present != expected:
        raise LedgerError(
            f"ledger: expected tables at revision {expected}, found {present or 'none'}; run `riskloom ledger migrate`"
        )


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _scripts(config: Config) -> ScriptDirectory:
    return ScriptDirectory.from_config(config)


def _present(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _refuse_later_release(connection: Connection, config: Config) -> None:
    present = _present(connection)
    known = {script.revision for script in _scripts(config).walk_revisions()}
    if present is not None and present not in known:
        raise LedgerError(f"ledger: its tables are at revision {present}, which is of a later release than this one")
