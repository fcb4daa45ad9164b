"""Scenarios live as rules do: versions, stages, approvals, publication; they add up the rules that hit."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from sqlalchemy import Engine

from riskloom.errors import ApprovalNeededError, CatalogError, RefusedStepError
from riskloom.ledger.database import reading
from riskloom.ledger.schema import RuleVersion
from riskloom.lifecycle.active import ActiveRules, Judgement
from riskloom.lifecycle.approvals import approve, propose
from riskloom.lifecycle.assignment import is_reached, key_of_rule
from riskloom.lifecycle.floods import FloodRequest, write_request
from riskloom.lifecycle.publication import Publication, PublishedRule, read_publication
from riskloom.lifecycle.requests import take_requests
from riskloom.lifecycle.stages import rollback, rule_state
from riskloom.lifecycle.transitions import Placement
from riskloom.rules import CountedScenario, Facts, Rule, Table, parse_rule, parse_scenario
from riskloom.sql import Parameters
from tests.lifecycle.world import DOMAIN, NOW, SCHEMA, Office, source

NAME = "takeover"
KEY = key_of_rule(b"k" * 32, DOMAIN, NAME)


def scenario(
    rules: str = "{first_sign: 1, second_sign: 0.5}", *, alert: str = "{from: 30}", to: float = 45, name: str = NAME
) -> str:
    """A scenario's text."""
    return f"""\
id: {name}
title: An account that was taken over
description: Several signs that somebody else acts.
abuse_vector: account_takeover
owner: payments-fraud
rules: {rules}
alert: {alert}
interdiction: {{from: {to}, force: block}}
"""


def sign(name: str, bound: float, score: float = 30) -> str:
    """A rule that brings points from an amount on."""
    return source(name, effect=f"score: {score!r}", when=f"event.amount > {bound!r}", bound=int(abs(bound)) + 1)


SIGNS = (sign("first_sign", 100), sign("second_sign", 200))


@pytest.fixture
def office(ledger: Engine, tmp_path: Path) -> Office:
    """An office on each database with two live rules that bring points."""
    office = Office.over(ledger, tmp_path)
    for text in SIGNS:
        office.go_live(text)
    return office


def placements(office: Office) -> dict[int, str]:
    with reading(office.controls.engine) as session:
        return {number: str(place) for number, place in rule_state(session, DOMAIN, NAME).placements.items()}


def test_a_scenario_has_the_life_of_a_rule(office: Office) -> None:
    """Versions by text, a second person for more effect, publication with its stage, and back in one step."""
    assert [office.write(text).is_new for text in (scenario(), scenario(), scenario(to=44))] == [True, False, True]
    office.move(NAME, 1, Placement("shadow"))
    with pytest.raises(ApprovalNeededError):
        office.move(NAME, 1, Placement("rollout", 5))
    with office.controls.commanding(DOMAIN, "author") as desk:
        propose(desk, DOMAIN, NAME, 1, Placement("rollout", 5), approval_id="p", reason="it does well", evidence={})
    with pytest.raises(RefusedStepError, match="second person"), office.controls.commanding(DOMAIN, "author") as desk:
        approve(desk, "p", reason="me too")
    with office.controls.commanding(DOMAIN, "second") as desk:
        approve(desk, "p", reason="looked at it")
    found = read_publication(office.controls.folder, DOMAIN, office.controls.signing_key.public_key())
    assert found is not None
    assert [each.id for each in found.rules] == ["first_sign", "second_sign"]
    assert [(each.id, each.version, each.stage, each.percent) for each in found.scenarios] == [(NAME, 1, "rollout", 5)]
    with office.controls.commanding(DOMAIN, "on call") as desk:
        rollback(desk, DOMAIN, NAME, reason="it blocks everybody")
    assert placements(office) == {1: "shadow", 2: "draft"}
    with reading(office.controls.engine) as session:
        assert session.get_one(RuleVersion, (DOMAIN, NAME, 1)).kind == "scenario"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            scenario("{first_sing: 1, second_sign: 1}"),
            r"rules.first_sing: expected a known name, nearest is 'first_sign'",
        ),
        (scenario("{first_sign: 1, large_amount: 1}"), "a rule with a score, found 'large_amount'"),
        (scenario(to=46), "at most the 45 points"),
        (scenario(alert="{from: 30, force: blok}"), "nearest is 'block'"),
        (scenario(name="first_sign"), "id: expected an id that no rule has, found 'first_sign'"),
    ],
)
def test_what_it_names_must_be_there(office: Office, text: str, expected: str) -> None:
    """As rules in the ledger, with a score and within reach; nothing is kept of a wrong one."""
    office.write(source())
    with pytest.raises(CatalogError, match=expected):
        office.write(text)
    assert placements(office) == {}


