"""Rules in the console: written, tried, moved by two people, rolled back; and what happens where something is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import insert, select

from riskloom.ledger.audit import ensure_audit_key
from riskloom.ledger.database import reading, writing
from riskloom.ledger.records import decision_row, hit_rows
from riskloom.ledger.schema import AuditEvent, Decision, RuleHit
from riskloom.ledger.verification import verify_audit
from riskloom.lifecycle.backtest_report import BacktestReport, DayHits, Overlap, wilson
from riskloom.lifecycle.publication import read_publication
from riskloom.lifecycle.transitions import Placement
from riskloom.lifecycle.trials import keep_backtest
from riskloom.registry import load_public_key
from services.console.drafting import new_rule
from tests.console.test_pages import Outline
from tests.console.world import DOMAINS, NOW, World, forms, send
from tests.console.writing import FIRST, PAGE, RULE, done, move, proposals, source, state, submit, write


def published(world: World) -> list[tuple[str, int, str, int | None]]:
    """What the scoring service works with: rules with version, stage and percent."""
    found = read_publication(world.home / "rules", FIRST, load_public_key(world.home / "keys"))
    return [] if found is None else [(rule.id, rule.version, rule.stage, rule.percent) for rule in found.rules]


def hit_by(rule: str, number: int, *, stage: str) -> dict[str, object]:
    """A decision that a rule hit, as the outbox keeps it."""
    domain = DOMAINS[FIRST]
    hit = {"rule": rule, "version": 1, "stage": stage, "effect": "force", "outcome": domain.outcome[-1].name}
    shadow = {"rules_hit": [hit], "outcome": domain.outcome[-1].name} if stage == "shadow" else {}
    return {
        "decision_id": f"hit-{number}", "domain": FIRST, "subject": f"hit-s-{number}", "entity": f"hit-e-{number}",
        "amount": "400.00", "decided_at": (NOW + timedelta(seconds=number)).isoformat(), "score": 0.2,
        "outcome": domain.outcome[0].name, "basis": "score", "model_version": "1", "features": {}, "event": {},
        "rules_hit": [] if stage == "shadow" else [hit], "shadow": shadow,
    }  # fmt: skip


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_new_rule_begins_with_one_that_can_be_kept(ruled: World, domain: str) -> None:
    """Of every domain: the editor's text is a rule as it stands, beside every name it may use."""
    with ruled.visitor("eve") as client:
        page = client.get(f"/drafts/{domain}").text
        vocabulary = ruled.console.vocabularies.of(DOMAINS[domain])
        assert all(f"<code>{name}</code>" in page for name in vocabulary.schema.fields)
        assert all(f"<code>list.{name}</code>" in page for name in vocabulary.schema.lists)
        assert all(text for name, text in vocabulary.descriptions.items()), "every name is described"
        answer = submit(client, f"/drafts/{domain}", f"/drafts/{domain}", source=new_rule(DOMAINS[domain]), reason="x")
        assert done(answer) == "drafted"


def test_a_rule_lives_by_its_pages(ruled: World) -> None:
    """Draft, shadow, a tenth of entities by two people, and back; published at each step, and audited."""
    with ruled.visitor("eve") as eve, ruled.visitor("lea") as lea, ruled.visitor("ana") as ana:
        assert done(write(eve, source())) == "drafted"
        assert published(ruled) == []
        assert done(move(eve, "shadow")) == "moved"
        assert published(ruled) == [(RULE, 1, "shadow", None)]
        assert done(move(eve, "rollout", percent=10)) == "proposed"
        assert state(ruled).placements == {1: Placement("shadow")}
        (asked,) = proposals(ruled)
        assert "1 proposal waits" in ana.get("/").text
        assert "rollout 10%" in ana.get("/proposals").text
        assert done(submit(lea, PAGE, f"{asked.url}/approve", reason="looked at forty hits")) == "approved"
        assert published(ruled) == [(RULE, 1, "rollout", 10)]
        history = ana.get(PAGE).text
        assert "looked at forty hits" in history
        assert "asked by eve" in history
        assert done(submit(eve, PAGE, f"{PAGE}/rollback", reason="calls from travellers")) == "rolled_back"
        assert published(ruled) == [(RULE, 1, "shadow", None)]
        assert "took step 3 back" in ana.get(PAGE).text
    with reading(ruled.engine) as session:
        who = session.execute(select(AuditEvent.actor, AuditEvent.action).where(AuditEvent.action.like("rule.%")))
        assert [tuple(row) for row in who] == [
            ("eve", "rule.written"), ("eve", "rule.drafted"), ("eve", "rule.moved"), ("eve", "rule.proposed"),
            ("lea", "rule.approved"), ("lea", "rule.moved"), ("eve", "rule.rolled_back"),
        ]  # fmt: skip


