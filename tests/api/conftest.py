"""The API over an empty ledger that was filled a little, on each of the databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.api.world import World, world_over


@pytest.fixture
def world(ledger: Engine, tmp_path: Path) -> World:
    """The API on each database."""
    return world_over(ledger, tmp_path / "home")


@pytest.fixture
def quick_world(sqlite_ledger: Engine, tmp_path: Path) -> World:
    """The API on SQLite, for what no database has a say in."""
    return world_over(sqlite_ledger, tmp_path / "home")
