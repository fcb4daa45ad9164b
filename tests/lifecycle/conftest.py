"""An office on each of the databases that a ledger runs on."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.lifecycle.world import Office


@pytest.fixture
def office(ledger: Engine, tmp_path: Path) -> Office:
    """An office with nothing written yet."""
    return Office.over(ledger, tmp_path)