def test_names_and_scores_that_are_counted_on_stay(office: Office) -> None:
    """A rule that a scenario adds up keeps a score, and takes no scenario's name; known text is not looked at again."""
    office.write(scenario())
    with pytest.raises(CatalogError, match="a score, as takeover counts on it"):
        office.write(source("first_sign"))
    with pytest.raises(CatalogError, match="an id that no scenario has"):
        office.write(source(NAME))
    office.move("first_sign", 1, Placement("retired"))
    assert not office.write(scenario()).is_new
    with pytest.raises(CatalogError, match=r"rules\.first_sign"):
        office.write(scenario(to=44))


def test_a_flooding_scenario_goes_back_to_the_shadow(office: Office) -> None:
    """A service's request is a step of it, as of a rule."""
    office.go_live(scenario())
    request = FloodRequest(domain=DOMAIN, rule_id=NAME, version=1, step=4, share=0.5, max_share=0.2, at=NOW)
    write_request(office.controls.folder, request)
    assert take_requests(office.controls, DOMAIN) == (request,)
    assert placements(office) == {1: "shadow"}


def published(text: str, name: str, stage: Any, *, version: int = 1, percent: int | None = None) -> PublishedRule:
    """A version in force."""
    return PublishedRule(
        id=name, version=version, stage=stage, percent=percent, step=2, key=KEY.hex(), source=text
    )  # fmt: skip


def judge(
    amount: float | None,
    *scenarios: PublishedRule,
    second: Any = "live",
    entity: str | None = "e",
    stopped: Any = (),
) -> Judgement:
    """What two rules, the second in a stage of its own, and scenarios say of an amount."""
    rules = (published(SIGNS[0], "first_sign", "live"), published(SIGNS[1], "second_sign", second))
    active = ActiveRules(Publication(domain=DOMAIN, published_at=NOW, rules=rules, scenarios=scenarios), SCHEMA)
    return active.judge(Facts({"amount": amount}, {}, at=NOW), entity, stopped)


def levels(hits: Any) -> list[tuple[str, str, float]]:
    return [(hit.stage, hit.reached.level, hit.points) for hit in hits]


def test_an_alert_looks_and_an_interdiction_forces() -> None:
    """From the alert on it hits without an outcome; from the interdiction on it forces one, and says by which rules."""
    live = published(scenario(), NAME, "live")
    assert levels(judge(50, live).scenarios) == []
    alerted = judge(150, live)
    assert (levels(alerted.scenarios), alerted.forced()) == ([("live", "alert", 30.0)], {})
    stopped = judge(500, live)
    assert levels(stopped.scenarios) == [("live", "interdiction", 45.0)]
    assert stopped.scenarios[0].brought == {"first_sign": 30.0, "second_sign": 15.0}
    assert stopped.forced() == {"block": [NAME]}
    assert (judge(None, live).scenarios, judge(500, live).shadow_scenarios) == ((), ())


def test_a_shadow_has_no_effect() -> None:
    """Neither a scenario in shadow, nor the points of a rule in shadow; both are said to be what would have been."""
    shadow = judge(500, published(scenario(), NAME, "shadow"))
    assert (shadow.scenarios, shadow.forced()) == ((), {})
    assert levels(shadow.shadow_scenarios) == [("shadow", "interdiction", 45.0)]
    assert shadow.forced(with_shadow=True) == {"block": [NAME]}
    further = judge(500, published(scenario(), NAME, "live"), second="shadow")
    assert (levels(further.scenarios), further.forced()) == ([("live", "alert", 30.0)], {})
    assert levels(further.shadow_scenarios) == [("shadow", "interdiction", 45.0)]
    assert further.forced(with_shadow=True) == {"block": [NAME]}


def test_of_several_versions_of_a_rule_one_counts() -> None:
    """The one that has effect; for what would have been, the newest of those that hit."""
    rules = (published(sign("first_sign", 100, 30), "first_sign", "live"),
             published(sign("first_sign", 100, 50), "first_sign", "shadow", version=2))  # fmt: skip
    live = published(scenario(), NAME, "live")
    active = ActiveRules(Publication(domain=DOMAIN, published_at=NOW, rules=rules, scenarios=(live,)), SCHEMA)
    found = active.judge(Facts({"amount": 150}, {}, at=NOW), "e")
    assert [hit.points for hit in found.scenarios] == [30]
    assert [hit.points for hit in found.would_reach] == [50]