def test_the_author_and_the_asker_cannot_approve(ruled: World) -> None:
    """Neither who asked nor who wrote the version; each is told so, and the proposal still waits."""
    with ruled.visitor("eve") as eve, ruled.visitor("lea") as lea:
        write(eve, source())
        move(lea, "shadow")
        move(lea, "rollout", percent=10)
        (asked,) = proposals(ruled)
        assert "You asked for it" in lea.get(PAGE).text
        assert "You wrote the version" in eve.get("/proposals").text
        csrf = forms(lea.get(PAGE).text)["/logout"]["csrf"]
        answer = send(lea, "POST", f"{asked.url}/approve", {"csrf": csrf, "reason": "mine"})
        assert answer.status_code == 409
        assert "lea, who asked for it" in answer.text
        csrf = forms(eve.get(PAGE).text)["/logout"]["csrf"]
        answer = send(eve, "POST", f"{asked.url}/approve", {"csrf": csrf, "reason": "mine"})
        assert answer.status_code == 409
        assert "eve, who wrote the version" in answer.text
        assert state(ruled).placements == {1: Placement("shadow")}
        assert done(send(eve, "POST", f"{asked.url}/reject", {"csrf": csrf, "reason": "no"})) == "rejected"
        assert "Nothing waits." in lea.get("/proposals").text


def test_a_stale_page_does_nothing_and_says_what_happened(ruled: World) -> None:
    """A step and a next version that were begun before somebody else moved the rule; what was typed stays."""
    with ruled.visitor("eve") as eve, ruled.visitor("lea") as lea:
        write(eve, source())
        before = forms(lea.get(PAGE).text)
        draft = forms(lea.get(f"/drafts/{FIRST}?rule={RULE}").text)[f"/drafts/{FIRST}"]
        move(eve, "shadow", reason="whom does it hit")
        step = send(lea, "POST", f"{PAGE}/move", {**before[f"{PAGE}/move"], "stage": "retired", "reason": "too broad"})
        assert step.status_code == 409
        assert "moved version 1 to shadow: “whom does it hit”" in step.text
        assert "too broad" in step.text
        text = source(bound=400)
        kept = send(lea, "POST", f"/drafts/{FIRST}", {**draft, "source": text, "reason": "a higher bound"})
        assert kept.status_code == 409
        assert "30" in kept.text
        assert "400.01" in kept.text
        assert state(ruled).placements == {1: Placement("shadow")}
        again = forms(kept.text)[f"/drafts/{FIRST}"]
        again = {**again, "source": text, "reason": "a higher bound"}
        assert done(send(lea, "POST", f"/drafts/{FIRST}", again)) == "drafted"
        assert state(ruled).placements[2] == Placement("draft")


def test_a_form_sent_twice_is_done_once(ruled: World) -> None:
    """A draft is one version, a proposal one proposal, an answer one answer, a rollback one rollback."""
    with ruled.visitor("eve") as eve, ruled.visitor("lea") as lea:
        fields = forms(eve.get(f"/drafts/{FIRST}").text)[f"/drafts/{FIRST}"]
        sent = {**fields, "source": source(), "reason": "seen"}
        assert [done(send(eve, "POST", f"/drafts/{FIRST}", sent)) for _ in range(2)] == ["drafted", "known"]
        move(eve, "shadow")
        fields = forms(eve.get(PAGE).text)[f"{PAGE}/move"]
        sent = {**fields, "stage": "rollout", "percent": "10", "reason": "well"}
        assert [done(send(eve, "POST", f"{PAGE}/move", sent)) for _ in range(2)] == ["proposed", "proposed"]
        (asked,) = proposals(ruled)
        sent = {**forms(lea.get(PAGE).text)[f"{asked.url}/approve"], "reason": "yes"}
        assert [send(lea, "POST", f"{asked.url}/approve", sent).status_code for _ in range(2)] == [303, 409]
        sent = {**forms(lea.get(PAGE).text)[f"{PAGE}/rollback"], "reason": "no"}
        assert [send(lea, "POST", f"{PAGE}/rollback", sent).status_code for _ in range(2)] == [303, 409]
        assert (state(ruled).step, state(ruled).placements) == (4, {1: Placement("shadow")})


