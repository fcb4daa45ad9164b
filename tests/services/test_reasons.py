"""Reasons have a budget: a flood of flagged events is answered in time, some of them without."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

from riskloom.catalog import Domain
from riskloom.registry import LoadedModel
from services.scoring.backend import SignedBackend
from services.scoring.reasons import ReasonsDesk
from tests.services.conftest import World, event, in_process, real_backend
from tests.services.world import CALM, FLAGGED

_LONG = 30.0


@pytest.fixture
def open_gate() -> Iterator[threading.Event]:
    """What work waits for; open once the test is over, so that no thread is left."""
    gate = threading.Event()
    yield gate
    gate.set()


def test_work_is_done_in_turn() -> None:
    """Each has its own result, and one is done after the other."""
    order = []

    async def all_of_them() -> list[int | None]:
        desk = ReasonsDesk("lab", seconds=_LONG)

        def work(number: int) -> int:
            order.append(number)
            return number

        try:
            return await asyncio.gather(*(desk.compute(partial(work, n)) for n in range(8)))
        finally:
            desk.close()

    assert asyncio.run(all_of_them()) == order == list(range(8))


def test_who_finds_too_many_waiting_goes_without(open_gate: threading.Event) -> None:
    """At once; those who wait are done when it is their turn, and then there is room again."""

    async def flood() -> tuple[list[Any], Any, Any]:
        desk = ReasonsDesk("lab", seconds=_LONG, most=3)
        waiting = [asyncio.create_task(desk.compute(open_gate.wait)) for _ in range(3)]
        await asyncio.sleep(0)
        refused = await desk.compute(lambda: "done")
        open_gate.set()
        done = await asyncio.gather(*waiting)
        later = await desk.compute(lambda: "done")
        desk.close()
        return done, refused, later

    assert asyncio.run(flood()) == ([True] * 3, None, "done")


def test_who_waits_too_long_goes_without(open_gate: threading.Event) -> None:
    """What was given up before its turn is never begun."""
    begun = []

    async def late() -> list[Any]:
        desk = ReasonsDesk("lab", seconds=0.05)
        found = await asyncio.gather(desk.compute(open_gate.wait), desk.compute(lambda: begun.append(1)))
        assert desk.waiting == 0
        open_gate.set()
        later = await desk.compute(lambda: "done")
        desk.close()
        return [*found, later]

    assert asyncio.run(late()) == [None, None, "done"]
    assert begun == []


class SlowToExplain(SignedBackend):
    """A back end whose models score at once and explain when they may."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.gate = threading.Event()

    def load(self, domain: str, version: str) -> LoadedModel:
        """The real model, with one method that waits."""
        model = super().load(domain, version)
        honest = model.top_features

        def top_features(row: Any, count: int) -> list[tuple[str, float]]:
            if not np.isnan(row).all():  # that is the champion's warming up
                self.gate.wait(_LONG)
            return honest(row, count)

        model.top_features = top_features  # type: ignore[method-assign]
        return model


def test_a_decision_does_not_wait_for_its_reasons_forever(world: World, domain: Domain) -> None:
    """It says that it lacks them, with the outcome it has anyway; who needs no reasons waits for nobody."""
    backend = real_backend(world, SlowToExplain)
    assert isinstance(backend, SlowToExplain)
    url = f"/v1/domains/{domain.name}/score"
    with in_process(world, backend=backend) as client:
        flagged = client.post(url, json=event(domain, FLAGGED), headers=world.auth()).json()
        calm = client.post(url, json=event(domain, CALM), headers=world.auth()).json()
        metrics = client.get("/metrics", headers=world.auth("scraper")).text
        backend.gate.set()
        again = client.post(url, json=event(domain, FLAGGED), headers=world.auth()).json()
    assert (flagged["reasons"], flagged["reasons_left_out"]) == ([], True)
    assert (calm["reasons"], calm["reasons_left_out"]) == ([], False)
    assert again["reasons"]
    assert (again["outcome"], again["reasons_left_out"]) == (flagged["outcome"], False)
    assert f'riskloom_scoring_reasons_left_out_total{{domain="{domain.name}"}} 1.0' in metrics
