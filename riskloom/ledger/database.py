"""
Open the ledger's database: SQLite in a file, or PostgreSQL by its URL; the same tables and the same behaviour.

A transaction either only reads or says at its start that it will write. On SQLite a writer takes the write lock with
its ``BEGIN``: two that read first and then both want to write would otherwise block each other for good.
"""

from __future__ import annotations

import os
import sqlite3
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DisconnectionError, NoSuchModuleError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from riskloom.errors import ConfigError

_PRIVATE_FOLDER = 0o700
_PRIVATE_FILE = 0o600
_WRITES = "riskloom_writes"
_INODE = "riskloom_inode"
_POSTGRESQL = "postgresql"
_BUSY_SECONDS, _BEFORE_ANOTHER = 30.0, 0.02
#: For each new SQLite connection, once it is in WAL mode, which lets readers read while one writes. NORMAL is safe with
#: it: a power cut may take the last commits back, which the outbox then ships again, but never breaks the file.
_PRAGMAS = (
    f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000:.0f}",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -65536",  # KiB
)


def sqlite_url(path: Path) -> str:
    """The URL of a ledger in a file."""
    return URL.create("sqlite", database=str(path)).render_as_string()


def open_database(url: str) -> Engine:
    """
    Open a ledger; nothing is connected before the first use.

    The engine may be carried over a ``fork``: the child opens connections of its own.

    Args:
        url: ``sqlite:///PATH``, whose file is made readable by its owner only, or ``postgresql://USER:PASSWORD@HOST/NAME``.

    Raises:
        ConfigError: The URL is neither, or the driver for PostgreSQL is not installed. The message holds no password.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError("ledger_url: expected sqlite:///PATH or postgresql://…, found no URL") from error
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        engine = _open_sqlite(parsed, Path(parsed.database))
    elif parsed.get_backend_name() == _POSTGRESQL:
        engine = _open_postgresql(parsed)
    else:
        raise ConfigError(f"ledger_url: expected sqlite:///PATH or postgresql://…, found {parsed.drivername}")
    _forget_connections_after_fork(engine)
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A session that sees one state of the database and changes nothing."""
    # SQLite's readers see one state anyway.
    one_state = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == _POSTGRESQL else {}
    with Session(engine.execution_options(**one_state), autoflush=False) as session:
        yield session


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """A transaction that writes: committed at the end of the block, taken back where it raises; rows stay readable."""
    engine = engine.execution_options(**{_WRITES: True})
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


def is_postgresql(session: Session | Connection) -> bool:
    """Whether the database is PostgreSQL."""
    connection = session.connection() if isinstance(session, Session) else session
    return connection.dialect.name == _POSTGRESQL


def _open_sqlite(url: URL, path: Path) -> Engine:
    path.parent.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
    if not path.exists():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, _PRIVATE_FILE))
    # Not made anew by a connection: where the file is gone, that is an error and no empty ledger.
    existing = url.set(database=f"file:{quote(str(path))}", query={"mode": "rw", "uri": "true"})
    engine = create_engine(existing, connect_args={"timeout": _BUSY_SECONDS})
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "connect", partial(_note_file, path))
    event.listen(engine, "checkout", partial(_check_file, path))
    event.listen(engine, "begin", _begin)
    return engine


def _open_postgresql(url: URL) -> Engine:
    try:
        return create_engine(url, pool_pre_ping=True)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigError(
            f"ledger_url: {url.drivername} needs a driver that is not installed; install riskloom[postgres]"
        ) from error


def _set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
    # SQLAlchemy's way to take transactions into its own hands: the driver's own BEGIN comes too late.
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(pragma)
    _switch_to_wal(connection)


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Of several that switch a new file at once all but one are refused, and at once, whatever the busy timeout."""
    until = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_BEFORE_ANOTHER)
        else:
            return


def _note_file(path: Path, _connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
    record.info[_INODE] = path.stat().st_ino


def _check_file(path: Path, _connection: object, record: ConnectionPoolEntry, _proxy: object) -> None:
    """A file that was moved away or replaced goes on taking rows that nobody will ever read: connect anew."""
    if not path.exists() or path.stat().st_ino != record.info[_INODE]:
        raise DisconnectionError(f"{path} is not the file that was opened")


def _begin(connection: Connection) -> None:
    options: dict[str, Any] = dict(connection.get_execution_options())
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(_WRITES) else "BEGIN")


def _forget_connections_after_fork(engine: Engine) -> None:
    """A child must neither use nor close its parent's connections."""
    reference = weakref.ref(engine)

    def forget() -> None:
        inherited = reference()
        if inherited is not None:
            inherited.dispose(close=False)

    os.register_at_fork(after_in_child=forget)