def test_what_is_wrong_with_a_rule_is_said_line_by_line(ruled: World) -> None:
    """With what was expected and the nearest name; the text stays as it was typed, and nothing is kept."""
    amount = DOMAINS[FIRST].subject.amount
    wrong = source().replace(f"event.{amount} > 300", f"event.{amount[:-1]} > 300")
    line = next(number for number, text in enumerate(wrong.splitlines(), 1) if f"event.{amount[:-1]} >" in text)
    with ruled.visitor("eve") as client:
        answer = write(client, wrong)
        assert answer.status_code == 422
        assert f"line {line}, column 3" in answer.text
        assert f"nearest is &#39;event.{amount}&#39;" in answer.text
        assert f"event.{amount[:-1]} &gt; 300\n" in answer.text
        csrf = forms(client.get("/rules").text)["/logout"]["csrf"]
        for text in ("", "id: [", "- a list", "\x00", source().replace("positive:", "positiv:"), "x" * 70_000):
            checked = client.post(
                f"/drafts/{FIRST}/check", data={"csrf": csrf, "source": text}, headers={"hx-request": "true"}
            )
            assert checked.status_code == 200
            assert "wrong; nothing was kept" in checked.text
            assert "<html" not in checked.text
        assert state(ruled).placements == {}
        fine = client.post(f"/drafts/{FIRST}/check", data={"csrf": csrf, "source": source().replace("\n", "\r\n")})
        assert "The rule can be kept" in fine.text
        assert client.post(f"/drafts/{FIRST}", data={"csrf": csrf, "source": source()}).status_code == 422
        assert state(ruled).placements == {}


def test_a_draft_keeps_the_name_of_its_rule(ruled: World) -> None:
    """Another id is another rule, and a new rule does not become the next version of one that is there."""
    with ruled.visitor("eve") as client:
        write(client, source())
        renamed = write(client, source("another_name", bound=5), rule=RULE)
        assert renamed.status_code == 422
        assert "the rule that is edited" in renamed.text
        taken = write(client, source(bound=6))
        assert taken.status_code == 422
        assert "an id that no rule of the domain has" in taken.text
        assert list(state(ruled).placements) == [1]


def test_files_are_kept_as_versions(ruled: World) -> None:
    """What stands in files only is said to; once kept it is a draft, and a file that was kept is not kept again."""
    with ruled.visitor("eve") as client:
        assert "in a file only" in client.get("/rules").text
        name = next(iter(ruled.console.rules.of(DOMAINS[FIRST]).files))
        assert "is no version yet" in client.get(f"/rules/{FIRST}/{name}").text
        assert done(submit(client, "/rules", f"/rules/{FIRST}")) == "kept"
        assert state(ruled, name).placements == {1: Placement("draft")}
        assert f"/rules/{FIRST}" not in forms(client.get("/rules").text)
        assert "written by eve" in client.get(f"/rules/{FIRST}/{name}").text


def test_without_dbt_s_manifest_rules_can_be_read_and_not_written(world: World) -> None:
    """It says what to run."""
    with world.visitor("eve") as client:
        assert client.get("/rules").status_code == 200
        answer = client.get(f"/drafts/{FIRST}")
        assert answer.status_code == 400
        assert "riskloom features parse" in answer.text


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ({"stage": "rollout", "percent": "100", "reason": "x"}, "1 to 99"),
        ({"stage": "rollout", "percent": "many", "reason": "x"}, "1 to 99"),
        ({"stage": "retired", "reason": " "}, "Say why"),
        ({"stage": "heaven", "reason": "x"}, "Something is missing"),
    ],
)
def test_a_step_that_is_not_filled_in_says_what_is_missing(ruled: World, typed: dict[str, str], problem: str) -> None:
    """Nothing is done."""
    with ruled.visitor("eve") as client:
        write(client, source())
        move(client, "shadow")
        answer = send(client, "POST", f"{PAGE}/move", {**forms(client.get(PAGE).text)[f"{PAGE}/move"], **typed})
        assert answer.status_code == 422
        assert problem in answer.text
        assert state(ruled).step == 2


def test_a_step_that_the_stage_does_not_allow_is_refused(ruled: World) -> None:
    """From a draft nobody goes live at once."""
    with ruled.visitor("eve") as client:
        write(client, source())
        answer = move(client, "live")
        assert answer.status_code == 409
        assert "expected one that follows draft (shadow, retired)" in answer.text


