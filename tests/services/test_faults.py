"""What the service answers when something it needs is missing, wrong, slow or broken; in process."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from riskloom.access import revoke_key
from riskloom.catalog import Domain
from riskloom.features import ReadPlan
from riskloom.ledger import read_decisions
from riskloom.registry import LoadedModel, ModelStore, rollback
from services.scoring import app, ports
from services.scoring.backend import SignedBackend
from services.scoring.ports import Matrix
from tests.services.conftest import World, event, in_process, real_backend, wait_until
from tests.services.world import CALM, FLAGGED, add_champion, add_key, views_of


class FailingStore(SignedBackend):
    """A back end whose online store can be made to raise or to hang."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.is_down = False
        self.hang = threading.Event()
        self.hang.set()

    def open_store(self, domain: str, plan: ReadPlan) -> Any:
        """The real store behind a switch."""
        backend, store = self, super().open_store(domain, plan)

        class Switched:
            async def connect(self) -> None:
                await store.connect()

            async def decide(self, event: Mapping[str, Any], *, now: datetime) -> ports.OnlineRow:
                await self.answering()
                return await store.decide(event, now=now)

            async def read(self, row: Mapping[str, str | None], *, now: datetime) -> ports.OnlineRow:
                await self.answering()
                return await store.read(row, now=now)

            async def check(self) -> None:
                await self.answering()
                await store.check()

            def close(self) -> None:
                store.close()

            async def answering(self) -> None:
                await asyncio.to_thread(backend.hang.wait, 30)
                if backend.is_down:
                    raise ConnectionError("redis://:a-password@store/0 refused")

        return Switched()


class StrangeModel(SignedBackend):
    """A back end whose models do what the test says when they score a real row."""

    behaviour: str = "nan"

    def load(self, domain: str, version: str) -> LoadedModel:
        """The real model, with one method replaced."""
        model = super().load(domain, version)
        honest = model.predict_one

        def predict(row: Matrix) -> float:
            if self.behaviour == "broken":
                raise ValueError("a library's own error")
            if np.isnan(row).all():
                return honest(row)  # warming up
            if self.behaviour == "raise":
                raise ValueError("could not use tx-12345")
            return math.nan

        def slow(row: Matrix, count: int) -> list[tuple[str, float]]:  # noqa: ARG001 - the model's signature
            time.sleep(1.5)
            return []

        if self.behaviour == "slow":
            model.top_features = slow  # type: ignore[method-assign]
        else:
            model.predict_one = predict  # type: ignore[method-assign]
        return model


def post(client: Any, world: World, domain: Domain, entity: str = CALM) -> Any:
    return client.post(f"/v1/domains/{domain.name}/score", json=event(domain, entity), headers=world.auth())


def status_of(client: Any, domain: Domain) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/readyz").json()["domains"][domain.name]
    return found


def champion_folder(world: World, domain: Domain, version: str) -> Path:
    return ModelStore(world.settings.bentoml_home, world.settings.keys).folder(domain.name, version)


def tamper(folder: Path) -> None:
    """Change one byte of a model's payload."""
    path = folder / "model.txt"
    path.write_bytes(path.read_bytes().replace(b"num_leaves=4", b"num_leaves=3", 1))


def test_store_that_fails_leaves_the_safe_outcome(world: World, domain: Domain) -> None:
    """Without the store no score can be trusted: the declared safe outcome holds, says so, and recovers by itself."""
    backend = real_backend(world, FailingStore)
    assert isinstance(backend, FailingStore)
    with in_process(world, backend=backend) as client:
        assert post(client, world, domain, FLAGGED).json()["basis"] == "expected_cost"
        backend.is_down = True
        answer = post(client, world, domain, FLAGGED).json()
        assert (answer["outcome"], answer["basis"]) == (domain.serving.safe_outcome, "safe_outcome")
        assert answer["degraded"]
        assert answer["reasons"] == []
        assert {freshness["status"] for freshness in answer["features"].values()} == {"missing"}
        wait_until(lambda: not status_of(client, domain)["is_store_reachable"], seconds=10)
        found = client.get("/readyz")
        assert (found.status_code, found.json()["state"]) == (200, "degraded")
        backend.is_down = False
        wait_until(lambda: status_of(client, domain)["state"] == "ready", seconds=10)
        assert post(client, world, domain, FLAGGED).json()["basis"] == "expected_cost"


