"""The ledger's database: its tables are the declared ones, and its connections behave the same everywhere."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, func, insert, inspect, literal, select, text, update
from sqlalchemy.exc import IntegrityError, StatementError

from riskloom.errors import ConfigError, LedgerError
from riskloom.ledger.database import open_database, reading, sqlite_url, writing
from riskloom.ledger.migrations import check_migrated, migrate
from riskloom.ledger.schema import Base, Lease, Money
from tests.ledger.examples import NOW, case_row


def test_migrations_make_the_declared_tables(ledger: Engine) -> None:
    """What the migrations make is what the classes declare: tables, columns, types, indexes and constraints."""
    with ledger.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        found = inspect(connection)
        for name, table in Base.metadata.tables.items():
            expected = {index.name: [column.name for column in index.columns] for index in table.indexes}
            assert {
                index["name"]: index["column_names"] for index in found.get_indexes(name)
            }.items() >= expected.items()
            checks = {constraint["name"] for constraint in found.get_check_constraints(name)}
            assert checks == {one.name for one in table.constraints if type(one).__name__ == "CheckConstraint"}


def test_migrating_again_changes_nothing(ledger: Engine) -> None:
    """The command may run before every start."""
    assert migrate(ledger) == migrate(ledger)
    check_migrated(ledger)


def test_two_may_migrate_at_once(tmp_path: Path) -> None:
    """Of two processes that start together one migrates, the other waits and finds it done."""
    engines = [open_database(sqlite_url(tmp_path / "ledger.db")) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(migrate, engines))) == 1
    check_migrated(engines[0])


def test_who_opens_a_new_ledger_waits_for_who_was_first(tmp_path: Path) -> None:
    """SQLite does not wait where it switches a file to WAL while somebody writes: it refuses at once."""
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as first:
        first.execute("BEGIN IMMEDIATE")
        end = threading.Timer(0.5, lambda: first.execute("ROLLBACK"))
        end.start()
        with open_database(sqlite_url(path)).connect() as connection:
            assert connection.execute(text("pragma journal_mode")).scalar() == "wal"
        end.join()


def test_a_ledger_without_tables_says_what_to_run(tmp_path: Path) -> None:
    """Nobody meets a missing table in the middle of a query."""
    with pytest.raises(LedgerError, match="found none; run `riskloom ledger migrate`"):
        check_migrated(open_database(sqlite_url(tmp_path / "ledger.db")))


def test_tables_of_a_later_release_are_left_alone(ledger: Engine) -> None:
    """An old program does not touch what a newer one made."""
    with writing(ledger) as session:
        session.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(LedgerError, match="revision 9999, which is of a later release"):
        migrate(ledger)


def test_a_failed_migration_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All revisions are one transaction: half of the tables is no state."""
    engine = open_database(sqlite_url(tmp_path / "ledger.db"))
    monkeypatch.setattr("alembic.op.create_index", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        migrate(engine)
    assert inspect(engine).get_table_names() == []


def test_only_the_owner_can_read_the_file(tmp_path: Path) -> None:
    """It holds amounts, identifiers and notes."""
    engine = open_database(sqlite_url(tmp_path / "new" / "ledger.db"))
    migrate(engine)
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "new").iterdir()} == {0o600}


def test_sqlite_connections_are_set_up(tmp_path: Path) -> None:
    """Each new connection has the pragmas on which the rest relies."""
    engine = open_database(sqlite_url(tmp_path / "ledger.db"))
    wanted = {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "busy_timeout": 30_000}
    with engine.connect() as connection:
        assert {name: connection.execute(text(f"PRAGMA {name}")).scalar() for name in wanted} == wanted


@pytest.mark.parametrize("url", ["sqlite://", "mysql://host/name", "no url", "sqlite:///"])
def test_other_databases_are_refused(url: str) -> None:
    """A ledger in memory, on an unknown server or nowhere is a mistake of the setting."""
    with pytest.raises(ConfigError, match="ledger_url: expected sqlite:///PATH or postgresql://"):
        open_database(url)


def test_refusal_shows_no_password() -> None:
    """What is refused may hold one."""
    with pytest.raises(ConfigError) as refusal:
        open_database("mysql://user:s3cret@host/name")
    assert "s3cret" not in str(refusal.value)


