"""A model in shadow scores what was decided: nobody waits for it, it decides nothing, and all of it is written down."""

from __future__ import annotations

import json
import math
import threading
from typing import Any

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from riskloom.catalog import Domain
from riskloom.cli import build_app
from riskloom.ledger import read_decisions
from riskloom.policy import CostPolicy
from riskloom.registry import LoadedModel, load_model
from riskloom.registry.beside import end_shadow, start_shadow
from services.scoring import shadowing
from services.scoring.backend import SignedBackend
from services.scoring.ports import Matrix
from tests.services.conftest import World, event, in_process, real_backend, wait_until
from tests.services.test_canary import Registry
from tests.services.test_faults import champion_folder, status_of, tamper
from tests.services.test_model_change import row_of
from tests.services.test_scoring import scrape
from tests.services.world import CALM, FLAGGED


@pytest.fixture
def registry(world: World, domain: Domain) -> Registry:
    """A champion, and another version in its shadow."""
    found = Registry(world, domain)
    found.add(seed=1)
    start_shadow(found.records, found.store, domain.name, "2", **found.said)
    return found


def decide(client: TestClient, world: World, domain: Domain, count: int) -> list[dict[str, Any]]:
    """Answers to events, each of a subject of its own; a store that is too slow leaves one out."""
    answers = []
    for number in range(count):
        sent = event(domain, (CALM, FLAGGED)[number % 2])
        sent[domain.subject.key] = f"subject-{number}"
        answer = client.post(f"/v1/domains/{domain.name}/score", json=sent, headers=world.auth())
        assert answer.status_code == 200, answer.text
        answers.append(answer.json())
    return [answer for answer in answers if answer["basis"] != "safe_outcome"]


def counted(client: TestClient, world: World, domain: Domain, status: str) -> float:
    """How many decisions became this."""
    name = f'riskloom_shadow_decisions_total{{domain="{domain.name}",status="{status}"}}'
    return scrape(client, world).get(name, 0.0)


def test_it_scores_the_row_that_was_decided_on(
    world: World, domain: Domain, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its score is the model's own for the row that was logged, its outcome the policy's; the ledger compares."""
    with in_process(world) as client:
        answers = decide(client, world, domain, 8)
        assert {answer["model_version"] for answer in answers} == {"1"}
        assert status_of(client, domain)["shadow"] == "2"
        wait_until(lambda: counted(client, world, domain, "scored") >= len(answers), seconds=20)
    model, policy = load_model(registry.store, domain.name, "2"), CostPolicy(domain)
    decided = {row["decision_id"]: row for row in read_decisions(world.settings.decisions, domain.name)}
    lines = list(read_decisions(world.settings.shadows, domain.name))
    assert [line["decision_id"] for line in lines] == [answer["decision_id"] for answer in answers]
    for line, answer in zip(lines, answers, strict=True):
        score = model.predict_one(row_of(decided[line["decision_id"]], model))
        amount = decided[line["decision_id"]]["amount"]
        would_be = policy.choose(score, math.nan if amount is None else float(amount)).outcome
        assert (line["version"], line["model_version"]) == ("2", "1")
        assert (line["score"], line["shadow_score"]) == (answer["score"], score)
        assert (line["outcome"], line["would_be"]) == (answer["outcome"], would_be)
    monkeypatch.setenv("RISKLOOM_HOME", str(world.settings.home))
    runner, app = CliRunner(), build_app()
    for arguments in (["ledger", "migrate"], ["ledger", "ship"]):
        assert runner.invoke(app, arguments, catch_exceptions=False).exit_code == 0
    told = runner.invoke(app, ["shadow", "report", domain.name, "--json"], catch_exceptions=False)
    report = json.loads(told.output)
    assert (report["version"], report["decisions"], report["unscored"]) == ("2", len(lines), 0)
    assert report["changed"] == sum(line["outcome"] != line["would_be"] for line in lines)
    distances = [abs(line["shadow_score"] - line["score"]) for line in lines]
    assert report["mean_distance"] == pytest.approx(sum(distances) / len(distances))
    assert f"version 2 scored {len(lines)} decisions" in runner.invoke(app, ["shadow", "report", domain.name]).output


class Obstinate(SignedBackend):
    """A back end whose second version does what the test says when it scores rows."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.may_score = threading.Event()
        self.is_broken = False

    def load(self, domain: str, version: str) -> LoadedModel:
        """The real model; the second version may wait, or fail."""
        model = super().load(domain, version)

        def predict(matrix: Matrix) -> Matrix:
            self.may_score.wait(60)
            if self.is_broken:
                raise ValueError("a library's own error")
            return type(model).predict(model, matrix)

        if version == "2":
            model.predict = predict  # type: ignore[method-assign]
        return model


@pytest.mark.usefixtures("registry")
def test_what_it_cannot_keep_up_with_is_counted(world: World, domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it hangs every event is decided; the queue has an end, and what found it full stays unscored."""
    monkeypatch.setattr(shadowing, "MOST", 3)
    monkeypatch.setattr(shadowing, "BATCH", 1)
    backend = real_backend(world, Obstinate)
    assert isinstance(backend, Obstinate)
    with in_process(world, backend=backend) as client:
        answers = decide(client, world, domain, 12)
        dropped = counted(client, world, domain, "dropped")
        assert len(answers) - 5 <= dropped <= len(answers) - 3
        backend.may_score.set()
        wait_until(lambda: counted(client, world, domain, "scored") + dropped == len(answers), seconds=20)
    assert len(list(read_decisions(world.settings.shadows, domain.name))) == len(answers) - dropped


@pytest.mark.usefixtures("registry")
def test_what_its_library_raises_is_nobody_s_business(world: World, domain: Domain) -> None:
    """It is counted and logged, and goes on with what comes next."""
    backend = real_backend(world, Obstinate)
    assert isinstance(backend, Obstinate)
    backend.may_score.set()
    backend.is_broken = True
    with in_process(world, backend=backend) as client:
        failing = len(decide(client, world, domain, 4))
        wait_until(lambda: counted(client, world, domain, "failed") == failing, seconds=20)
        backend.is_broken = False
        scored = len(decide(client, world, domain, 2))
        wait_until(lambda: counted(client, world, domain, "scored") == scored, seconds=20)
        assert status_of(client, domain)["state"] == "ready"


def test_without_it_every_decision_is_as_it_was(world: World, domain: Domain, registry: Registry) -> None:
    """One that does not load is told, and leaves the domain ready; taken away, it scores nothing more."""
    tamper(champion_folder(world, domain, "2"))
    with in_process(world) as client:
        found = status_of(client, domain)
        assert (found["state"], found["shadow"], found["shadow_problem"]) == ("ready", "2", "signature_wrong")
        end_shadow(registry.records, domain.name, **registry.said)
        wait_until(lambda: status_of(client, domain)["shadow"] is None, seconds=20)
        decide(client, world, domain, 2)
    assert not world.settings.shadows.exists()