def test_store_that_hangs_does_not_hold_events_up(world: World, domain: Domain) -> None:
    """A store that does not answer costs one event a quarter of a second, and the ones after it nothing."""
    backend = real_backend(world, FailingStore)
    assert isinstance(backend, FailingStore)
    with in_process(world, backend=backend) as client:
        backend.hang.clear()
        try:
            started = time.perf_counter()
            assert post(client, world, domain).json()["basis"] == "safe_outcome"
            first = time.perf_counter() - started
            started = time.perf_counter()
            for _ in range(10):
                assert post(client, world, domain).json()["basis"] == "safe_outcome"
            assert first < 0.9
            assert time.perf_counter() - started < 0.9
        finally:
            backend.hang.set()
        wait_until(lambda: status_of(client, domain)["state"] == "ready", seconds=10)


def test_store_that_was_never_filled(world: World, domain: Domain) -> None:
    """State that no history was brought into is a store that does not answer, not a service that does not start."""
    for path in world.settings.feast_online.parent.glob("windows.db*"):
        path.unlink()
    with in_process(world) as client:
        assert post(client, world, domain).json()["outcome"] == domain.serving.safe_outcome
        assert status_of(client, domain)["state"] == "degraded"


def test_no_champion_is_a_defined_answer(world: World, domain: Domain) -> None:
    """A domain without a champion cannot be scored, and says so; the service is ready for the others."""
    (world.settings.registry / f"{domain.name}.json").unlink()
    with in_process(world) as client:
        response = post(client, world, domain)
        assert response.status_code == 503
        assert response.json()["code"] == "model_missing"
        assert response.headers["retry-after"] == "1"
        assert status_of(client, domain)["state"] == "no_champion"
        assert client.get("/readyz").status_code == 200


def test_model_with_a_wrong_signature_is_not_loaded(world: World, domain: Domain) -> None:
    """One changed byte and the model is not opened: readiness names the reason and not the path."""
    tamper(champion_folder(world, domain, "1"))
    with in_process(world) as client:
        response = post(client, world, domain)
        assert (response.status_code, response.json()["code"]) == (503, "model_missing")
        ready = client.get("/readyz")
        assert ready.status_code == 503
        found = status_of(client, domain)
        assert (found["state"], found["serving"], found["problem"]) == ("not_ready", None, "signature_wrong")
        assert str(world.settings.home) not in ready.text
        metrics = client.get("/metrics", headers=world.auth("scraper")).text
        assert f'riskloom_model_load_failures_total{{domain="{domain.name}"}} 1.0' in metrics
        assert f'riskloom_model_is_champion{{domain="{domain.name}"}} 0.0' in metrics


def test_new_champion_takes_over_while_running(world: World, domain: Domain) -> None:
    """A promotion and a rollback reach the running service by themselves; no request fails in between."""
    settings = world.settings
    with in_process(world) as client:
        assert post(client, world, domain).json()["model_version"] == "1"
        add_champion(settings, domain, views_of(settings, domain), now=world.now, seed=1)
        seen = set()
        deadline = time.monotonic() + 20
        while "2" not in seen and time.monotonic() < deadline:
            response = post(client, world, domain)
            assert response.status_code == 200
            assert response.json()["basis"] == "expected_cost"
            seen.add(response.json()["model_version"])
        assert seen == {"1", "2"}
        store = ModelStore(settings.bentoml_home, settings.keys)
        rollback(settings.registry, store, domain.name, by="tests", why="to see it return", at=world.now)
        wait_until(lambda: post(client, world, domain).json()["model_version"] == "1", seconds=10)


def test_champion_that_does_not_load_keeps_the_one_before(world: World, domain: Domain) -> None:
    """A broken successor changes nothing but what readiness and metrics say."""
    settings = world.settings
    with in_process(world) as client:
        # Broken after the promotion looked at it, and before the service does.
        record = settings.registry / f"{domain.name}.json"
        before = record.read_bytes()
        add_champion(settings, domain, views_of(settings, domain), now=world.now, seed=1)
        after = record.read_bytes()
        record.write_bytes(before)
        tamper(champion_folder(world, domain, "2"))
        record.write_bytes(after)
        wait_until(lambda: status_of(client, domain)["problem"] == "signature_wrong", seconds=10)
        found = status_of(client, domain)
        assert (found["state"], found["serving"], found["champion"]) == ("degraded", "1", "2")
        assert client.get("/readyz").status_code == 200
        assert post(client, world, domain).json()["model_version"] == "1"