def test_a_block_that_raises_leaves_nothing(ledger: Engine) -> None:
    """A transaction is whole or not there."""

    def write_and_fail() -> None:
        with writing(ledger) as session:
            session.add(Lease(name="job", holder="me", expires_at=NOW))
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    with reading(ledger) as session:
        assert session.get(Lease, "job") is None


def test_writers_do_not_lose_each_other_s_changes(ledger: Engine) -> None:
    """Many that read a number and write the next one: every step counts."""
    with writing(ledger) as session:
        session.add(Lease(name="0", holder="nobody", expires_at=NOW))

    def step(_: int) -> None:
        with writing(ledger) as session:
            lease = session.scalars(select(Lease).with_for_update()).one()
            after = lease.expires_at + timedelta(seconds=1)
            session.execute(update(Lease).values(expires_at=after))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(step, range(40)))
    with reading(ledger) as session:
        assert session.scalars(select(Lease.expires_at)).one() == NOW + timedelta(seconds=40)


def test_a_reader_sees_one_state(ledger: Engine) -> None:
    """Two statements of a reader agree, whatever is written between them."""
    with reading(ledger) as session:
        assert session.scalar(select(func.count()).select_from(Lease)) == 0
        with writing(ledger) as other:
            other.add(Lease(name="job", holder="me", expires_at=NOW))
        assert session.scalar(select(func.count()).select_from(Lease)) == 0
    with reading(ledger) as session:
        assert session.scalar(select(func.count()).select_from(Lease)) == 1


def test_an_engine_survives_a_fork(ledger: Engine) -> None:
    """Parent and child both go on, each on connections of its own."""
    with writing(ledger) as session:
        session.add(Lease(name="parent", holder="me", expires_at=NOW))
    child = os.fork()
    if child == 0:
        try:
            with writing(ledger) as session:
                session.add(Lease(name="child", holder="me", expires_at=NOW))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    with reading(ledger) as session:
        assert set(session.scalars(select(Lease.name))) == {"parent", "child"}


def test_times_come_back_in_utc_to_the_microsecond(ledger: Engine) -> None:
    """A time of another zone is the same instant; one without a zone is refused."""
    instant = datetime(2026, 3, 1, 12, 0, 0, 123_457, tzinfo=timezone(timedelta(hours=2)))
    with writing(ledger) as session:
        session.add(Lease(name="job", holder="me", expires_at=instant))
    with reading(ledger) as session:
        found = session.scalars(select(Lease.expires_at)).one()
    assert found == instant
    assert found.tzinfo is UTC
    with pytest.raises(StatementError, match="expected one with a time zone"), writing(ledger) as session:
        session.execute(update(Lease).values(expires_at=datetime(2026, 3, 1)))  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize("text_", ["0", "-12.34", "99999999999.9999", "0.0001"])
def test_money_is_exact(ledger: Engine, text_: str) -> None:
    """An amount comes back to the last digit."""
    with ledger.connect() as connection:
        assert connection.scalar(select(literal(Decimal(text_), Money))) == Decimal(text_)


@pytest.mark.parametrize("text_", ["0.00001", "NaN", "1e15"])
def test_money_that_would_be_rounded_is_refused(text_: str) -> None:
    """Rounding is the caller's decision."""
    with pytest.raises(LedgerError, match="amount: expected"):
        Money().process_bind_param(Decimal(text_), None)  # type: ignore[arg-type]


def test_one_open_case_for_an_entity(ledger: Engine) -> None:
    """The database itself refuses a second one, and takes it once the first is closed."""
    table = Base.metadata.tables["cases"]
    with writing(ledger) as session:
        session.execute(insert(table), [case_row("c-1"), case_row("c-2", entity="somebody else")])
    with pytest.raises(IntegrityError), writing(ledger) as session:
        session.execute(insert(table), [case_row("c-3")])
    with writing(ledger) as session:
        closed = {"state": "closed", "closed_at": NOW}
        session.execute(update(table).where(table.c.case_id == "c-1").values(closed))
        session.execute(insert(table), [case_row("c-3")])
