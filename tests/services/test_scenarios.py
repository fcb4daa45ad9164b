"""Scenarios on the path of a decision: an alert that somebody sees, an outcome that holds, and the same at a replay."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from riskloom.catalog import Domain
from riskloom.cli import build_app
from riskloom.ledger import read_decisions
from riskloom.ledger.database import reading
from riskloom.ledger.schema import Alert
from riskloom.lifecycle.floods import MINIMUM, read_requests
from riskloom.lifecycle.publication import Publication, PublishedRule, write_publication
from riskloom.registry import ensure_signing_key
from riskloom.wiring import ledger_engine
from tests.services.conftest import World, wait_until
from tests.services.test_rules import KEY, rule, scoring, without_rules
from tests.services.test_scoring import scrape
from tests.services.world import CALM, concealed


def scenario(domain: Domain, *, stage: Any = "live", max_share: float = 1, step: int = 2) -> PublishedRule:
    """One sign is an alert, both are an interdiction; as :func:`signs` makes them."""
    text = f"""\
id: several_signs
title: Several signs of a test
description: It does what the test needs, and no more.
abuse_vector: card_testing
owner: tests
max_share: {max_share}
rules: {{first_sign: 1, second_sign: 0.5}}
alert: {{from: 30}}
interdiction: {{from: 45, force: {domain.outcome[-1].name}}}
"""
    return PublishedRule(id="several_signs", version=3, stage=stage, percent=None, step=step, key=KEY, source=text)


def signs(domain: Domain, *, second: Any = "live") -> tuple[PublishedRule, PublishedRule]:
    """Everybody has the first; the second has who is called so."""
    group = domain.subject.group
    is_second = f'event.{group} == "{concealed(domain, group, "s-1")}"'
    return (
        rule(domain, "first_sign", "score: 30"),
        rule(domain, "second_sign", "score: 30", when=is_second, stage=second),
    )


def publish(world: World, domain: Domain, *scenarios: PublishedRule, second: Any = "live") -> None:
    """Put the signs and scenarios in force."""
    found = Publication(
        domain=domain.name, published_at=world.now, rules=signs(domain, second=second), scenarios=scenarios
    )
    write_publication(world.settings.rules, found, ensure_signing_key(world.settings.keys))


def test_an_interdiction_forces_its_outcome(world: World, domain: Domain) -> None:
    """Answer and record say its points, its threshold and which rules brought them; it is counted as rules are."""
    hardest = domain.outcome[-1].name
    publish(world, domain, scenario(domain))
    with scoring(world, domain) as (client, score):
        mild, hard = score(CALM), score("s-1")
        counts = scrape(client, world)
        kept = list(read_decisions(world.settings.decisions, domain.name))
    assert mild["outcome"] == without_rules(domain, mild)
    assert (hard["outcome"], hard["basis"]) == (hardest, "rule")
    assert mild["rules_hit"][-1] == {
        "rule": "several_signs", "version": 3, "stage": "live", "effect": "alert", "outcome": None, "points": 30.0,
        "scenario": {"level": "alert", "threshold": 30.0, "rules": {"first_sign": 30.0}},
        "reasons": [{"expression": "points", "operator": ">=", "actual": 30.0, "bound": "30"}],
    }  # fmt: skip
    assert hard["rules_hit"][-1]["scenario"] == {
        "level": "interdiction", "threshold": 45.0, "rules": {"first_sign": 30.0, "second_sign": 15.0},
    }  # fmt: skip
    assert (hard["rules_hit"][-1]["effect"], hard["rules_hit"][-1]["outcome"]) == ("force", hardest)
    for answer, record in zip((mild, hard), kept, strict=True):
        assert record["rules_hit"] == answer["rules_hit"]
    label = f'domain="{domain.name}",rule="several_signs",stage="live"'
    assert counts[f"riskloom_rule_hits_total{{{label}}}"] >= 2


@pytest.mark.parametrize(("stage", "second"), [("shadow", "live"), ("live", "shadow")])
def test_a_shadow_decides_nothing_and_says_what_it_would(world: World, domain: Domain, stage: str, second: str) -> None:
    """A scenario in shadow, and one that only the points of a rule in shadow bring so far."""
    publish(world, domain, scenario(domain, stage=stage), second=second)
    with scoring(world, domain) as (_, score):
        answer = score("s-1")
    assert answer["outcome"] == without_rules(domain, answer)
    assert answer["shadow"]["outcome"] == domain.outcome[-1].name
    assert [hit["effect"] for hit in answer["rules_hit"] if hit["scenario"]] == (["alert"] if stage == "live" else [])
    hit = answer["shadow"]["rules_hit"][-1]
    assert (hit["rule"], hit["stage"], hit["points"], hit["scenario"]["level"]) == (
        "several_signs", "shadow", 45.0, "interdiction",
    )  # fmt: skip


def test_a_scenario_that_floods_is_stopped(world: World, domain: Domain) -> None:
    """Its alerts count as hits do; the rules that it adds up go on."""
    publish(world, domain, scenario(domain, max_share=0.5))
    with scoring(world, domain) as (_, score):
        for _ in range(MINIMUM):
            assert len(score(CALM)["rules_hit"]) == 2
        after = score(CALM)
        wait_until(lambda: bool(read_requests(world.settings.rules, domain.name)))
    assert [hit["rule"] for hit in after["rules_hit"]] == ["first_sign"]
    assert after["shadow"]["rules_hit"][-1]["rule"] == "several_signs"
    ((_, request),) = read_requests(world.settings.rules, domain.name)
    assert (request.rule_id, request.version, request.step) == ("several_signs", 3, 2)


def test_what_a_scenario_decided_comes_out_the_same(
    world: World, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replay applies it; an alert is in the ledger for both, also where the outcome is the mildest."""
    monkeypatch.setenv("RISKLOOM_HOME", str(world.settings.home))
    publish(world, domain, scenario(domain))
    with scoring(world, domain) as (_, score):
        answers = [score(CALM), score("s-1")]
    runner, app = CliRunner(), build_app()
    for arguments in (["ledger", "migrate"], ["ledger", "ship"]):
        assert runner.invoke(app, arguments, catch_exceptions=False).exit_code == 0
    for answer in answers:
        replayed = runner.invoke(app, ["replay", answer["decision_id"]], catch_exceptions=False)
        assert replayed.output.startswith(f"same: {answer['outcome']} with score"), replayed.output
    with reading(ledger_engine(world.settings)) as session:
        alerts = session.scalars(select(Alert)).all()
    assert {alert.decision_id: alert.kind for alert in alerts} == {
        answer["decision_id"]: "scenario" for answer in answers
    }
