"""The scoring service reads by signed plans alone: what is declared otherwise, spoilt or gone; in process."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from riskloom.catalog import Domain
from riskloom.features import keep_from_now
from riskloom.features.live import open_state, to_us
from riskloom.registry import ensure_signing_key, load_public_key, read_plan
from riskloom.registry.plans import plan_path, write_plan
from riskloom.windows import load_plan
from riskloom.windows.engine import mark_bootstrapped
from riskloom.windows.kept import GRACE_US
from riskloom.wiring import publish_plans, store_location
from tests.services.conftest import DOMAINS, World, event, in_process, wait_until
from tests.services.test_faults import status_of
from tests.services.test_rules import publish, rule
from tests.services.world import EDGE, FLAGGED, add_champion, plan_of, views_of

#: Longer than the service needs to notice what is on disk.
_PATIENCE = 30


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a store that a busy machine keeps waiting: what is read is tested here, and not how fast."""
    monkeypatch.setattr("services.scoring.features.READ_SECONDS", _PATIENCE)
    monkeypatch.setattr("services.scoring.app.DECIDE_SECONDS", _PATIENCE)


def ask(client: TestClient, world: World, domain: Domain) -> Any:
    """A decision about the entity whose one event the model flags."""
    answer = client.post(f"/v1/domains/{domain.name}/score", json=event(domain, FLAGGED), headers=world.auth())
    assert answer.status_code == 200, answer.text
    return answer.json()


def declare_otherwise(world: World, domain: Domain) -> None:
    """Let each stream know its events an hour longer, which changes the keys of the windows' state and no value."""
    path = world.settings.dbt_manifest
    manifest, before = json.loads(path.read_text()), plan_of(world.settings, domain)
    for node in manifest["nodes"].values():
        stream = (node["config"].get("meta") or {}).get("stream")
        if stream is not None and stream["domain"] == domain.name:
            stream["dedupe"] = "25h"
    path.write_text(json.dumps(manifest))
    assert plan_of(world.settings, domain).fingerprint != before.fingerprint


def fill(world: World, domain: Domain) -> None:
    """Bring no history into the state of the windows that are declared now, which is a history too."""
    state = open_state(store_location(world.settings))
    mark_bootstrapped(plan_of(world.settings, domain), state, to_us(world.now - timedelta(days=1)))
    state.close()


def is_flagged(answer: Mapping[str, Any]) -> bool:
    """Whether the model saw the one event."""
    return bool(answer["score"] > EDGE)


def test_a_plan_says_what_is_declared(world: World) -> None:
    """Of every domain: the views, their order, and windows whose state has the same keys."""
    for domain in DOMAINS.values():
        plan = read_plan(world.settings.registry, domain.name, "1", load_public_key(world.settings.keys))
        declared = {view.name: (view.join_key, dict(view.features)) for view in views_of(world.settings, domain)}
        assert {view.name: (view.join_key, dict(view.features)) for view in plan.reads.views} == declared
        assert plan.reads.windows == load_plan(domain, world.settings.dbt_manifest)
        assert plan.reads.windows.fingerprint == plan_of(world.settings, domain).fingerprint


def test_a_worker_needs_nothing_that_is_declared_to_dbt_or_feast(world: World, domain: Domain) -> None:
    """Without manifest and registry of features it decides, by windows, model and rules."""
    published = publish(world, domain, rule(domain, "points", "score: 30", when="score >= 0"))
    world.settings.dbt_manifest.unlink()
    world.settings.feast_registry.unlink()
    with in_process(world) as client:
        answer = ask(client, world, domain)
        assert (answer["degraded"], is_flagged(answer)) == (False, True)
        assert (answer["rules_version"], len(answer["rules_hit"])) == (published.version, 1)
        assert status_of(client, domain)["state"] == "ready"


def cut(path: Path, world: World) -> None:
    del world
    path.write_bytes(path.read_bytes()[:-200])


def take_away(path: Path, world: World) -> None:
    del world
    path.unlink()


def exchange(path: Path, world: World) -> None:
    """Put the plan of another domain's model in its place."""
    other = next(name for name in DOMAINS if name != path.parent.name)
    shutil.copy(plan_path(world.settings.registry, other, "1"), path)


def lessen(path: Path, world: World) -> None:
    """Sign a plan without the last view."""
    registry, keys = world.settings.registry, world.settings.keys
    plan = read_plan(registry, path.parent.name, path.stem, load_public_key(keys))
    reads = plan.reads.model_copy(update={"views": plan.reads.views[:-1]})
    write_plan(registry, plan.model_copy(update={"reads": reads}), ensure_signing_key(keys))


SPOILT: dict[str, Callable[[Path, World], None]] = {
    "plan_wrong": cut,
    "plan_missing": take_away,
    "features_unknown": lessen,
}


@pytest.mark.parametrize("problem", SPOILT)
def test_a_model_whose_plan_cannot_be_used_is_not_put_in_service(world: World, domain: Domain, problem: str) -> None:
    """There is no model then, and readiness says why without saying where."""
    SPOILT[problem](plan_path(world.settings.registry, domain.name, "1"), world)
    with in_process(world) as client:
        answer = client.post(f"/v1/domains/{domain.name}/score", json=event(domain, FLAGGED), headers=world.auth())
        assert (answer.status_code, answer.json()["code"]) == (503, "model_missing")
        found = client.get("/readyz")
        assert (found.status_code, status_of(client, domain)["problem"]) == (503, problem)
        assert str(world.settings.home) not in found.text


