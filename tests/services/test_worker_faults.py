"""A worker is killed under load: with a second service behind a balancer, callers do not notice."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from riskloom.catalog import Domain
from riskloom.ledger import TornLine, read_decisions
from riskloom.settings import Settings
from tests.conftest import free_port
from tests.services.conftest import Server, World, is_ready, serving, wait_until
from tests.services.troubles import Callers, relaying

pytestmark = pytest.mark.slow


@pytest.fixture
def pair(built_world: World, tmp_path: Path) -> Iterator[list[Server]]:
    """Two services over one home, as ``riskloom serve`` starts each."""
    shutil.copytree(built_world.settings.home, tmp_path / "home")
    program = str(Path(sys.executable).with_name("riskloom"))
    with ExitStack() as stack:
        servers = []
        for port in (free_port(), free_port()):
            world = World(Settings(home=tmp_path / "home"), built_world.keys, built_world.now)
            command = [program, "serve", "--port", str(port)]
            servers.append(stack.enter_context(serving(world, command=command, cwd=tmp_path, port=port)))
        yield servers


def test_a_worker_killed_under_load(pair: list[Server], domain: Domain) -> None:
    """
    Less than one call in a hundred fails, as the client tries again and the balancer goes to whoever is there.

    The killed worker comes back by itself, and every decision that somebody was told of is kept once.
    """
    killed, other = pair
    ports = [int(server.url.rsplit(":", 1)[1]) for server in pair]
    with relaying(*ports) as balancer:
        url = f"http://127.0.0.1:{balancer.port}"
        with Callers(url, killed.world, domain, count=8) as callers:
            wait_until(lambda: len(callers.tally.decisions) > 40)
            (worker,) = psutil.Process(killed.process.pid).children()
            os.kill(worker.pid, signal.SIGKILL)
            since = len(callers.tally.decisions)
            wait_until(lambda: len(callers.tally.decisions) > since + 400)
            wait_until(lambda: is_ready(killed.url), seconds=180)
    tally = callers.tally
    assert len(tally.errors) < tally.calls / 100, tally.errors[:3]
    assert is_ready(other.url)
    torn: list[TornLine] = []
    kept = [
        row["decision_id"] for row in read_decisions(killed.world.settings.decisions, domain.name, on_torn=torn.append)
    ]
    assert {decision.decision_id for decision in tally.decisions.values()} <= set(kept)
    assert len(kept) == len(set(kept))
    assert not torn
