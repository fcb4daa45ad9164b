"""An empty ledger on each of the databases it runs on, made from one that was migrated once."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from riskloom.ledger.database import open_database, sqlite_url
from riskloom.ledger.migrations import migrate

_TEMPLATE = "ledger_template"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite ledger, to be copied."""
    path = tmp_path_factory.mktemp("ledger") / "template.db"
    engine = open_database(sqlite_url(path))
    migrate(engine)
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """The URL of a server that has a migrated ledger, to be copied."""
    _administer(postgres_server, f"create database {_TEMPLATE}")
    engine = open_database(f"{postgres_server}/{_TEMPLATE}")
    migrate(engine)
    engine.dispose()
    return postgres_server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgres"))])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty ledger of the test's own, on each database."""
    if request.param == "sqlite":
        path = tmp_path / "ledger.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield sqlite_url(path)
        return
    server, name = request.getfixturevalue("postgres_template"), f"ledger_{uuid.uuid4().hex}"
    _administer(server, f"create database {name} template {_TEMPLATE}")
    yield f"{server}/{name}"
    _administer(server, f"drop database {name} with (force)")


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Engine]:
    """The empty ledger, open."""
    engine = open_database(ledger_url)
    yield engine
    engine.dispose()


@pytest.fixture
def sqlite_ledger(sqlite_template: Path, tmp_path: Path) -> Iterator[Engine]:
    """An empty ledger on SQLite."""
    shutil.copy(sqlite_template, tmp_path / "sqlite.db")
    engine = open_database(sqlite_url(tmp_path / "sqlite.db"))
    yield engine
    engine.dispose()


def _administer(server: str, statement: str) -> None:
    engine = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
