"""What the tests of all domains share."""

from __future__ import annotations

from pathlib import Path

import pytest

from riskloom.settings import PROJECT_ROOT


@pytest.fixture
def _at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder in which a reader of the documentation would run its commands, with an empty home."""
    monkeypatch.setenv("RISKLOOM_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "riskloom").symlink_to(PROJECT_ROOT / "riskloom")
