"""Rules on the path of a decision: what they force and forbid, what shadows would have done, and what stops a flood."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from riskloom.catalog import Domain
from riskloom.cli import build_app
from riskloom.ledger import read_decisions
from riskloom.lifecycle.floods import MINIMUM, read_requests
from riskloom.lifecycle.publication import (
    Publication,
    PublishedMember,
    PublishedRule,
    publication_path,
    write_publication,
)
from riskloom.registry import ensure_signing_key
from riskloom.rules import load_lists
from tests.services.conftest import World, event, in_process, wait_until
from tests.services.test_scoring import scrape
from tests.services.world import CALM, FLAGGED, concealed

KEY = "00" * 32


def rule(domain: Domain, name: str, effect: str, *, when: str = "", stage: Any = "live", **more: Any) -> PublishedRule:
    """A rule that hits every event, or those of its condition."""
    key, group = domain.subject.key, domain.subject.group
    who = concealed(domain, group, "s-1")
    text = f"""\
id: {name}
title: A rule of a test
description: It does what the test needs, and no more.
severity: low
abuse_vector: card_testing
owner: tests
when: {when or f"not is_missing(event.{key})"}
{effect}
max_share: {more.pop("max_share", 1)}
false_positives: [Everybody.]
examples:
  positive:
    - name: any
      event: {{{key}: s-1, {group}: {who}}}
      score: 0.9
      lists: {{{", ".join(f"{each}: [{who}]" for each in load_lists(domain))}}}
  negative: [{{name: nothing is known}}]
