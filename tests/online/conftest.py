"""Stores that are empty, a mart, and a store with the mart's view."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.online.marts import FEATURES, ROWS, VIEW, publish
from tests.online.stores import BULK, Online, online_store, view

STORES = ["sqlite", pytest.param("redis", marks=pytest.mark.needs("redis-server"))]


@pytest.fixture(params=STORES)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """A kind of store, and where one is."""
    if request.param == "redis":
        return "redis", request.getfixturevalue("redis_server")
    return "sqlite", str(tmp_path / "online.db")


@pytest.fixture
def online(address: tuple[str, str], tmp_path: Path) -> Online:
    """A feature store as Feast makes it."""
    return online_store(*address, tmp_path / "feasts")


@pytest.fixture
def bulk(address: tuple[str, str], tmp_path: Path) -> Online:
    """A feature store whose materialisation is the bulk writer."""
    return online_store(*address, tmp_path / "bulk", engine=BULK)


@pytest.fixture
def mart(tmp_path: Path) -> Path:
    """The mart's file, with a few rows."""
    path = tmp_path / "mart.parquet"
    publish(path, ROWS)
    return path


@pytest.fixture
def applied(bulk: Online, mart: Path) -> Online:
    """A store with the mart's view, whose materialisation is the bulk writer."""
    bulk.store.apply(view(VIEW, FEATURES, mart))
    return bulk
