"""Scenarios in the console: written, moved by two people, rolled back as rules are; and what they add up."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import insert
from starlette.testclient import TestClient

from riskloom.ledger.database import writing
from riskloom.ledger.records import decision_row, hit_rows
from riskloom.ledger.schema import Decision, RuleHit
from riskloom.lifecycle.backtest import INTERDICTION
from riskloom.lifecycle.backtest_report import BacktestReport, Overlap, wilson
from riskloom.lifecycle.publication import read_publication
from riskloom.lifecycle.transitions import Placement
from riskloom.lifecycle.trials import keep_backtest
from riskloom.registry import load_public_key
from riskloom.rules.declaration import RuleDeclaration
from services.console.drafting import new_scenario
from tests.console.test_pages import Outline
from tests.console.world import DOMAINS, NOW, World, forms, send
from tests.console.writing import FIRST, SCENARIO, done, move, proposals, scenario, sign, state, submit, write

PAGE = f"/rules/{FIRST}/{SCENARIO}"
TIMES = "\N{MULTIPLICATION SIGN}"
HARDEST = DOMAINS[FIRST].outcome[-1].name


@pytest.fixture
def signed(ruled: World) -> World:
    """A console with two rules that bring points."""
    with ruled.visitor("eve") as eve:
        for name in ("first_sign", "second_sign"):
            assert done(write(eve, sign(name))) == "drafted"
    return ruled


def published(world: World) -> list[tuple[str, int, str, int | None]]:
    """The scenarios that the scoring service works with: version, stage and percent of each."""
    found = read_publication(world.home / "rules", FIRST, load_public_key(world.home / "keys"))
    return [] if found is None else [(each.id, each.version, each.stage, each.percent) for each in found.scenarios]


def words(client: TestClient, path: str) -> str:
    """A page with single blanks."""
    return " ".join(client.get(path).text.split())


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_new_scenario_begins_with_one_that_can_be_kept(ruled: World, domain: str) -> None:
    """Of every domain, once its rules are versions: the editor's text holds, beside every rule that it may name."""
    editor = f"/drafts/{domain}?kind=scenario"
    with ruled.visitor("eve") as client:
        assert "No rule with a score is a version yet" in client.get(editor).text
        early = submit(client, editor, f"/drafts/{domain}", source=new_scenario(DOMAINS[domain], {}), reason="x")
        assert early.status_code == 422
        assert "rules.first_sign" in early.text
        submit(client, "/rules", f"/rules/{domain}")
        page = client.get(editor).text
        files = [file.declaration for file in ruled.console.rules.of(DOMAINS[domain]).files.values()]
        rules = [each for each in files if isinstance(each, RuleDeclaration)]
        scored = {each.id: each for each in rules if each.score is not None}
        assert all(f'data-insert="{name}"' in page for name in scored)
        typed = {**forms(page)[f"/drafts/{domain}"], "source": new_scenario(DOMAINS[domain], scored), "reason": "x"}
        assert "The scenario can be kept" in send(client, "POST", f"/drafts/{domain}/check", typed).text
        assert done(send(client, "POST", f"/drafts/{domain}", typed)) == "drafted"


def test_a_scenario_lives_by_its_pages(signed: World) -> None:
    """Draft, shadow, a tenth of entities by two people, and back; published at each step."""
    with signed.visitor("eve") as eve, signed.visitor("lea") as lea, signed.visitor("ana") as ana:
        assert done(write(eve, scenario())) == "drafted"
        assert published(signed) == []
        assert done(move(eve, "shadow", page=PAGE)) == "moved"
        assert published(signed) == [(SCENARIO, 1, "shadow", None)]
        assert done(move(eve, "rollout", percent=10, page=PAGE)) == "proposed"
        (asked,) = proposals(signed)
        assert "several signs</a>" in ana.get("/proposals").text
        assert done(submit(lea, PAGE, f"{asked.url}/approve", reason="looked at it")) == "approved"
        assert published(signed) == [(SCENARIO, 1, "rollout", 10)]
        assert done(write(eve, scenario(to=44), rule=SCENARIO)) == "drafted"
        assert state(signed, SCENARIO).placements == {1: Placement("rollout", 10), 2: Placement("draft")}
        assert done(submit(eve, PAGE, f"{PAGE}/rollback", reason="it blocks travellers")) == "rolled_back"
        assert published(signed) == [(SCENARIO, 1, "shadow", None)]
        assert "took step 3 back" in ana.get(PAGE).text