"""
    return PublishedRule(
        id=name, version=1, stage=stage, percent=more.get("percent"), step=more.get("step", 2), key=KEY, source=text
    )


def publish(world: World, domain: Domain, *rules: PublishedRule, lists: Any = None) -> Publication:
    """Put rules in force."""
    found = Publication(domain=domain.name, published_at=world.now, rules=rules, lists=lists or {})
    write_publication(world.settings.rules, found, ensure_signing_key(world.settings.keys))
    return found


@contextmanager
def scoring(world: World, domain: Domain, **options: Any) -> Iterator[tuple[TestClient, Any]]:
    """The application, and a function that scores an event of an entity, by default always the same one."""
    with in_process(world, **options) as client:

        def score(entity: str, subject: str | None = None) -> dict[str, Any]:
            url, sent = f"/v1/domains/{domain.name}/score", event(domain, entity)
            sent[domain.subject.key] = subject or sent[domain.subject.key]
            answer = client.post(url, json=sent, headers=world.auth())
            assert answer.status_code == 200, answer.text
            found: dict[str, Any] = answer.json()
            return found

        yield client, score


def without_rules(domain: Domain, answer: dict[str, Any]) -> str:
    """The outcome of a calm event where no rule has effect; on a busy machine the store may be too slow for a score."""
    return domain.outcome[0].name if answer["basis"] != "safe_outcome" else domain.serving.safe_outcome


def test_a_forced_outcome_holds_whatever_the_score(world: World, domain: Domain) -> None:
    """The hardest one; the answer and the record say which rules hit, why, and of which publication."""
    mildest, hardest = domain.outcome[0].name, domain.outcome[-1].name
    published = publish(
        world,
        domain,
        rule(domain, "never_mind", f"outcome: {{force: {mildest}}}"),
        rule(domain, "stop_it", f"outcome: {{force: {hardest}}}", when=f'event.{domain.subject.key} == "s-1"'),
        rule(domain, "points", "score: 30", when="score >= 0"),
    )
    with scoring(world, domain) as (_, score):
        mild, hard = score(FLAGGED), score("s-1")
        kept = list(read_decisions(world.settings.decisions, domain.name))
    assert (mild["outcome"], hard["outcome"]) == (mildest, hardest)
    assert mild["score"] > 0.5
    assert mild["rules_version"] == hard["rules_version"] == published.version
    assert [hit["rule"] for hit in mild["rules_hit"]] == ["never_mind", "points"]
    assert [hit["rule"] for hit in hard["rules_hit"]] == ["never_mind", "stop_it", "points"]
    assert hard["rules_hit"][1] == {
        "rule": "stop_it", "version": 1, "stage": "live", "effect": "force", "outcome": hardest, "points": None,
        "scenario": None,
        "reasons": [
            {"expression": f"event.{domain.subject.key}", "operator": "==", "actual": "s-1", "bound": '"s-1"'}
        ],
    }  # fmt: skip
    for answer, record in zip((mild, hard), kept, strict=True):
        for name in ("rules_hit", "rules_version", "shadow", "outcome"):
            assert record[name] == answer[name]


def test_a_forbidden_outcome_is_left_out(world: World, domain: Domain) -> None:
    """The next milder one holds in its place."""
    with scoring(world, domain) as (_, score):
        before = score(FLAGGED)
    assert (before["rules_version"], before["rules_hit"], before["shadow"]) == (None, [], None)
    names = [outcome.name for outcome in domain.outcome]
    publish(world, domain, rule(domain, "not_that", f"outcome: {{forbid: {before['outcome']}}}"))
    with scoring(world, domain) as (_, score):
        after = score(FLAGGED)
    assert after["outcome"] == names[names.index(before["outcome"]) - 1]


def test_a_shadow_decides_nothing_and_says_what_it_would(world: World, domain: Domain) -> None:
    """Its hits and the outcome that would have been, in the answer and in the record; counted by stage."""
    hardest = domain.outcome[-1].name
    publish(world, domain, rule(domain, "stop_it", f"outcome: {{force: {hardest}}}", stage="shadow"))
    with scoring(world, domain) as (client, score):
        answer = score(CALM)
        counted = scrape(client, world)
        (kept,) = read_decisions(world.settings.decisions, domain.name)
    assert (answer["outcome"], answer["rules_hit"]) == (without_rules(domain, answer), [])
    assert answer["shadow"]["outcome"] == hardest
    assert [(hit["rule"], hit["stage"]) for hit in answer["shadow"]["rules_hit"]] == [("stop_it", "shadow")]
    assert kept["shadow"] == answer["shadow"]
    label = f'domain="{domain.name}",rule="stop_it",stage="shadow"'
    assert counted[f"riskloom_rule_hits_total{{{label}}}"] >= 1


def test_lists_and_their_ends_come_with_the_rules(world: World, domain: Domain) -> None:
    """A member that has expired at the decision does not count, without anything being published anew."""
    name, hardest = next(iter(load_lists(domain))), domain.outcome[-1].name
    end = world.now + timedelta(minutes=1)
    listed = concealed(domain, domain.subject.group, "listed-1")
    members = {name: (PublishedMember(value=listed, added_at=world.now, expires_at=end),)}
    when = f"event.{domain.subject.group} in list.{name}"
    publish(world, domain, rule(domain, "listed", f"outcome: {{force: {hardest}}}", when=when), lists=members)
    moment = [world.now]
    with scoring(world, domain, clock=lambda: moment[0]) as (_, score):
        found, other = score("listed-1"), score("other-1")
        moment[0] = end
        expired = score("listed-1", "another-event")
    assert (found["outcome"], [hit["rule"] for hit in found["rules_hit"]]) == (hardest, ["listed"])
    assert other["outcome"] == without_rules(domain, other)
    assert (other["rules_hit"], expired["rules_hit"]) == ([], [])


def test_without_the_store_rules_on_the_event_still_hold(world: World, domain: Domain) -> None:
    """The score is not believed, neither by the policy nor by rules that ask for it."""
    hardest = domain.outcome[-1].name
    publish(
        world,
        domain,
        rule(domain, "stop_it", f"outcome: {{force: {hardest}}}", when=f'event.{domain.subject.key} == "s-1"'),
        rule(domain, "points", "score: 30", when="score >= 0"),
    )
    for path in world.settings.feast_online.parent.glob("windows.db*"):
        path.unlink()
    with scoring(world, domain) as (_, score):
        safe, forced = score(CALM), score("s-1")
    assert (safe["basis"], safe["outcome"]) == ("safe_outcome", domain.serving.safe_outcome)
    assert (forced["basis"], forced["outcome"]) == ("rule", hardest)
    assert [hit["rule"] for hit in forced["rules_hit"]] == ["stop_it"]


def test_rules_that_cannot_be_trusted_leave_those_before_in_service(world: World, domain: Domain) -> None:
    """New ones are taken up within seconds; what was changed by other hands is refused, and readiness says so."""
    hardest = domain.outcome[-1].name
    with scoring(world, domain) as (client, score):

        def status() -> dict[str, Any]:
            found: dict[str, Any] = client.get("/readyz").json()["domains"][domain.name]
            return found

        assert score(CALM)["rules_hit"] == []
        published = publish(world, domain, rule(domain, "stop_it", f"outcome: {{force: {hardest}}}"))
        wait_until(lambda: status()["rules"] == published.version)
        assert score(CALM)["outcome"] == hardest
        path = publication_path(world.settings.rules, domain.name)
        path.write_text(path.read_text(encoding="utf-8").replace("stop_it", "stop_all"), encoding="utf-8")
        wait_until(lambda: status()["rules_problem"] == "signature_wrong")
        assert (status()["rules"], status()["state"]) == (published.version, "degraded")
        assert score(CALM)["outcome"] == hardest
        unfit = rule(domain, "stop_it", f"outcome: {{force: {hardest}}}").model_copy(update={"source": "id: x"})
        publish(world, domain, unfit)
        wait_until(lambda: status()["rules_problem"] == "rules_refused")
        assert score(CALM)["outcome"] == hardest


def test_a_rule_that_floods_is_stopped_and_said_so(world: World, domain: Domain) -> None:
    """At once and in every process, also after this one; published at another step it has effect again."""
    hardest = domain.outcome[-1].name
    flooding = rule(domain, "stop_it", f"outcome: {{force: {hardest}}}", max_share=0.5)
    publish(world, domain, flooding)
    with scoring(world, domain) as (client, score):
        assert [score(CALM)["outcome"] for _ in range(MINIMUM)] == [hardest] * MINIMUM
        after = score(CALM)
        assert (after["outcome"], after["rules_hit"]) == (without_rules(domain, after), [])
        assert after["shadow"]["outcome"] == hardest
        wait_until(lambda: bool(read_requests(world.settings.rules, domain.name)))
        stopped = scrape(client, world)[f'riskloom_rules_stopped_total{{domain="{domain.name}",rule="stop_it"}}']
    assert stopped >= 1
    ((_, request),) = read_requests(world.settings.rules, domain.name)
    assert (request.rule_id, request.version, request.step, request.share) == ("stop_it", 1, 2, 1.0)
    with scoring(world, domain) as (_, score):
        assert score(CALM)["rules_hit"] == []
    publish(world, domain, flooding.model_copy(update={"step": 3}))
    with scoring(world, domain) as (_, score):
        assert score(CALM)["outcome"] == hardest


def test_what_was_decided_by_rules_comes_out_the_same(
    world: World, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replay applies the rules that hit then."""
    monkeypatch.setenv("RISKLOOM_HOME", str(world.settings.home))
    hardest = domain.outcome[-1].name
    publish(world, domain, rule(domain, "stop_it", f"outcome: {{force: {hardest}}}"))
    with scoring(world, domain) as (_, score):
        answer = score(CALM)
    runner, app = CliRunner(), build_app()
    for arguments in (["ledger", "migrate"], ["ledger", "ship"]):
        assert runner.invoke(app, arguments, catch_exceptions=False).exit_code == 0
    replayed = runner.invoke(app, ["replay", answer["decision_id"]], catch_exceptions=False)
    assert (replayed.exit_code, replayed.output) == (
        0, f"same: {hardest} with score {answer['score']}, model version 1\n",
    )  # fmt: skip
