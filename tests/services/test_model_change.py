"""Models change while requests come: none is lost, and none is scored half by each."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from riskloom.catalog import Domain
from riskloom.features import PlanCompiler, ReadPlan
from riskloom.ledger import read_decisions
from riskloom.registry import LoadedModel, ModelStore, load_model, promote, rollback
from riskloom.wiring import store_location
from services.scoring import features as scoring_features
from services.scoring import ports
from services.scoring.app import Direct
from services.scoring.backend import SignedBackend
from services.scoring.features import GuardedFeatures
from services.scoring.schema import read_event, request_reader
from tests.conftest import free_port
from tests.services.conftest import World, event, in_process, real_backend, wait_until
from tests.services.world import CALM, FLAGGED, add_champion, views_of

CALLERS = 4
ENOUGH = 40


class Callers:
    """Threads that score events one after the other until they are told to stop."""

    def __init__(self, url: str, world: World, domain: Domain) -> None:
        self.answers: list[httpx.Response] = []
        self.failures: list[Exception] = []
        self._url, self._world, self._domain = url, world, domain
        self._numbers = itertools.count()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(CALLERS)]

    @contextmanager
    def calling(self) -> Iterator[None]:
        """While the block runs."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(30)

    def wait_for(self, version: str) -> None:
        """Until so many answers have come from a version since now."""
        start = len(self.answers)

        def count() -> int:
            return sum(answer.json().get("model_version") == version for answer in self.answers[start:])

        wait_until(lambda: bool(self.failures) or count() >= ENOUGH, seconds=60)

    def _call(self) -> None:
        try:
            with httpx.Client(headers=self._world.auth(), timeout=30) as client:
                while not self._stop.is_set():
                    number = next(self._numbers)
                    sent = event(self._domain, (CALM, FLAGGED)[number % 2])
                    sent[self._domain.subject.key] = f"subject-{number}"
                    self.answers.append(client.post(self._url, json=sent))
        except httpx.HTTPError as error:
            self.failures.append(error)


def row_of(kept: Mapping[str, Any], model: LoadedModel) -> NDArray[np.float64]:
    """The row that a decision's record says the model saw."""
    values = (kept["features"][name] for name in model.manifest.feature_names)
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def test_no_request_is_lost_or_scored_half_by_each(world: World, domain: Domain) -> None:
    """Under load, through promotions and rollbacks: each answer is 200, its score that of the model it names."""
    settings, direct = world.settings, Direct("127.0.0.1", free_port())
    store = ModelStore(settings.bentoml_home, settings.keys)
    callers = Callers(f"http://127.0.0.1:{direct.port}/v1/domains/{domain.name}/score", world, domain)
    said: dict[str, Any] = {"by": "tests", "why": "to change it under load", "at": world.now}
    views = views_of(settings, domain)
    steps: list[Callable[[], object]] = [
        lambda: add_champion(settings, domain, views, now=world.now, seed=1),
        lambda: add_champion(settings, domain, views, now=world.now, seed=2),
        lambda: rollback(settings.registry, store, domain.name, **said),
        lambda: rollback(settings.registry, store, domain.name, **said),
        lambda: promote(
            settings.registry, store, domain.name, "3", compile_plan=PlanCompiler(store_location(settings)), **said
        ),
    ]
    with in_process(world, direct=direct), callers.calling():
        callers.wait_for("1")
        for step, version in zip(steps, ("2", "3", "2", "1", "3"), strict=True):
            step()
            callers.wait_for(version)
    assert callers.failures == []
    assert {answer.status_code for answer in callers.answers} == {200}
    models = {version: load_model(store, domain.name, version) for version in ("1", "2", "3")}
    kept = {row["decision_id"]: row for row in read_decisions(settings.decisions, domain.name)}
    assert len(kept) == len(callers.answers)
    for answer in map(httpx.Response.json, callers.answers):
        model = models[answer["model_version"]]
        record = kept[answer["decision_id"]]
        assert record["model_version"] == answer["model_version"]
        assert answer["score"] == record["score"] == model.predict_one(row_of(record, model))
    one = next(iter(kept.values()))
    assert len({model.predict_one(row_of(one, model)) for model in models.values()}) == 3