def test_its_page_shows_what_it_adds_up_and_leads_there(signed: World) -> None:
    """Each rule with stage, score, weight and points; what each level does; and from a rule to its scenarios."""
    with signed.visitor("eve") as eve, signed.visitor("ana") as ana:
        write(eve, scenario())
        page = words(ana, PAGE)
        for name, score, weight, points in (("first_sign", "+30", "1", "+30"), ("second_sign", "+30", "0.5", "+15")):
            row = page.split(f'<a href="/rules/{FIRST}/{name}">')[1].split("</tr>")[0]
            assert 'stage-draft">draft' in row
            for what, figure in (("score", score), ("weight", weight), ("points", points)):
                assert f'data-what="{what}">{figure}</td>' in row
        assert "somebody looks from 30 points" in page
        assert f"{HARDEST.replace('_', ' ')} from 45 points" in page
        listed = words(ana, "/rules")
        assert f'<a href="{PAGE}">Several signs at once</a>' in listed
        assert f'<a href="/rules/{FIRST}/second_sign">second sign</a> <span class="nowrap">{TIMES} 0.5</span>' in listed
        assert f'<a href="{PAGE}">Several signs at once</a> <span class="quiet nowrap">{TIMES} 0.5' in words(
            ana, f"/rules/{FIRST}/second_sign"
        )
        move(eve, "retired", page=PAGE)
        assert PAGE not in ana.get(f"/rules/{FIRST}/second_sign").text


def test_scenarios_in_files_are_said_to_be_there_only(ruled: World) -> None:
    """With their rules, which are in files too; kept, they are drafts."""
    files = ruled.console.rules.of(DOMAINS[FIRST]).files
    name = next(name for name, file in files.items() if file.kind == "scenario")
    with ruled.visitor("eve") as client:
        page = words(client, f"/rules/{FIRST}/{name}")
        assert "This scenario stands in a file and is no version yet" in page
        assert page.count('<span class="chip">in a file only</span>') > 2
        assert 'name="kind" value="scenario"' in client.get(f"/drafts/{FIRST}?rule={name}").text
        submit(client, "/rules", f"/rules/{FIRST}")
        assert state(ruled, name).placements == {1: Placement("draft")}
        assert "in a file only" not in client.get(f"/rules/{FIRST}/{name}").text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (scenario(rules="{first_sing: 1, second_sign: 1}"), "nearest is &#39;first_sign&#39;"),
        (scenario(rules="{first_sign: 1, decides: 1}"), "a rule with a score, found &#39;decides&#39;"),
        (scenario(to=46), "at most the 45 points of all its rules"),
        (scenario(name="decides"), "an id that no rule has"),
        (sign("first_sign", None), "a score, as several_signs counts on it"),
    ],
)
def test_what_is_wrong_with_a_scenario_is_said_line_by_line(signed: World, text: str, expected: str) -> None:
    """By the check and when it would be kept; nothing is kept, and a rule keeps the score that is counted on."""
    with signed.visitor("eve") as client:
        write(client, sign("decides", None))
        write(client, scenario())
        edited = "first_sign" if text.startswith("id: first_sign") else None
        answer = write(client, text, rule=edited)
        assert answer.status_code == 422
        assert expected in answer.text
        assert "1 thing is wrong; nothing was kept" in answer.text
        assert list(state(signed, SCENARIO).placements) == [1]
        assert list(state(signed, "first_sign").placements) == [1]


