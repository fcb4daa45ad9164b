"""Stores that the window tests run on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numba
import pytest

from riskloom.windows import WindowPlan, fold, kernel
from riskloom.windows.redis_store import RedisStateStore
from riskloom.windows.sqlite_store import SqliteStateStore
from riskloom.windows.store import StateStore
from tests.windows.streams import proof_plan

_DATABASES = 16  # that Redis has by default

#: Opens a store that holds nothing; opened again with the same number it is the same store.
OpenStore = Callable[[int], StateStore]

#: Puts the kernel in place with one piece of its text exchanged for another, as plain Python.
MutateKernel = Callable[[str, str], None]


@pytest.fixture(scope="session")
def plan(tmp_path_factory: pytest.TempPathFactory) -> WindowPlan:
    """The plan with every aggregate."""
    return proof_plan(tmp_path_factory.mktemp("plan"))


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.needs("redis-server"))])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenStore]:
    """Each store in turn."""
    if request.param == "sqlite":
        yield lambda number: SqliteStateStore(tmp_path / f"state-{number}.db")
        return
    import redis  # noqa: PLC0415

    url: str = request.getfixturevalue("redis_server").removesuffix("/0")
    used: set[int] = set()

    def opened(number: int) -> StateStore:
        address = f"{url}/{number % _DATABASES}"
        if number not in used:
            redis.Redis.from_url(address).flushdb()
        used.add(number)
        return RedisStateStore(address)

    yield opened


def fold_often(monkeypatch: pytest.MonkeyPatch, *, after: int = 3, left: int = 1) -> None:
    """Fold after few records, and put aside nearly all that waits; neither may be seen in any value."""
    for name, value in {"DUE_AFTER": after, "LEFT": left, "MOST_CARRIED": 1, "NEAR": 1, "PARCEL": 2}.items():
        monkeypatch.setattr(fold, name, value)


@pytest.fixture
def mutated_kernel(monkeypatch: pytest.MonkeyPatch) -> MutateKernel:
    """A kernel with a mistake."""

    def mutate(right: str, wrong: str) -> None:
        source = Path(str(kernel.__file__)).read_text()
        assert source.count(right) == 1
        module = ModuleType("mutated_kernel")
        monkeypatch.setattr(numba, "njit", lambda **_: lambda function: function)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(compile(source.replace(right, wrong), module.__name__, "exec"), module.__dict__)  # noqa: S102 - our own
        monkeypatch.setattr(kernel, "compute", module.compute)

    return mutate