def test_hits_lead_to_their_decisions(ruled: World) -> None:
    """Counted for seven days, those with effect apart from those in shadow; shadow results say what would have been."""
    with ruled.visitor("eve") as client, ruled.visitor("ana") as ana:
        write(client, source())
        move(client, "shadow")
        records = [hit_by(RULE, number, stage="shadow" if number < 3 else "rollout") for number in range(5)]
        rows = [decision_row(json.dumps(record).encode(), FIRST) for record in records]
        with writing(ruled.engine) as session:
            session.execute(insert(Decision), rows)
            session.execute(insert(RuleHit), [hit for row in rows for hit in hit_rows(row)])
        page = ana.get(PAGE).text
        assert "2 hits with effect and 3 in shadow in 7 days" in page
        assert 'href="/decisions/hit-4"' in page
        assert "it hit 3 of 6 decisions" in page
        assert "3 of them would have had another outcome" in page
        assert "+ 3 in shadow" in ana.get("/rules").text
        ruled.clock.now += timedelta(days=8)
    with ruled.visitor("ana") as ana:
        assert "0 hits with effect and 0 in shadow in 7 days" in ana.get(PAGE).text


def test_a_kept_back_test_is_drawn_with_its_numbers(ruled: World) -> None:
    """Each picture says in words what it shows; a report of an earlier release is said to be one."""
    days = tuple(DayHits(day=date(2026, 2, day), hits=day, right=day // 2) for day in (1, 3))
    report = BacktestReport(
        domain=FIRST, rule_id=RULE, version=1, start=NOW - timedelta(days=30), end=NOW, as_of=NOW, events=1000, hits=40,
        alerts_per_day=1.3, matured=900, positives=30, precision=wilson(20, 35), recall=wilson(20, 30), currency="USD",
        caught=Decimal("8000"), at_stake=Decimal("9000"), entities_hit=25, honest_entities_hit=7,
        overlaps=(Overlap(name="another_rule", both=10, only_rule=30, only_other=5),), days=days,
    )  # fmt: skip
    with ruled.visitor("eve") as client, ruled.visitor("ana") as ana:
        write(client, source())
        assert "was not tried on the history yet" in ana.get(PAGE).text
        for number, kept in enumerate(({**report.model_dump(mode="json"), "hits": "many"}, report)):
            with ruled.console.controls.commanding(FIRST, "nightly") as desk:
                row = keep_backtest(replace(desk, at=NOW + timedelta(minutes=number)), report, f"b-{number}")
                row.report = kept if isinstance(kept, dict) else row.report
        page = ana.get(PAGE).text
        for words in ("4 hits on 2 days, 1 of them known to be right; at most 3 a day", "8,000 caught, 1,000 missed",
                      "7 honest, 18 others", "another rule", "30 this alone, 10 both, 5 the other alone",
                      "57.1%", "20 of 35"):  # fmt: skip
            assert words in page, words
        assert "in a form that is not read any more" in ana.get(f"{PAGE}?backtest=b-0").text


def test_a_step_that_cannot_be_published_is_kept_and_said_so(ruled: World) -> None:
    """The page does not say that nothing was done, and says what to run."""
    (ruled.home / "rules").mkdir()
    (ruled.home / "rules" / FIRST).write_text("in the way of the folder")
    with ruled.visitor("eve") as client:
        answer = write(client, source())
        assert answer.status_code == 500
        assert f"riskloom rules publish {FIRST}" in answer.text
        assert state(ruled).placements == {1: Placement("draft")}


def test_pages_of_rules_can_be_used_without_seeing_them(ruled: World) -> None:
    """One first heading, a label for each field, each identifier once; no script or style within the page."""
    with ruled.visitor("eve") as eve, ruled.visitor("lea") as lea:
        write(eve, source())
        move(eve, "shadow")
        move(eve, "rollout", percent=10)
        name = next(iter(ruled.console.rules.of(DOMAINS[FIRST]).lists))
        for path in (PAGE, f"/drafts/{FIRST}?rule={RULE}", "/proposals", f"/lists/{FIRST}/{name}", "/rules", "/models"):
            text = lea.get(path).text
            outline = Outline()
            outline.feed(text)
            assert outline.tags.count("h1") == 1, path
            assert outline.unlabelled == [], path
            assert len(set(outline.ids)) == len(outline.ids), path
            assert "style=" not in text, path
            assert text.count("<script") == text.count("<script src="), path


def test_the_audit_chain_is_whole_after_steps_by_pages(ruled: World) -> None:
    """Steps of rules and lists are in it like all others."""
    with ruled.visitor("eve") as client:
        write(client, source())
        move(client, "shadow")
    key = ensure_audit_key(ruled.home / "keys")
    with reading(ruled.engine) as session:
        assert verify_audit(session, key, ruled.home / "audit" / "anchor.json").findings == ()
