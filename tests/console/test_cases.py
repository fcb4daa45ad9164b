"""Work on cases, page by page: what is shown, what is kept, and what happens where two people meet."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update
from starlette.testclient import TestClient

from riskloom.ledger.database import reading, writing
from riskloom.ledger.schema import Alert, Case, Decision, EntityValue, Label, Note
from services.console.dossier import finding
from services.console.relations import MOST_SHARING
from services.console.verdict_form import PREFIX, detail_fields
from tests.console.world import DOMAINS, World, forms

FIRST = next(iter(DOMAINS))
#: What fits a column that a label cannot do without, by its type.
FITTING = {"string": "something", "bigint": "1", "double": "1.5", "boolean": "yes", "timestamp": "2026-03-01T10:00"}


def send(client: TestClient, case: Case, step: str, **typed: str) -> int:
    """Open a case's page and send one of its forms; the status of the answer."""
    return _sent(client, case, step, **typed)[0]


def _sent(client: TestClient, case: Case, step: str, **typed: str) -> tuple[int, str]:
    path = f"/cases/{case.case_id}/{step}"
    fields = forms(client.get(f"/cases/{case.case_id}").text)[path]
    answer = client.post(path, data={**fields, **typed})
    return answer.status_code, answer.text


def verdict_of(domain: str, choice: str = "yes", reason: str = "the pattern is known") -> dict[str, str]:
    """A verdict that is filled in whole."""
    given = {"verdict": choice, "reason": reason}
    for field in detail_fields(DOMAINS[domain], {}):
        column = field.column
        if not column.nullable:
            given[field.key] = column.allowed[0] if column.allowed else FITTING.get(column.type, "1.5")
    return given


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_case_shows_why_and_ends_with_a_label(world: World, domain: str) -> None:
    """Of every domain: reasons with their values; a verdict labels each subject and closes the case."""
    case = world.cases(domain)[0]
    with world.visitor("ana") as client:
        text = client.get(f"/cases/{case.case_id}").text
        assert case.entity in text
        assert 'class="histogram"' in text
        assert send(client, case, "claim") == 303
        assert world.case(case.case_id).assignee == "ana"
        assert send(client, case, "verdict", **verdict_of(domain)) == 303
        shown = client.get(f"/cases/{case.case_id}?done=decided").text
        assert finding(DOMAINS[domain]) in shown
        assert "The verdict is kept" in shown
    with reading(world.engine) as session:
        labels = session.scalars(select(Label).where(Label.case_id == case.case_id)).all()
        subjects = set(session.scalars(select(Alert.subject).where(Alert.case_id == case.case_id)))
    assert {label.subject for label in labels} == subjects
    assert all(label.value and label.stated_by == "ana" for label in labels)
    assert world.case(case.case_id).state == "closed"


def test_two_who_take_the_same_case(world: World) -> None:
    """The second one is told who has it since when, and what can be done meanwhile; the page is the present one."""
    case = world.cases(FIRST)[0]
    with world.visitor("ana") as ana, world.visitor("ben") as ben:
        path = f"/cases/{case.case_id}/claim"
        theirs = forms(ben.get(f"/cases/{case.case_id}").text)[path]
        assert send(ana, case, "claim") == 303
        world.clock.now += timedelta(minutes=12)
        answer = ben.post(path, data=theirs)
        assert answer.status_code == 409
        assert "ana is working on this case." in answer.text
        assert "12 min ago" in answer.text
        assert "Ask ana to give it back" in answer.text
        assert world.case(case.case_id).assignee == "ana"
        assert send(ben, case, "note", text="seen this before") == 303


def test_a_lead_takes_a_case_over(world: World) -> None:
    """With a reason, which whoever had it reads at the next step; what was typed there is kept. Analysts cannot."""
    case = world.cases(FIRST)[0]
    path = f"/cases/{case.case_id}/take-over"
    with world.visitor("ana") as ana, world.visitor("lea") as lea, world.visitor("ben") as ben:
        assert path not in lea.get(f"/cases/{case.case_id}").text, "it is nobody's yet"
        assert send(ana, case, "claim") == 303
        theirs = forms(ana.get(f"/cases/{case.case_id}").text)[f"/cases/{case.case_id}/verdict"]
        assert path not in ben.get(f"/cases/{case.case_id}").text
        assert send(lea, case, "take-over", reason=" ") == 422
        stale = forms(lea.get(f"/cases/{case.case_id}").text)[path]
        assert send(lea, case, "take-over", reason="ana is ill") == 303
        answer = ana.post(f"/cases/{case.case_id}/verdict", data={**theirs, **verdict_of(FIRST, reason="half a day")})
        assert answer.status_code == 409
        assert "lea is working on this case." in answer.text
        assert "<strong>lea</strong> took the case over: “ana is ill”" in answer.text
        assert "half a day</textarea>" in answer.text
        assert lea.post(path, data={**stale, "reason": "again"}).status_code == 409
        assert send(lea, case, "verdict", **verdict_of(FIRST)) == 303
    assert world.case(case.case_id).assignee == "lea"


