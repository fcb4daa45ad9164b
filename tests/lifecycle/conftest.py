"""An office on each of the databases that a ledger runs on."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.ledger.conftest import ledger, ledger_url, postgres_template, sqlite_ledger, sqlite_template
from tests.lifecycle.world import Office

__all__ = ["ledger", "ledger_url", "postgres_template", "sqlite_ledger", "sqlite_template"]


@pytest.fixture
def office(ledger: Engine, tmp_path: Path) -> Office:
    """An office with nothing written yet."""
    return Office.over(ledger, tmp_path)
