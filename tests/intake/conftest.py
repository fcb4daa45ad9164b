"""Worlds for the tests of pushed events."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.intake.world import World, world_at


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.needs("redis-server"))])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """A world whose windows hold an empty history: over SQLite, then over a real Redis."""
    online: Path | str = tmp_path / "online.db"
    if request.param == "redis":
        import redis  # noqa: PLC0415

        online = request.getfixturevalue("redis_server")
        redis.Redis.from_url(str(online)).flushdb()
    found = world_at(tmp_path, online)
    found.begin()
    return found
