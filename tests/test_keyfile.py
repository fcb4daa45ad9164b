"""Keys are made once, for their owner only."""

from __future__ import annotations

from pathlib import Path

import pytest

from riskloom.errors import ConfigError
from riskloom.keyfile import ensure_key


def test_a_key_is_made_once(tmp_path: Path) -> None:
    """The second reader gets what the first one made, and nobody else may read it."""
    path = tmp_path / "keys" / "draw.key"
    key = ensure_key(path, purpose="the draw")
    assert ensure_key(path, purpose="the draw") == key
    assert (len(key), path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (32, 0o600, 0o700)
    assert [file.name for file in path.parent.iterdir()] == ["draw.key"]


def test_a_key_that_is_none_is_refused(tmp_path: Path) -> None:
    """One that others may read, or that is too short to be one."""
    path = tmp_path / "draw.key"
    path.write_bytes(b"." * 31)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="expected permissions 600, found 644: others may read the key of the draw"):
        ensure_key(path, purpose="the draw")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="expected a key of 32 bytes or more, found 31"):
        ensure_key(path, purpose="the draw")