def test_its_hits_are_shown_with_their_points(signed: World) -> None:
    """And the level that each came to, in effect or in shadow."""
    with signed.visitor("eve") as eve, signed.visitor("ana") as ana:
        write(eve, scenario())
        move(eve, "shadow", page=PAGE)
        rows = [decision_row(json.dumps(hit_by(number)).encode(), FIRST) for number in range(2)]
        with writing(signed.engine) as session:
            session.execute(insert(Decision), rows)
            session.execute(insert(RuleHit), [hit for row in rows for hit in hit_rows(row)])
        page = words(ana, PAGE)
        assert "1 hits with effect and 1 in shadow in 7 days" in page
        assert 'data-what="points">45 <span class="quiet">interdiction</span>' in page
        assert 'data-what="points">30 <span class="quiet">alert</span>' in page
        shadow = words(ana, "/decisions/hit-0")
        assert "With these live it would have been" in shadow
        assert f'<a href="{PAGE}">several signs</a>' in shadow


def test_its_back_test_says_how_many_come_to_the_interdiction(signed: World) -> None:
    """As a figure of its own, not beside what decides now."""
    report = BacktestReport(
        domain=FIRST, rule_id=SCENARIO, version=1, start=NOW - timedelta(days=30), end=NOW, as_of=NOW, events=1000,
        hits=40, alerts_per_day=1.3, matured=900, positives=30, precision=wilson(20, 35), recall=wilson(20, 30),
        currency="USD", caught=Decimal("8000"), at_stake=Decimal("9000"), entities_hit=25, honest_entities_hit=7,
        overlaps=(Overlap(name=INTERDICTION, both=11, only_rule=29, only_other=0),),
    )  # fmt: skip
    with signed.visitor("eve") as eve, signed.visitor("ana") as ana:
        write(eve, scenario())
        with signed.console.controls.commanding(FIRST, "nightly") as desk:
            keep_backtest(desk, report, "b-1")
        page = words(ana, PAGE)
        assert "<dt>To its interdiction</dt><dd>11</dd>" in page
        assert "No other rule or scenario is live" in page


def test_pages_of_scenarios_can_be_used_without_seeing_them(signed: World) -> None:
    """One first heading, a label for each field, each identifier once; no style within the page."""
    with signed.visitor("eve") as eve:
        write(eve, scenario())
        for path in (PAGE, f"/drafts/{FIRST}?rule={SCENARIO}", f"/drafts/{FIRST}?kind=scenario", "/rules"):
            text = eve.get(path).text
            outline = Outline()
            outline.feed(text)
            assert outline.tags.count("h1") == 1, path
            assert outline.unlabelled == [], path
            assert len(set(outline.ids)) == len(outline.ids), path
            assert "style=" not in text, path


def hit_by(number: int) -> dict[str, object]:
    """A decision in which the scenario came to a level: the first in shadow to its alert, the next to its end."""
    domain, is_shadow = DOMAINS[FIRST], number == 0
    reached = {"level": "alert", "threshold": 30.0, "rules": {"first_sign": 30.0}}
    if not is_shadow:
        reached = {"level": "interdiction", "threshold": 45.0, "rules": {"first_sign": 30.0, "second_sign": 15.0}}
    hit = {
        "rule": SCENARIO, "version": 1, "stage": "shadow" if is_shadow else "rollout",
        "effect": "alert" if is_shadow else "force", "outcome": None if is_shadow else HARDEST,
        "points": 30.0 if is_shadow else 45.0, "scenario": reached,
    }  # fmt: skip
    return {
        "decision_id": f"hit-{number}", "domain": FIRST, "subject": f"hit-s-{number}", "entity": f"hit-e-{number}",
        "amount": "400.00", "decided_at": (NOW + timedelta(seconds=number)).isoformat(), "score": 0.2,
        "outcome": domain.outcome[0].name, "basis": "score", "model_version": "1", "features": {}, "event": {},
        "rules_hit": [] if is_shadow else [hit],
        "shadow": {"rules_hit": [hit], "outcome": domain.outcome[0].name} if is_shadow else {},
    }  # fmt: skip
