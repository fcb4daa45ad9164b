"""A filled ledger, made once and copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from riskloom.features import dbt
from riskloom.ledger.database import open_database, sqlite_url
from riskloom.ledger.migrations import migrate
from riskloom.settings import Settings
from riskloom.wiring import dbt_project
from tests.console.world import World, fill, world_over


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a filled ledger and its audit anchor."""
    folder = tmp_path_factory.mktemp("console")
    engine = open_database(sqlite_url(folder / "ledger.db"))
    migrate(engine)
    fill(engine, folder)
    engine.dispose()
    return folder


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What dbt makes of the project, without any data."""
    return dbt.parse(dbt_project(Settings(home=tmp_path_factory.mktemp("parsed"))))


@pytest.fixture
def ruled(world: World, manifest: Path) -> World:
    """A console that knows what rules may speak of."""
    (world.home / "dbt").mkdir()
    shutil.copy(manifest, world.home / "dbt" / "manifest.json")
    return world


@pytest.fixture
def world(filled: Path, tmp_path: Path) -> Iterator[World]:
    """A console over a ledger of the test's own."""
    shutil.copytree(filled, tmp_path / "home")
    engine = open_database(sqlite_url(tmp_path / "home" / "ledger.db"))
    yield world_over(engine, tmp_path / "home")
    engine.dispose()
