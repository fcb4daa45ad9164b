"""A canary decides its share of subjects, and where it cannot, the champion decides them all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from riskloom.catalog import Domain
from riskloom.features import PlanCompiler, ReadPlan
from riskloom.lifecycle.assignment import is_in_share
from riskloom.registry import ModelStore, promote, rollback
from riskloom.registry.beside import end_canary, start_canary
from riskloom.wiring import store_location
from services.scoring.beside import Beside, ServedCanary, put_beside
from services.scoring.champions import Champion, Post
from services.scoring.ports import Model
from tests.registry.models import planned
from tests.services.conftest import World, event, in_process, wait_until
from tests.services.test_faults import champion_folder, status_of, tamper
from tests.services.test_scoring import scrape
from tests.services.world import add_champion, concealed, views_of

KEY = b"k" * 32
PEOPLE = [f"person-{number}" for number in range(24)]


class Registry:
    """The models of a domain, and who changes them."""

    def __init__(self, world: World, domain: Domain) -> None:
        self.store = ModelStore(world.settings.bentoml_home, world.settings.keys)
        self.said: dict[str, Any] = {"by": "tests", "why": "to see how it does", "at": world.now}
        self._world, self._domain = world, domain
        self.records, self.name = world.settings.registry, domain.name

    def add(self, **more: Any) -> str:
        """Another version beside the champion."""
        settings = self._world.settings
        version = add_champion(settings, self._domain, views_of(settings, self._domain), now=self._world.now, **more)
        rollback(self.records, self.store, self.name, **self.said)
        return version

    def canary(self, version: str, share: float) -> None:
        """Let a version decide a share of subjects."""
        start_canary(self.records, self.store, self.name, version, share=share, key=KEY, **self.said)


def decided_by(client: TestClient, world: World, domain: Domain) -> dict[str, str]:
    """Which version decides whom."""
    found = {}
    for number, person in enumerate(PEOPLE):
        sent = event(domain, person)
        sent[domain.subject.key] = f"of-{person}-{number}"
        answer = client.post(f"/v1/domains/{domain.name}/score", json=sent, headers=world.auth())
        assert answer.status_code == 200, answer.text
        found[person] = answer.json()["model_version"]
    return found


def expected(domain: Domain, share: float) -> dict[str, str]:
    """By the hash of what the service keeps of a person."""
    hidden = {person: concealed(domain, domain.subject.group, person) for person in PEOPLE}
    return {person: "2" if is_in_share(hidden[person], share, KEY) else "1" for person in PEOPLE}


def test_a_person_stays_with_one_model(world: World, domain: Domain) -> None:
    """A share begins, grows, and ends in a promotion: whoever was in stays in, and each decision names who made it."""
    registry = Registry(world, domain)
    registry.add(seed=1)
    registry.canary("2", 0.25)
    with in_process(world) as client:
        few = decided_by(client, world, domain)
        assert few == expected(domain, 0.25)
        assert set(few.values()) == {"1", "2"}
        assert (status_of(client, domain)["canary"], status_of(client, domain)["canary_share"]) == ("2", 0.25)
        label = f'domain="{domain.name}",part="canary",version="2"'
        assert scrape(client, world)[f"riskloom_model_beside_up{{{label}}}"] == 1
        registry.canary("2", 0.75)
        wait_until(lambda: status_of(client, domain)["canary_share"] == 0.75)
        many = decided_by(client, world, domain)
        assert many == expected(domain, 0.75)
        assert {person for person in PEOPLE if few[person] == "2"} < {p for p in PEOPLE if many[p] == "2"}
        compiler = PlanCompiler(store_location(world.settings))
        promote(registry.records, registry.store, domain.name, "2", compile_plan=compiler, **registry.said)
        wait_until(lambda: status_of(client, domain)["canary"] is None)
        assert set(decided_by(client, world, domain).values()) == {"2"}


def test_a_canary_is_taken_back_while_running(world: World, domain: Domain) -> None:
    """Within moments the champion decides everybody again."""
    registry = Registry(world, domain)
    registry.add(seed=1)
    registry.canary("2", 1.0)
    with in_process(world) as client:
        assert set(decided_by(client, world, domain).values()) == {"2"}
        end_canary(registry.records, domain.name, **registry.said)
        wait_until(lambda: status_of(client, domain)["canary"] is None)
        assert set(decided_by(client, world, domain).values()) == {"1"}


def test_a_canary_that_does_not_load_leaves_all_with_the_champion(world: World, domain: Domain) -> None:
    """Readiness and metrics say which and why; every answer is a decision."""
    registry = Registry(world, domain)
    registry.add(seed=1)
    registry.canary("2", 1.0)
    tamper(champion_folder(world, domain, "2"))
    with in_process(world) as client:
        assert set(decided_by(client, world, domain).values()) == {"1"}
        found = status_of(client, domain)
        assert (found["state"], found["problem"]) == ("degraded", None)
        assert (found["canary"], found["canary_problem"]) == ("2", "signature_wrong")
        label = f'domain="{domain.name}",part="canary",version="2"'
        assert scrape(client, world)[f"riskloom_model_beside_up{{{label}}}"] == 0


def test_an_event_without_an_entity_is_chosen_by_its_subject(champion: Champion, canary: Champion) -> None:
    """There is nobody to stay with a model: the same event meets the same one, and a canary has its share of them."""
    served = ServedCanary(Beside("2", canary, None), 0.3, KEY)
    post = Post(champion, "1", None, canary=served)

    def chosen(**sent: str | None) -> Champion | None:
        return post.model_for(sent, entity="card", subject="payment")

    for name in PEOPLE:
        wanted = canary if is_in_share(name, 0.3, KEY) else champion
        assert chosen(card=name, payment="p-1") is chosen(card=name, payment="p-2") is wanted
        assert chosen(card=None, payment=name) is chosen(payment=name) is wanted


def test_a_version_that_takes_what_is_not_read_is_refused(world: World, domain: Domain) -> None:
    """What is read is read by the champion's plan: the reason is said, and all stay with the champion."""
    registry = Registry(world, domain)
    registry.add(seed=1, gone=("told_elsewhere",))
    registry.canary("2", 1.0)
    with in_process(world) as client:
        assert set(decided_by(client, world, domain).values()) == {"1"}
        found = status_of(client, domain)
        assert (found["canary"], found["canary_problem"]) == ("2", "features_unread")