class Watched(SignedBackend):
    """A back end that tells whether the models it gave are still there."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.models: dict[tuple[str, str], weakref.ref[LoadedModel]] = {}

    def load(self, domain: str, version: str) -> LoadedModel:
        """The real model."""
        model = super().load(domain, version)
        self.models[domain, version] = weakref.ref(model)
        return model


def test_a_champion_is_warm_before_it_serves_and_gone_after(
    world: World, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first explanation was made before its first decision; the one before it takes no memory any more."""
    backend, explained, honest = real_backend(world, Watched), set[str](), LoadedModel.top_features
    assert isinstance(backend, Watched)

    def explain(model: LoadedModel, row: NDArray[np.float64], count: int) -> list[tuple[str, float]]:
        explained.add(model.version)
        return honest(model, row, count)

    monkeypatch.setattr(LoadedModel, "top_features", explain)
    with in_process(world, backend=backend) as client:
        assert backend.models[domain.name, "1"]() is not None
        add_champion(world.settings, domain, views_of(world.settings, domain), now=world.now, seed=1)
        url, sent = f"/v1/domains/{domain.name}/score", event(domain, CALM)
        wait_until(lambda: client.post(url, json=sent, headers=world.auth()).json()["model_version"] == "2")
        assert "2" in explained
        wait_until(lambda: backend.models[domain.name, "1"]() is None, seconds=10)


class Gated(SignedBackend):
    """A back end whose first store holds decisions up until its gate opens."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.gate, self.asked = asyncio.Event(), asyncio.Event()
        self.closed: list[int] = []
        self._opened = itertools.count(1)

    def open_store(self, domain: str, plan: ReadPlan) -> Any:
        """The real store behind a gate."""
        backend, store, number = self, super().open_store(domain, plan), next(self._opened)

        class Held:
            async def connect(self) -> None:
                await store.connect()

            async def decide(self, event: Mapping[str, Any], *, now: datetime) -> ports.OnlineRow:
                if number == 1:
                    backend.asked.set()
                    await backend.gate.wait()
                return await store.decide(event, now=now)

            async def read(self, row: Mapping[str, str | None], *, now: datetime) -> ports.OnlineRow:
                return await store.read(row, now=now)

            async def check(self) -> None:
                await store.check()

            def close(self) -> None:
                backend.closed.append(number)
                store.close()

        return Held()


def test_a_store_is_kept_for_who_asks_it_while_it_is_replaced(
    world: World, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A champion that reads by another plan opens the store anew: who waits on the old one still gets its values."""
    monkeypatch.setattr(scoring_features, "READ_SECONDS", 60.0)

    async def replace_while_asked() -> None:
        backend = real_backend(world, Gated)
        assert isinstance(backend, Gated)
        features = GuardedFeatures(domain, backend, clock=lambda: world.now)
        plan = backend.plan(domain.name, "1")
        await features.read_by(plan)
        body = json.dumps(event(domain, CALM))
        sent = read_event(request_reader(domain), json.loads(body, parse_float=Decimal))
        sent |= domain.event_table.joined_values(sent)
        waiting = asyncio.create_task(features.decide(sent, plan.reads.views, now=world.now))
        await backend.asked.wait()
        other = plan.reads.model_copy(update={"project": "another"})
        await features.read_by(plan.model_copy(update={"reads": other}))
        assert backend.closed == []
        backend.gate.set()
        reading = await waiting
        assert reading.is_reachable
        assert reading.values
        assert backend.closed == [1]
        features.close()
        assert backend.closed == [1, 2]

    asyncio.run(replace_while_asked())