def test_the_rules_that_hit_are_shown(world: World) -> None:
    """With what each did; of a scenario its points and who brought them."""
    case = world.cases(FIRST)[0]
    hits = [
        {"rule": "first_rule", "version": 2, "stage": "rollout", "effect": "score", "outcome": None, "points": 40.0},
        {"rule": "second_rule", "version": 1, "stage": "live", "effect": "forbid", "outcome": "block", "points": None},
        {"rule": "several_signs", "version": 1, "stage": "live", "effect": "alert", "outcome": None, "points": 40.0,
         "scenario": {"level": "alert", "threshold": 30.0, "rules": {"first_rule": 40.0}}},
    ]  # fmt: skip
    with writing(world.engine) as session:
        of_case = select(Alert.decision_id).where(Alert.case_id == case.case_id)
        session.execute(update(Decision).where(Decision.decision_id.in_(of_case)).values(rules_hit=hits))
        decision_id = session.scalars(of_case).first()
    with world.visitor("ana") as client:
        for path in (f"/cases/{case.case_id}", f"/decisions/{decision_id}"):
            text = " ".join(client.get(path).text.split())
            assert f"/rules/{FIRST}/first_rule" in text
            assert "version 2, rollout: +40 points" in text
            assert "forbids block" in text
            assert f"/rules/{FIRST}/several_signs" in text
            assert f'40 points (<a href="/rules/{FIRST}/first_rule">first rule</a> +40), alert from 30' in text


def test_a_stale_page_tells_what_changed_and_keeps_what_was_typed(world: World) -> None:
    """The verdict that was typed stands in the form, which now has the present version: sent again it is taken."""
    case = world.cases(FIRST)[0]
    path = f"/cases/{case.case_id}/verdict"
    typed = verdict_of(FIRST, reason="a long & careful <reason>")
    with world.visitor("ana") as ana, world.visitor("ben") as ben:
        seen = forms(ana.get(f"/cases/{case.case_id}").text)[path]
        assert send(ben, case, "note", text="look at the other card") == 303
        answer = ana.post(path, data={**seen, **typed})
        assert answer.status_code == 409
        assert "has changed since you opened this page" in answer.text
        assert "<strong>ben</strong> wrote a note" in answer.text
        assert "a long &amp; careful &lt;reason&gt;</textarea>" in answer.text
        again = forms(answer.text)[path]
        assert again["key"] == seen["key"]
        assert ana.post(path, data={**again, **typed}).status_code == 303
    assert world.case(case.case_id).verdict is True


def test_a_verdict_that_is_sent_twice_is_one(world: World) -> None:
    """An impatient second click has the same answer; other words under the same key are refused and kept."""
    case = world.cases(FIRST)[0]
    path = f"/cases/{case.case_id}/verdict"
    with world.visitor("ana") as client:
        fields = forms(client.get(f"/cases/{case.case_id}").text)[path]
        form = {**fields, **verdict_of(FIRST)}
        assert [client.post(path, data=form).status_code for _ in range(2)] == [303, 303]
        other = client.post(path, data={**form, "reason": "something else altogether"})
        assert other.status_code == 409
        assert "was sent before, with other words" in other.text
        assert "something else altogether" in other.text
    with reading(world.engine) as session:
        count = len(session.scalars(select(Label).where(Label.case_id == case.case_id)).all())
        subjects = set(session.scalars(select(Alert.subject).where(Alert.case_id == case.case_id)))
    assert count == len(subjects)


def test_a_note_on_a_case_that_was_closed_meanwhile_is_not_lost(world: World) -> None:
    """Who closed it is told, and the text stands there to be copied."""
    case = world.cases(FIRST)[0]
    path = f"/cases/{case.case_id}/note"
    with world.visitor("ana") as ana, world.visitor("ben") as ben:
        fields = forms(ana.get(f"/cases/{case.case_id}").text)[path]
        assert send(ben, case, "verdict", **verdict_of(FIRST, "no")) == 303
        answer = ana.post(path, data={**fields, "text": "half an hour of thoughts"})
        assert answer.status_code == 409
        assert "<strong>ben</strong> decided the case" in answer.text
        assert "half an hour of thoughts" in answer.text


def test_what_is_missing_is_said_at_its_field(world: World) -> None:
    """Nothing is done, and what was typed stays."""
    case = world.cases(FIRST)[0]
    with world.visitor("ana") as client:
        status, text = _sent(client, case, "verdict", reason="only a reason")
        assert status == 422
        assert "Choose what it was." in text
        assert "only a reason</textarea>" in text
        assert send(client, case, "note", text="  ") == 422
        for step in ("snooze", "escalate"):
            assert send(client, case, step, hours="4") == 422
        assert send(client, case, "snooze", hours="999", reason="later") == 422
    assert world.case(case.case_id).version == case.version