def test_a_version_is_opened_once_for_each_plan(champion: Champion, canary: Champion) -> None:
    """What is open is not opened again, unless the champion is read by another plan."""
    opened: list[tuple[str, str]] = []

    def beside(found: Any, before: Beside | None = None, serving: Champion | None = champion) -> Beside:
        def open_model(version: str, plan: ReadPlan) -> Any:
            opened.append((version, plan.version))
            return found

        return put_beside("2", before, serving, open_model=open_model)

    fits = beside(canary)
    assert fits == Beside("2", canary, None)
    assert beside(canary, fits) == fits
    assert opened == [("2", "1")]
    beside(canary, fits, replace(champion, plan=planned(champion.plan.domain, "3", ("count_7d",))))
    assert opened == [("2", "1"), ("2", "3")]
    assert beside("load_failed") == Beside("2", None, "load_failed")
    assert beside(canary, serving=None) == Beside("2", None, "no_champion")


@pytest.fixture
def champion(domain: Domain) -> Champion:
    """Takes one of the two features that are read."""
    return Champion(
        "1",
        _Model(),
        planned(domain.name, "1", ("count_7d", "sum_7d")),
        ("count_7d",),
        (),
        frozenset({"count_7d", "sum_7d"}),
    )


@pytest.fixture
def canary(champion: Champion) -> Champion:
    """Takes the other, and one that is computed; read by the champion's plan."""
    return Champion("2", _Model(), champion.plan, ("sum_7d", "ratio"), (), frozenset({"count_7d", "sum_7d"}))


class _Model(Model):
    """Never asked."""

    @property
    def manifest(self) -> Any:
        raise NotImplementedError

    def predict(self, matrix: Any) -> Any:
        raise NotImplementedError

    def predict_each(self, matrix: Any) -> Any:
        raise NotImplementedError

    def predict_one(self, row: Any) -> float:
        raise NotImplementedError

    def top_features(self, row: Any, count: int) -> list[tuple[str, float]]:
        raise NotImplementedError
