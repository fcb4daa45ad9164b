"""Batches of events: each decided as if it had been sent alone, and one that is refused does not touch the others."""

from __future__ import annotations

import itertools
import math
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from riskloom.catalog import Domain
from riskloom.features import EntryLog, StoreLocation, open_live
from riskloom.ledger import read_decisions
from riskloom.settings import Settings
from riskloom.wiring import store_location
from services.scoring import batch
from services.scoring.backend import SignedBackend
from services.scoring.batch import MAX_BYTES, MAX_EVENTS, MOST_BATCHES, TOGETHER
from tests.features.served import planned, served
from tests.services.conftest import DOMAINS, World, event, in_process, real_backend
from tests.services.test_faults import FailingStore
from tests.services.world import CALM, FLAGGED, concealed, fill_windows, views_of

#: What differs between two services that decide the same events in the same order.
_OWN = {"decision_id", "latency_ms"}
_ANSWERS = ("decision", "problem", "problem", "problem", "decision")
_BUSY = "More is under way than can be answered in time"


def stream_of(domain: Domain, length: int, *, at: datetime) -> list[dict[str, Any]]:
    """Events of a few entities, some of which are likely bad; one is there twice."""
    own, entities = {"effective_at": at.isoformat()}, itertools.cycle([FLAGGED, "calm-1", "calm-2", "calm-3", "calm-4"])
    events = [
        {**event(domain, entity), **own, domain.subject.key: f"subject-{n}"}
        for n, entity in zip(range(length - 1), entities, strict=False)
    ]
    return [*events, events[0]]


class Sender:
    """Sends batches of one domain's events."""

    def __init__(self, client: TestClient, world: World, domain: Domain) -> None:
        self.client, self.world, self.domain = client, world, domain
        self.url = f"/v1/domains/{domain.name}/score/batch"

    def __call__(self, body: object, key: str = "scorer") -> Any:
        """The answer to a body."""
        return self.client.post(self.url, json=body, headers=self.world.auth(key))

    def results(self, events: list[Any]) -> list[dict[str, Any]]:
        """What became of each event."""
        answer = self({"events": events})
        assert answer.status_code == 200, answer.text
        results: list[dict[str, Any]] = answer.json()["results"]
        return results


@pytest.fixture
def sender(client: TestClient, built_world: World, domain: Domain) -> Sender:
    """Over the application of the module."""
    return Sender(client, built_world, domain)


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    content: dict[str, Any] = answer.json()
    assert content["code"] == code
    return content