def test_a_new_champion_whose_plan_cannot_be_used_leaves_the_one_before(world: World, domain: Domain) -> None:
    """The old model goes on reading by its own plan; once the new one's is mended, it takes over."""
    with in_process(world) as client:
        record = world.settings.registry / f"{domain.name}.json"
        before = record.read_bytes()
        add_champion(world.settings, domain, views_of(world.settings, domain), now=world.now, seed=1)
        after = record.read_bytes()
        record.write_bytes(before)
        path = plan_path(world.settings.registry, domain.name, "2")
        whole = path.read_bytes()
        exchange(path, world)
        record.write_bytes(after)
        wait_until(lambda: status_of(client, domain)["problem"] == "plan_wrong", seconds=_PATIENCE)
        found = status_of(client, domain)
        assert (found["state"], found["serving"], found["champion"]) == ("degraded", "1", "2")
        answer = ask(client, world, domain)
        assert (answer["model_version"], answer["degraded"], is_flagged(answer)) == ("1", False, True)
        path.write_bytes(whole)
        wait_until(lambda: status_of(client, domain)["state"] == "ready", seconds=_PATIENCE)
        assert ask(client, world, domain)["model_version"] == "2"


def test_windows_declared_otherwise_are_followed_once_they_are_filled(world: World, domain: Domain) -> None:
    """
    Until features are published the model reads as before; then it reads the new state, without an answer in between.

    The new state holds no event of the entity, which shows which of the two is read.
    """
    with in_process(world) as client:
        declare_otherwise(world, domain)
        fill(world, domain)
        assert is_flagged(ask(client, world, domain))
        assert publish_plans(world.settings, domain, now=world.now).written == ("1",)
        answers = [ask(client, world, domain)]
        while is_flagged(answers[-1]) and len(answers) < 10_000:
            answers.append(ask(client, world, domain))
        assert not is_flagged(answers[-1])
        assert {(answer["model_version"], answer["basis"], answer["degraded"]) for answer in answers} == {
            ("1", "expected_cost", False)
        }
        assert status_of(client, domain)["state"] == "ready"


def test_state_that_nobody_keeps_up_is_not_read(world: World, domain: Domain) -> None:
    """A worker whose plan was not renewed gives the safe outcome when the grace is over, and recovers with its plan."""
    with in_process(world) as client:
        assert ask(client, world, domain)["basis"] == "expected_cost"
        declare_otherwise(world, domain)
        fill(world, domain)
        over = world.now - timedelta(microseconds=GRACE_US + 1)
        keep_from_now(domain, store_location(world.settings), now=over)
        wait_until(lambda: not status_of(client, domain)["is_store_reachable"], seconds=_PATIENCE)
        answer = ask(client, world, domain)
        assert (answer["basis"], answer["degraded"]) == ("safe_outcome", True)
        publish_plans(world.settings, domain, now=world.now)
        wait_until(lambda: status_of(client, domain)["state"] == "ready", seconds=_PATIENCE)
        assert ask(client, world, domain)["basis"] == "expected_cost"


def test_a_model_whose_windows_hold_no_history_waits_for_it(world: World, domain: Domain) -> None:
    """It was promoted after windows were declared otherwise and before they were filled: the one before goes on."""
    with in_process(world) as client:
        declare_otherwise(world, domain)
        add_champion(world.settings, domain, views_of(world.settings, domain), now=world.now, seed=1)
        wait_until(lambda: status_of(client, domain)["problem"] == "windows_empty", seconds=_PATIENCE)
        answer = ask(client, world, domain)
        assert (answer["model_version"], answer["degraded"], is_flagged(answer)) == ("1", False, True)
        fill(world, domain)
        wait_until(lambda: status_of(client, domain)["state"] == "ready", seconds=_PATIENCE)
        assert ask(client, world, domain)["model_version"] == "2"


def test_a_model_of_which_a_feature_is_gone_reads_on_for_the_grace_only(world: World, domain: Domain) -> None:
    """Its plan is taken away when features are published; model and rules stay, and the state soon is not read."""
    published = publish(world, domain, rule(domain, "points", "score: 30", when="score >= 0"))
    with in_process(world) as client:
        manifest = json.loads(world.settings.dbt_manifest.read_text())
        view = next(view for view in plan_of(world.settings, domain).views if len(view.windows) > 1)
        node = next(node for node in manifest["nodes"].values() if node["name"] == view.mart)
        taken = view.features[-1].name
        del node["columns"][taken]
        world.settings.dbt_manifest.write_text(json.dumps(manifest))
        declare_otherwise(world, domain)
        fill(world, domain)
        over = world.now - timedelta(microseconds=GRACE_US + 1)
        (line,) = publish_plans(world.settings, domain, now=over).lines()
        assert f"gives {taken} (nearest: " in line
        wait_until(lambda: status_of(client, domain)["problem"] == "plan_missing", seconds=_PATIENCE)
        assert status_of(client, domain)["serving"] == "1"
        wait_until(lambda: not status_of(client, domain)["is_store_reachable"], seconds=_PATIENCE)
        answer = ask(client, world, domain)
        assert (answer["basis"], answer["rules_version"]) == ("safe_outcome", published.version)