def test_record_that_is_no_record_keeps_the_champion(world: World, domain: Domain) -> None:
    """A record that cannot be read is told, and the model in service stays."""
    with in_process(world) as client:
        (world.settings.registry / f"{domain.name}.json").write_text('{"domain": ')
        wait_until(lambda: status_of(client, domain)["problem"] == "record_unreadable", seconds=10)
        assert post(client, world, domain).json()["model_version"] == "1"


def test_model_that_wants_unknown_features_is_refused(world: World, domain: Domain) -> None:
    """A model trained on a feature that no view gives any more would be scored on nothing: it is not put in service."""
    add_champion(world.settings, domain, views_of(world.settings, domain), now=world.now, gone=("given_last_year",))
    with in_process(world) as client:
        assert post(client, world, domain).json()["code"] == "model_missing"
        assert status_of(client, domain)["problem"] == "features_unknown"


def test_decision_that_cannot_be_kept_is_not_answered(world: World, domain: Domain) -> None:
    """Without a place to write the decision down there is no decision."""
    world.settings.decisions.mkdir(parents=True)
    (world.settings.decisions / domain.name).write_text("a file where the folder should be")
    with in_process(world) as client:
        response = post(client, world, domain)
        assert (response.status_code, response.json()["code"]) == (503, "decision_not_recorded")
        assert "outcome" not in response.text


def test_score_that_is_no_number_is_the_safe_outcome(world: World, domain: Domain) -> None:
    """A model that gives no number decides nothing: the safe outcome holds, and the ledger keeps that."""
    with in_process(world, backend=real_backend(world, StrangeModel)) as client:
        answer = post(client, world, domain, FLAGGED).json()
        assert (answer["score"], answer["outcome"], answer["basis"]) == (
            None,
            domain.serving.safe_outcome,
            "safe_outcome",
        )
        (kept,) = read_decisions(world.settings.decisions, domain.name)
        assert kept["score"] is None


def test_model_that_cannot_score_is_not_put_in_service(
    world: World, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model is tried on one row before it serves: what its library raises is found then, and not by an event."""
    monkeypatch.setattr(StrangeModel, "behaviour", "broken")
    with in_process(world, backend=real_backend(world, StrangeModel)) as client:
        assert post(client, world, domain).json()["code"] == "model_missing"
        assert status_of(client, domain)["problem"] == "load_failed"


def test_our_own_mistake_is_answered_without_its_words(
    world: World, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unexpected error has the same format and an id to find it by; what it says stays inside."""
    monkeypatch.setattr(StrangeModel, "behaviour", "raise")
    with in_process(world, backend=real_backend(world, StrangeModel)) as client:
        response = post(client, world, domain)
        assert (response.status_code, response.json()["code"]) == (500, "internal")
        assert "tx-12345" not in response.text
        assert response.headers["x-request-id"]
        assert list(read_decisions(world.settings.decisions, domain.name)) == []


def test_decision_that_takes_too_long_is_none(world: World, domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time limit the caller has an answer, and the ledger has no decision nobody was told of."""
    monkeypatch.setattr(StrangeModel, "behaviour", "slow")
    monkeypatch.setattr(app, "DECIDE_SECONDS", 0.1)  # less than reasons may take
    with in_process(world, backend=real_backend(world, StrangeModel)) as client:
        response = post(client, world, domain, FLAGGED)
        assert (response.status_code, response.json()["code"]) == (504, "timeout")
        time.sleep(1)
        assert list(read_decisions(world.settings.decisions, domain.name)) == []


def test_keys_are_made_and_revoked_while_running(world: World, domain: Domain) -> None:
    """A new key opens and a revoked one closes within moments, without a restart."""
    url = f"/v1/domains/{domain.name}/score"
    path = world.settings.api_keys
    with in_process(world) as client:
        token = add_key(path, "new", "score:*", now=world.now)
        headers = {"X-API-Key": token}
        wait_until(lambda: client.post(url, json={}, headers=headers).status_code == 422, seconds=5)
        revoke_key(path, "new")
        wait_until(lambda: client.post(url, json={}, headers=headers).status_code == 401, seconds=5)
        assert client.post(url, json={}, headers=world.auth()).status_code == 422


def test_key_file_that_others_may_read_opens_nothing(world: World, domain: Domain) -> None:
    """Keys that may be known to others are not trusted: nobody is admitted, and readiness says why."""
    world.settings.api_keys.chmod(0o644)
    with in_process(world) as client:
        assert post(client, world, domain).status_code == 401
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["keys_trusted"]) == (503, False)
        world.settings.api_keys.chmod(0o600)
        wait_until(lambda: post(client, world, domain).status_code == 200, seconds=5)