@dataclass(frozen=True)
class Twin:
    """One of two services that have the same and share nothing."""

    world: World
    store: StoreLocation

    @property
    def backend(self) -> SignedBackend:
        """Over its home and its store."""
        return real_backend(self.world, store=self.store)


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.needs("redis-server"))])
def twins(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> tuple[Twin, Twin]:
    """Two homes with the same content, with SQLite or with databases of a real Redis."""
    shutil.copytree(world.settings.home, tmp_path / "other")
    worlds = (world, replace(world, settings=Settings(home=tmp_path / "other")))
    if request.param == "sqlite":
        first, second = (Twin(each, store_location(each.settings)) for each in worlds)
        return first, second
    url = str(request.getfixturevalue("redis_server")).rpartition("/")[0]
    made = []
    for number, each in enumerate(worlds, 1):
        redis.Redis.from_url(f"{url}/{number}").flushdb()
        store = replace(store_location(each.settings), online=f"{url}/{number}")
        for domain in DOMAINS.values():
            fill_windows(each.settings, domain, store, now=each.now)
        made.append(Twin(each, store))
    return made[0], made[1]


def failing(world: World) -> FailingStore:
    """A back end whose store can be made to fail."""
    backend = real_backend(world, FailingStore)
    assert isinstance(backend, FailingStore)
    return backend


def kept(world: World, domain: Domain) -> list[dict[str, Any]]:
    """The kept decisions as they were made, without what is each service's own."""
    rows = sorted(read_decisions(world.settings.decisions, domain.name), key=lambda row: row["decided_at"])
    return [{name: value for name, value in row.items() if name not in _OWN} for row in rows]


def windows(twin: Twin, domain: Domain) -> dict[str, float]:
    """What the live windows hold of an entity, without what is empty."""
    settings, later = twin.world.settings, twin.world.now + timedelta(minutes=1)
    views = views_of(settings, domain)
    reads = planned(domain, twin.store, views).reads
    live = open_live(domain, reads.windows, twin.store, EntryLog(settings.entries), lambda: later)
    keys = {view.join_key: concealed(domain, view.join_key, FLAGGED) for view in views}
    with served(domain, twin.store, views, live) as reader:
        values = reader.read(keys, now=later).values
    return {name: value for name, value in values.items() if not math.isnan(value)}


def test_a_batch_decides_as_its_events_alone(twins: tuple[Twin, Twin], domain: Domain) -> None:
    """Answers, kept decisions with their features, and the windows afterwards are the same, to the last bit."""
    one, other = twins
    moment = start = one.world.now
    events, alone = stream_of(domain, 2 * TOGETHER + 5, at=start), []
    with in_process(one.world, backend=one.backend, clock=lambda: moment) as client:
        for place, each in enumerate(events):
            moment = start + timedelta(microseconds=place)
            url = f"/v1/domains/{domain.name}/score"
            alone.append(client.post(url, json=each, headers=one.world.auth()).json())
    with in_process(other.world, backend=other.backend) as client:
        together = [result["decision"] for result in Sender(client, other.world, domain).results(events)]
    assert [{**row, "decision_id": ""} for row in together] == [{**row, "decision_id": ""} for row in alone]
    rows = kept(other.world, domain)
    assert rows == kept(one.world, domain)
    assert windows(other, domain) == windows(one, domain)
    assert len({row["outcome"] for row in rows}) > 1
    assert rows[0]["features"] != rows[5]["features"], "the sixth event is of the first one's entity and must see it"


def test_each_event_has_its_answer(sender: Sender, domain: Domain) -> None:
    """In their order; what is refused says why at its place, as it would alone."""
    good, url = event(domain, CALM), f"/v1/domains/{domain.name}/score"
    unknown = {**good, "more": 1}
    ahead = {**good, domain.subject.key: "ahead", "effective_at": "2105-01-01T00:00:00Z"}
    answer = sender({"events": [good, unknown, [], ahead, event(domain, FLAGGED)]}).json()
    assert (answer["decided"], answer["refused"]) == (2, 3)
    assert [set(result) for result in answer["results"]] == [{name} for name in _ANSWERS]
    for place, content in ((1, unknown), (2, []), (3, ahead)):
        alone = sender.client.post(url, json=content, headers=sender.world.auth())
        assert answer["results"][place]["problem"] == alone.json()
    decisions = [answer["results"][place]["decision"] for place in (0, 4)]
    assert decisions[0]["outcome"] == domain.outcome[0].name != decisions[1]["outcome"]
    assert decisions[1]["reasons"]


@pytest.mark.parametrize(
    "body", [[], {}, {"events": []}, {"events": {}}, {"events": [{}], "more": 1}, {"events": [{}] * (MAX_EVENTS + 1)}]
)
def test_a_body_that_is_no_batch(sender: Sender, body: object) -> None:
    """It is refused as a whole, with what was expected."""
    assert problem(sender(body), 422, "invalid_request")["errors"]


def test_a_body_that_is_too_large(sender: Sender) -> None:
    """More than a megabyte is not read."""
    problem(sender({"events": ["x" * MAX_BYTES]}), 413, "body_too_large")


def test_who_may_not_score(sender: Sender) -> None:
    """The right is that of single events; an unknown domain is told to who has a key."""
    problem(sender({"events": [{}]}, key="elsewhere"), 403, "forbidden")
    sender.url = "/v1/domains/no_such_domain/score/batch"
    problem(sender({"events": [{}]}), 404, "unknown_domain")


def test_batches_are_counted(sender: Sender, domain: Domain) -> None:
    """Their events as requests with outcome and status, the batches by themselves."""
    before = sample(sender, "riskloom_scoring_batches_total", domain=domain.name, status="200")
    refused = sample(sender, "riskloom_scoring_requests_total", domain=domain.name, outcome="none", status="422")
    sender.results([event(domain, CALM), {}, {}])
    after = sample(sender, "riskloom_scoring_batches_total", domain=domain.name, status="200")
    assert after == before + 1
    now = sample(sender, "riskloom_scoring_requests_total", domain=domain.name, outcome="none", status="422")
    assert now == refused + 2


def sample(sender: Sender, name: str, **labels: str) -> float:
    """A counter's value; 0 where it was never counted."""
    text = sender.client.get("/metrics", headers=sender.world.auth("scraper")).text
    families = (each for family in text_string_to_metric_families(text) for each in family.samples)
    return next((each.value for each in families if each.name == name and each.labels == labels), 0.0)


def test_a_store_that_is_down_is_answered_safely(world: World, domain: Domain) -> None:
    """Every event has the safe outcome, as it would alone; no batch fails for it."""
    backend = failing(world)
    with in_process(world, backend=backend) as client:
        backend.is_down = True
        results = Sender(client, world, domain).results(stream_of(domain, TOGETHER + 2, at=world.now))
    assert {result["decision"]["basis"] for result in results} == {"safe_outcome"}
    assert {result["decision"]["outcome"] for result in results} == {domain.serving.safe_outcome}


def test_a_domain_without_a_model(world: World, domain: Domain) -> None:
    """The batch is refused, to be sent again."""
    (world.settings.registry / f"{domain.name}.json").unlink()
    with in_process(world) as client:
        problem(Sender(client, world, domain)({"events": [event(domain, CALM)]}), 503, "model_missing")


def test_decisions_that_cannot_be_kept(world: World, domain: Domain) -> None:
    """Where none could be kept the batch is refused: nothing was decided."""
    world.settings.decisions.mkdir()
    (world.settings.decisions / domain.name).write_text("in the way")
    with in_process(world) as client:
        answer = Sender(client, world, domain)({"events": [event(domain, CALM)] * 2})
    problem(answer, 503, "decision_not_recorded")


def test_what_is_not_begun_in_time_is_told(world: World, domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was decided until then is answered, the rest has the problem that says to send it again."""
    backend = failing(world)
    monkeypatch.setattr(batch, "BATCH_SECONDS", 0.1)
    with in_process(world, backend=backend) as client:
        backend.hang.clear()  # the first readings take the whole time of a reading
        results = Sender(client, world, domain).results([event(domain, CALM)] * (TOGETHER + 3))
        backend.hang.set()
    assert ["decision" in result for result in results] == [True] * TOGETHER + [False] * 3
    assert {result["problem"]["code"] for result in results[TOGETHER:]} == {"timeout"}
    assert len(kept(world, domain)) == TOGETHER


def test_batches_have_places_of_their_own(world: World, domain: Domain) -> None:
    """One more than there are places for is told to come later; single events and the other batches are answered."""
    body = {"events": [event(domain, CALM)] * 2}
    backend = failing(world)
    with in_process(world, backend=backend) as client, ThreadPoolExecutor(MOST_BATCHES + 1) as pool:
        backend.hang.clear()
        sender = Sender(client, world, domain)
        sent = [pool.submit(sender, body) for _ in range(MOST_BATCHES + 1)]
        single = client.post(f"/v1/domains/{domain.name}/score", json=body["events"][0], headers=world.auth())
        answers = [each.result() for each in sent]
        backend.hang.set()
    assert single.status_code == 200
    assert sorted(answer.status_code for answer in answers) == [200] * MOST_BATCHES + [429]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert (problem(refused, 429, "too_busy")["title"], refused.headers["Retry-After"]) == (_BUSY, "1")