def test_details_keep_the_label_tables_contract(world: World) -> None:
    """Of every domain: what its label table would not take is said at the field, before there is a label."""
    for domain in DOMAINS:
        case = world.cases(domain)[0]
        for field in detail_fields(DOMAINS[domain], {}):
            column = field.column
            wrong = {
                "string": "x" * (column.max_length + 1) if not column.allowed else "nonsense",
                "boolean": "maybe", "timestamp": "soon",
            }.get(column.type, "much")  # fmt: skip
            with world.visitor("ana") as client:
                status, text = _sent(client, case, "verdict", **{**verdict_of(domain), field.key: wrong})
            assert (status, "Expected" in text) == (422, True), (domain, field.key)
            assert f'id="wrong-{PREFIX}{field.name}"' in text
    assert not world.cases(FIRST)[0].closed_at


def test_cases_are_put_away_handed_up_and_given_back(world: World) -> None:
    """Each step is in the queue afterwards where it should be."""
    first, second, third = world.cases(FIRST)[:3]
    with world.visitor("ana") as client:
        assert send(client, first, "snooze", hours="4", reason="waiting for an answer") == 303
        assert send(client, second, "escalate", reason="beyond me") == 303
        assert send(client, third, "claim") == 303
        assert send(client, third, "release") == 303
        queue = client.get(f"/queue?domain={FIRST}").text
        assert f"/cases/{first.case_id}" not in queue
        assert f"/cases/{first.case_id}" in client.get(f"/queue?domain={FIRST}&state=snoozed").text
        assert f"/cases/{second.case_id}" in client.get(f"/queue?domain={FIRST}&state=escalated").text
        assert f"/cases/{third.case_id}/claim" in queue
        world.clock.now += timedelta(minutes=50)
        assert client.get("/queue").status_code == 200


def test_linked_cases_show_each_other_and_merge(world: World) -> None:
    """A link is in the picture and both timelines, across domains too; one of the same domain can be merged."""
    first, second = world.cases(FIRST)[:2]
    other = world.cases(list(DOMAINS)[1])[0]
    with world.visitor("ana") as client:
        assert send(client, first, "link", other=other.case_id, kind="related", reason="same person") == 303
        assert send(client, first, "link", other=second.case_id, kind="duplicate") == 303
        page = client.get(f"/cases/{first.case_id}").text
        assert "linked it with another case: same person" in page
        assert f"/cases/{other.case_id}" in page
        assert send(client, first, "merge") == 303
        assert world.case(second.case_id).merged_into == first.case_id
        assert send(client, first, "link", other="nobody", kind="related") == 404


@pytest.mark.parametrize("domain", [name for name, declared in DOMAINS.items() if declared.subject.related])
def test_whoever_shares_a_value_is_in_the_picture(world: World, domain: str) -> None:
    """By the domain's declared columns, with what is shared in words; what very many share is left out."""
    case = world.cases(domain)[0]
    name = DOMAINS[domain].subject.related[0]
    with writing(world.engine) as session:
        of_case = select(Alert.decision_id).where(Alert.case_id == case.case_id)
        decisions = session.scalars(select(Decision).where(Decision.decision_id.in_(of_case))).all()
        for decision in decisions:
            decision.event = {**decision.event, name: "common" if decision is decisions[0] else "shared-7"}
        seen = [("shared-7", case.entity), ("shared-7", "neighbour"), ("other-8", "stranger")]
        seen += [("common", f"anybody-{number}") for number in range(MOST_SHARING + 1)]
        rows = [{"domain": domain, "name": name, "value": value, "entity": who, "decisions": 1} for value, who in seen]
        session.execute(insert(EntityValue), rows)
    with world.visitor("ana") as client:
        text = client.get(f"/cases/{case.case_id}").text
    assert f"neighbour in {DOMAINS[domain].title}, with the same {name.replace('_', ' ')} shared-7" in text
    assert f"domain={domain}&amp;entity=neighbour" in text
    assert "stranger" not in text
    assert "anybody" not in text


def test_a_lead_takes_a_label_back(world: World) -> None:
    """The statement stays, a later one withdraws it, and the case shows both."""
    case = world.cases(FIRST)[0]
    with world.visitor("lea") as client:
        assert send(client, case, "verdict", **verdict_of(FIRST)) == 303
        assert send(client, case, "withdraw") == 303
        assert "withdrawn by" in client.get(f"/cases/{case.case_id}").text


def test_the_queue_goes_on_behind_its_last_row(world: World) -> None:
    """Filters stay in the address of the next page; whoever has cases sees them on one list."""
    with world.visitor("ana") as client:
        for domain in DOMAINS:
            case = world.cases(domain)[0]
            assert send(client, case, "claim") == 303
        mine = client.get("/queue?mine=1").text
        assert all(f"/cases/{case.case_id}" in mine for domain in DOMAINS for case in world.cases(domain)[:1])
        assert client.get("/queue?cursor=nonsense").status_code == 400
        assert client.get("/queue?domain=nothing").status_code == 404


def test_notes_are_text(world: World) -> None:
    """Markup in a note is shown, not obeyed, and kept as it was typed."""
    case = world.cases(FIRST)[0]
    note = "<script>alert(1)</script>\n& so on"
    with world.visitor("ana") as client:
        assert send(client, case, "note", text=note) == 303
        assert "<script>alert" not in client.get(f"/cases/{case.case_id}").text
    with reading(world.engine) as session:
        assert session.scalars(select(Note.text)).all() == [note]