def test_a_rollout_reaches_some_and_stands_in_for_the_live_version() -> None:
    """By the entity, as of rules; one that was stopped is in shadow."""
    inside = next(f"e-{n}" for n in range(1_000) if is_reached(f"e-{n}", 10, KEY))
    outside = next(f"e-{n}" for n in range(1_000) if not is_reached(f"e-{n}", 10, KEY))
    both = published(scenario(), NAME, "live"), published(scenario(to=44), NAME, "rollout", version=2, percent=10)
    for entity, expected in ((inside, [2]), (outside, [1]), (None, [1])):
        found = judge(500, *both, entity=entity)
        assert [hit.active.published.version for hit in found.scenarios] == expected
    stopped = judge(500, both[0], stopped={(NAME, 1, 2)})
    assert (stopped.scenarios, len(stopped.shadow_scenarios)) == ((), 1)


def test_rules_that_are_gone_bring_nothing() -> None:
    """A scenario goes on with what is left: taking a rule away never stops the others."""
    live = published(scenario("{first_sign: 1, retired_sign: 5}", to=40), NAME, "live")
    assert levels(judge(500, live).scenarios) == [("live", "alert", 30.0)]


def test_the_service_and_a_back_test_agree() -> None:
    """Points to the last bit and levels, of rules, weights and thresholds at random, on amounts around every bound."""
    chance = random.Random(5)
    with duckdb.connect(config={"threads": 1}) as connection:
        for _ in range(40):
            bounds = {f"sign_{number}": chance.uniform(1, 400) for number in range(chance.randrange(2, 7))}
            scores = {name: chance.choice([0.1, 0.7, 1e-9, 1e3]) * chance.uniform(0.1, 1) for name in bounds}
            minus = max(bounds)
            scores[minus] *= chance.choice([1, -1])
            weights = {name: chance.uniform(0.01, 3) for name in bounds}
            most = sum(max(scores[name] * weights[name], 0) for name in bounds) * 0.999
            text = scenario(str(weights).replace("'", ""), alert=f"{{from: {most / 3!r}}}", to=most)
            texts = {name: sign(name, bounds[name], scores[name]) for name in bounds}
            amounts = [None, 0.0, 1e9, *bounds.values(), *(bound + 1e-9 for bound in bounds.values())]
            rules = {name: parse_rule(each, file=name, schema=SCHEMA) for name, each in texts.items()}
            assert judged(text, texts, amounts) == counted(connection, text, rules, amounts)


def judged(text: str, texts: dict[str, str], amounts: list[Any]) -> list[tuple[str, float] | None]:
    """Level and points of each amount as the service has them; None below the alert."""
    rules = tuple(published(each, name, "live") for name, each in texts.items())
    publication = Publication(
        domain=DOMAIN, published_at=NOW, rules=rules, scenarios=(published(text, NAME, "live"),)
    )  # fmt: skip
    active = ActiveRules(publication, SCHEMA)
    found = [active.judge(Facts({"amount": amount}, {}, at=NOW), "e").scenarios for amount in amounts]
    return [(hits[0].reached.level, hits[0].points) if hits else None for hits in found]


def counted(
    connection: duckdb.DuckDBPyConnection, text: str, rules: dict[str, Rule], amounts: list[Any]
) -> list[tuple[str, float] | None]:
    """The same as DuckDB counts it."""
    tried = CountedScenario(parse_scenario(text, file="typed", schema=SCHEMA), rules)
    table, parameters = Table({"event.amount": "amount"}, at="at"), Parameters()
    columns = [
        tried.points_sql(table, parameters),
        tried.reaches_sql("alert", table, parameters),
        tried.reaches_sql("interdiction", table, parameters),
    ]
    connection.register("given", pa.table({"amount": pa.array(amounts, pa.float64())}))
    query = f"select {', '.join(columns)} from (select amount, timestamp '2026-03-01' as at from given)"  # noqa: S608
    rows = connection.execute(query, parameters.values).fetchall()
    return [
        ("interdiction" if is_stopped else "alert", points) if is_alerted else None
        for points, is_alerted, is_stopped in rows
    ]
