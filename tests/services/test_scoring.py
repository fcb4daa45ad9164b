"""What is decided: outcomes, reasons, freshness, and what is written down; real model, real store, in process."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

import numpy as np
import pytest
from starlette.testclient import TestClient

from riskloom.catalog import Domain
from riskloom.features import EntryLog, open_live
from riskloom.features.live import decided_stream
from riskloom.ledger import read_decisions
from riskloom.policy import CostPolicy, Releases, policy_version
from riskloom.pseudonyms import Pseudonyms
from riskloom.registry import ModelStore, load_model
from riskloom.wiring import store_location
from services.scoring.decisions import Stage
from tests.features.served import planned, served
from tests.services.conftest import World, event, in_process, real_backend
from tests.services.world import (
    CALM,
    FLAGGED,
    PSEUDONYM_KEY,
    RELEASE_SECRET,
    concealed,
    decisive,
    plan_of,
    views_of,
)

Score = Callable[[str], dict[str, Any]]


@pytest.fixture
def score(client: Any, built_world: World, domain: Domain) -> Score:
    """Score the event of an entity and give the answer."""

    def send(entity: str) -> dict[str, Any]:
        url = f"/v1/domains/{domain.name}/score"
        response = client.post(url, json=event(domain, entity), headers=built_world.auth())
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    return send


def test_harmless_event_has_the_mildest_outcome(score: Score, built_world: World, domain: Domain) -> None:
    """A low score is the first declared outcome, without reasons; everything the answer promises is there."""
    answer = score(CALM)
    assert set(answer) == {
        "decision_id", "subject", "score", "outcome", "basis", "reasons", "reasons_left_out", "rules_hit", "shadow",
        "model_version", "rules_version", "features", "degraded", "decided_at", "policy_version", "expected_costs",
        "changed_by", "exploration",
    }  # fmt: skip
    assert (answer["subject"], answer["outcome"], answer["basis"]) == (CALM, domain.outcome[0].name, "expected_cost")
    assert (answer["reasons"], answer["degraded"], answer["model_version"]) == ([], False, "1")
    assert (answer["expected_costs"], answer["changed_by"], answer["exploration"]) == (None, None, None)
    assert answer["policy_version"] == policy_version(domain)
    assert 0 <= answer["score"] < 0.5
    assert datetime.fromisoformat(answer["decided_at"]) == built_world.now


def test_flagged_event_says_why(score: Score, built_world: World, domain: Domain) -> None:
    """A likely bad event has a harder outcome; what each would cost is told, and what raised the score most."""
    answer = score(FLAGGED)
    assert answer["score"] >= 0.5
    assert answer["outcome"] != domain.outcome[0].name
    assert answer["expected_costs"][answer["outcome"]] == min(answer["expected_costs"].values())
    assert 0 < answer["changed_by"]["probability_below"] < answer["score"]
    first = answer["reasons"][0]
    feature = decisive(built_world.settings, domain).name
    described = {
        name: text for view in views_of(built_world.settings, domain) for name, text in view.descriptions.items()
    }
    assert first["feature"] == feature
    assert first["value"] == 1.0
    assert first["contribution"] > 0
    assert first["description"] == described[feature] != ""
    contributions = [reason["contribution"] for reason in answer["reasons"]]
    assert contributions == sorted(contributions, reverse=True)


def test_a_decision_can_be_made_again_from_what_was_kept(world: World, domain: Domain) -> None:
    """Score and amount in the ledger give the same outcome, costs and changes under the policy it names."""
    with in_process(world) as client:
        for entity in (CALM, FLAGGED):
            client.post(f"/v1/domains/{domain.name}/score", json=event(domain, entity), headers=world.auth())
    policy = CostPolicy(domain)
    for kept in read_decisions(world.settings.decisions, domain.name):
        trusted = None if kept["basis"] == "safe_outcome" else kept["score"]
        again = policy.choose(trusted, float(kept["event"][domain.subject.amount]))
        assert (kept["outcome"], kept["policy_version"]) == (again.outcome, policy.version)
        assert kept["basis"] == again.basis
        assert kept["expected_costs"] == (None if again.is_mildest else again.expected_costs)
        assert kept["changed_by"] == (asdict(again.changed_by) if again.changed_by else None)


def test_a_released_event_is_marked(world: World, domain: Domain) -> None:
    """An event that is drawn has a milder outcome, and says what it would have been; sent again it is drawn again."""
    releases = Releases(domain, secret=RELEASE_SECRET)
    drawn = next(key for key in (f"subject-{number}" for number in range(10_000)) if releases.is_drawn(key))
    sent = {**event(domain, FLAGGED), domain.subject.key: drawn}
    with in_process(world) as client:
        first, again = (
            client.post(f"/v1/domains/{domain.name}/score", json=sent, headers=world.auth()).json() for _ in range(2)
        )
    share, hardest = domain.policy.release_share, domain.outcome[-1].name
    assert (first["basis"], first["outcome"]) == ("exploration", domain.policy.release_to[0])
    assert first["exploration"] == {"would_be": hardest, "propensity": share}
    assert first["expected_costs"][hardest] == min(first["expected_costs"].values())
    assert again["exploration"] == first["exploration"]
    kept = [row["exploration"] for row in read_decisions(world.settings.decisions, domain.name)]
    assert kept == [first["exploration"]] * 2


def test_score_is_the_models(world: World, domain: Domain) -> None:
    """The service adds nothing: its score is what the model gives for the windows as they were before the event."""
    settings = world.settings
    location, views = store_location(settings), views_of(settings, domain)
    windows = planned(domain, location, views).reads.windows
    live = open_live(domain, windows, location, EntryLog(settings.entries), lambda: world.now)
    keys = {view.join_key: concealed(domain, view.join_key, FLAGGED) for view in views}
    with served(domain, location, views, live) as reader:
        before = reader.read(keys, now=world.now).values
    values = dict.fromkeys(domain.request_features, math.nan) | before
    model = load_model(ModelStore(settings.bentoml_home, settings.keys), domain.name, "1")
    matrix = np.array([[values[name] for name in model.manifest.feature_names]])
    with in_process(world) as client:
        url = f"/v1/domains/{domain.name}/score"
        answer = client.post(url, json=event(domain, FLAGGED), headers=world.auth()).json()
    assert answer["score"] == pytest.approx(float(model.predict(matrix)[0]), abs=1e-12)


def test_windows_hold_at_the_decision(score: Score) -> None:
    """Windowed views are of the very instant of the decision, also for entities that nobody has seen before."""
    answer = score(CALM)
    assert not answer["degraded"]
    for freshness in answer["features"].values():
        assert freshness == {"observed_at": answer["decided_at"], "age_seconds": 0.0, "status": "fresh"}


def test_each_event_moves_the_windows_of_the_next(world: World, domain: Domain) -> None:
    """A second event sees the first, and neither sees itself; the same event again is counted once."""
    plan = plan_of(world.settings, domain)
    counts = [
        feature.name
        for view in plan.views
        for feature in view.windows
        if feature.aggregate == "count" and feature.stream == decided_stream(domain, plan) and not feature.delay_us
    ]
    assert counts
    clock = iter(world.now + timedelta(seconds=second) for second in range(10**6))
    with in_process(world, clock=lambda: next(clock)) as client:
        for number in (1, 2, 2, 3):
            happened = {domain.subject.key: f"subject-{number}", "effective_at": world.now.isoformat()}
            sent = {**event(domain, CALM), **happened}
            answer = client.post(f"/v1/domains/{domain.name}/score", json=sent, headers=world.auth())
            assert answer.json()["basis"] == "expected_cost"
    served = [
        [row["features"][name] for name in counts] for row in read_decisions(world.settings.decisions, domain.name)
    ]
    first, second, again, third = served
    assert first == [0.0] * len(counts)
    assert second == again == [1.0] * len(counts)
    assert third == [2.0] * len(counts)


def test_an_event_from_the_future_is_refused(world: World, domain: Domain) -> None:
    """It would be counted before it happened: the field is named, and nothing is counted nor decided."""
    ahead = (world.now + timedelta(hours=1)).isoformat()
    with in_process(world) as client:
        url = f"/v1/domains/{domain.name}/score"
        response = client.post(url, json={**event(domain, CALM), "effective_at": ahead}, headers=world.auth())
    assert response.status_code == 422
    assert "effective" in response.json()["errors"][0]["field"]
    assert list(read_decisions(world.settings.decisions, domain.name)) == []


def test_event_without_an_optional_entity_is_not_degraded(client: Any, built_world: World, domain: Domain) -> None:
    """Where the event has no such entity its view is missing, and nothing is known less well for it."""
    columns = domain.event_table.columns
    views = views_of(built_world.settings, domain)
    parts = {view.name: columns[view.join_key].joined or (view.join_key,) for view in views}
    optional = {name for names in parts.values() for name in names if columns[name].nullable}
    body = {**event(domain, CALM), **dict.fromkeys(optional)}
    answer = client.post(f"/v1/domains/{domain.name}/score", json=body, headers=built_world.auth()).json()
    assert not answer["degraded"]
    statuses = {name: freshness["status"] for name, freshness in answer["features"].items()}
    assert statuses == {name: "missing" if optional & set(names) else "fresh" for name, names in parts.items()}


def test_same_event_twice_is_two_decisions(score: Score) -> None:
    """Each answer is a decision of its own, with a name of its own."""
    first, second = score(CALM), score(CALM)
    assert first["decision_id"] != second["decision_id"]
    assert first["score"] == second["score"]


def test_answered_decision_is_in_the_ledger(world: World, domain: Domain) -> None:
    """What was answered can be replayed: the event to the last digit, the features the model saw, and the answer."""
    sent = {**event(domain, FLAGGED), domain.subject.amount: "1234.10"}
    with in_process(world) as client:
        answer = client.post(f"/v1/domains/{domain.name}/score", json=sent, headers=world.auth()).json()
        (kept,) = read_decisions(world.settings.decisions, domain.name)
    freshness = answer.pop("features")
    assert {key: kept[key] for key in answer} == answer
    assert kept["freshness"] == freshness
    assert kept["domain"] == domain.name
    assert kept["latency_ms"] > 0
    assert kept["event"][domain.subject.amount] == "1234.10"
    whole = Pseudonyms(domain.event_table, PSEUDONYM_KEY).replace(sent)
    whole |= {**domain.event_table.joined_values(whole), "effective_at": kept["event"]["effective_at"]}
    assert kept["event"] == {name: whole[name] for name in kept["event"]}
    model = load_model(ModelStore(world.settings.bentoml_home, world.settings.keys), domain.name, "1")
    row = [
        math.nan if kept["features"][name] is None else kept["features"][name] for name in model.manifest.feature_names
    ]
    assert float(model.predict(np.array([row]))[0]) == pytest.approx(answer["score"])


def test_refused_requests_are_not_decisions(world: World, domain: Domain) -> None:
    """What was not decided leaves nothing in the ledger."""
    with in_process(world) as client:
        assert client.post(f"/v1/domains/{domain.name}/score", json={}, headers=world.auth()).status_code == 422
        assert client.post(f"/v1/domains/{domain.name}/score", json={}).status_code == 401
    assert list(read_decisions(world.settings.decisions, domain.name)) == []


def test_request_features_are_training_s(built_world: World, domain: Domain) -> None:
    """What is computed from an event is what the domain's own code gives for arrays, whatever the values' types."""
    backend = real_backend(built_world)
    names = {name for view in views_of(built_world.settings, domain) for name in view.features}
    row = {**event(domain, CALM), "effective_at": built_world.now, "observed_at": built_world.now}
    row[domain.subject.amount] = Decimal("12.34")
    nothing_optional = {name: None if domain.event_table.columns[name].nullable else row[name] for name in row}
    for values in (row, nothing_optional):
        computed = backend.compute(domain.name, values, dict.fromkeys(names, 2.0))
        assert set(computed) == set(domain.request_features)
        assert all(type(value) is float for value in computed.values())


def test_metrics_count_what_was_answered(world: World, domain: Domain) -> None:
    """Outcomes, refusals, freshness and the model in service can be read as Prometheus reads them."""
    url = f"/v1/domains/{domain.name}/score"
    label = f'domain="{domain.name}"'
    view = views_of(world.settings, domain)[0].name

    def ask() -> str:
        outcome = client.post(url, json=event(domain, FLAGGED), headers=world.auth()).json()["outcome"]
        client.post(url, json={}, headers=world.auth())
        client.post("/v1/domains/no_such_domain/score", json={}, headers=world.auth())
        return str(outcome)

    with in_process(world) as client:
        # BentoML lets the counters of a process outlive the application that counted, and shows one when it is counted
        # in again: so each is counted in once, and what counts is what is added then
        ask()
        before = scrape(client, world)
        outcome = ask()
        after = scrape(client, world)
    for counter, added in {
        f'riskloom_scoring_requests_total{{{label},outcome="{outcome}",status="200"}}': 1,
        f'riskloom_scoring_requests_total{{{label},outcome="none",status="422"}}': 1,
        'riskloom_scoring_requests_total{domain="none",outcome="none",status="404"}': 1,
        f"riskloom_scoring_latency_seconds_count{{{label}}}": 2,
        f'riskloom_scoring_feature_reads_total{{{label},status="fresh",view="{view}"}}': 1,
        **{f'riskloom_scoring_stage_seconds_count{{{label},stage="{stage}"}}': 1 for stage in get_args(Stage)},
    }.items():
        assert after[counter] - before[counter] == added, counter
    for gauge in (
        f'riskloom_model_info{{{label},version="1"}}',
        f"riskloom_model_is_champion{{{label}}}",
        f"riskloom_feature_store_up{{{label}}}",
    ):
        assert after[gauge] == 1, gauge


def scrape(client: TestClient, world: World) -> dict[str, float]:
    """Every series of the service's metrics with its value."""
    text = client.get("/metrics", headers=world.auth("scraper")).text
    series = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in series}
