"""What is refused, and how each refusal reads; and lists that go on page by page."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from riskloom.ledger.database import writing
from riskloom.ledger.schema import Decision
from riskloom.lifecycle.members import concealed_column, member_of
from riskloom.pseudonyms import Pseudonyms
from riskloom.rules import load_lists
from services.api.calls import PREFIX
from services.api.guard import MAX_BYTES
from tests.api.world import DOMAINS, FIRST, LISTED, NOW, PER_DOMAIN, World, cases, fitting_details, source

CASES = f"{PREFIX}/domains/{FIRST.name}/cases"
#: A domain whose entities are people, and a list of such.
PEOPLE, PEOPLE_LIST = next(
    (domain, name)
    for domain in DOMAINS.values()
    for name in load_lists(domain)
    if domain.subject.group in domain.event_table.pseudonyms and concealed_column(domain, name)
)


def posted(world: World, content: bytes, path: str = "rules/check", **headers: str) -> Any:
    """Send bytes; each header can be another."""
    given = {"X-API-Key": world.keys["ann"], "Content-Type": "application/json", "Idempotency-Key": "k", **headers}
    with world.client() as client:
        return client.post(f"{PREFIX}/domains/{FIRST.name}/{path}", content=content, headers=given)


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [(b"{", {}, 400, "invalid_json"), (b'{"source": "a", "source": "b"}', {}, 400, "invalid_json"),
     (b'{"source": NaN}', {}, 400, "invalid_json"), (b"\xff", {}, 400, "invalid_json"),
     (b"[" * 100_000, {}, 400, "invalid_json"), (b"[]", {}, 422, "invalid_request"),
     (b"{}", {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
     (b"{}", {"Content-Encoding": "gzip"}, 415, "unsupported_media_type"),
     (b" " * (MAX_BYTES + 1), {}, 413, "body_too_large")],
)  # fmt: skip
def test_a_body_is_strict_json_of_some_size(
    quick_world: World, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    """What can be read in two ways, or not at all, is refused."""
    answer = posted(quick_world, content, **headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "text"), ({"text": ""}, "text"), ({"text": "  "}, "text"), ({"text": 7}, "text"), ({"text": None}, "text"),
     ({"text": "a\0b"}, "text"), ({"text": "\ud800"}, "text"), ({"text": "x" * 4001}, "text"),
     ({"text": "a", "by": "me"}, "by")],
)  # fmt: skip
def test_every_wrong_field_is_named_and_its_value_not_repeated(
    quick_world: World, body: dict[str, Any], field: str
) -> None:
    """Nothing is converted, and no database is asked to keep what it cannot."""
    answer = quick_world.ask("add_note", body, case_id=cases(quick_world)[0]["case_id"])
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert '"me"' not in answer.text


@pytest.mark.parametrize("until", ["tomorrow", "2026-03-09", "2026-03-09T09:00:00", 1_772_000_000, None])
def test_a_time_has_an_offset(quick_world: World, until: object) -> None:
    """A number of seconds, a day, or a time of nowhere is none."""
    case = cases(quick_world)[0]
    body = {"until": until, "reason": "later"}
    answer = quick_world.ask("snooze_case", body, saw=case["version"], case_id=case["case_id"])
    assert [error["field"] for error in answer.json()["errors"]] == ["until"]


def test_a_list_goes_on_where_it_ended(world: World) -> None:
    """Page by page every row once, in order, at the address that body and header name; the filter goes along."""
    whole = world.ask("list_decisions").json()
    assert whole["next"] is None
    found: list[dict[str, Any]] = []
    headers = {"X-API-Key": world.keys["ann"]}
    path: str | None = f"{PREFIX}/domains/{FIRST.name}/decisions?limit=5"
    with world.client() as client:
        while path is not None:
            answer = client.get(path, headers=headers)
            page = answer.json()
            found += page["items"]
            expected = f'<{page["next"]}>; rel="next"' if page["next"] else None
            assert answer.headers.get("Link") == expected
            assert page["next"] is None or "limit=5" in page["next"]
            path = page["next"]
    assert found == whole["items"]
    assert len(found) == PER_DOMAIN


def test_lists_are_filtered(world: World) -> None:
    """By subject, entity, outcome and time; the queue by deadline, state and owner; labels by what was known."""
    rows = world.ask("list_decisions").json()["items"]
    one = rows[3]
    for name in ("subject", "entity", "outcome"):
        found = world.ask("list_decisions", query={name: one[name]}).json()["items"]
        assert found == [row for row in rows if row[name] == one[name]]
    between = {"since": rows[5]["decided_at"], "until": rows[1]["decided_at"]}
    assert world.ask("list_decisions", query=between).json()["items"] == rows[2:6]
    case = cases(world)[0]
    due = world.ask("list_cases", query={"order": "due"}).json()["items"]
    assert [row["sla_due_at"] for row in due] == sorted(row["sla_due_at"] for row in due)
    body = {"is_positive": True, "reason": "known", "details": fitting_details()}
    world.ask("claim_case", by="bob", saw=case["version"], case_id=case["case_id"])
    mine = world.ask("list_cases", query={"state": "claimed", "assignee": "key:bob"}).json()["items"]
    assert [row["case_id"] for row in mine] == [case["case_id"]]
    before = world.now
    world.ask("give_verdict", body, by="bob", saw=case["version"] + 1, case_id=case["case_id"])
    labels = world.ask("list_labels").json()["items"]
    assert world.ask("list_labels", query={"subject": labels[0]["subject"]}).json()["items"] == labels[:1]
    then = {"as_of": before.isoformat()}
    assert world.ask("list_labels", query=then).json()["items"] == []
    assert world.ask("list_labels", query={"as_of": world.now.isoformat()}).json()["items"] == labels


def test_people_are_asked_for_by_what_their_source_calls_them(world: World) -> None:
    """Decisions of an entity, and members of a list: the ledger has pseudonyms of them, and so has the answer."""
    who, controls = "anna@example.com", world.api.controls
    kept = Pseudonyms(PEOPLE.event_table, controls.pseudonym_key).of(PEOPLE.subject.group, who)
    world.fill(PEOPLE)
    rights = ("decisions:read", "lists:read", "lists:write")
    world.give("ana", *(f"{right}:{PEOPLE.name}" for right in rights))
    asked: dict[str, Any] = {"by": "ana", "domain": PEOPLE.name}
    with writing(controls.engine) as session:
        session.get_one(Decision, f"{PEOPLE.name}-3").entity = kept
    for name in (who, kept):
        (row,) = world.ask("list_decisions", query={"entity": name}, **asked).json()["items"]
        assert row["entity"] == kept
    world.ask("open_list", {"name": PEOPLE_LIST, "kind": "watch", "owner": "a", "reason": "b"}, **asked)
    member = member_of(PEOPLE, PEOPLE_LIST, who, pseudonym_key=controls.pseudonym_key)
    added = world.ask("add_member", {"value": who, "reason": "seen"}, list_name=PEOPLE_LIST, **asked)
    assert added.json()["value"] == member != who
    gone = world.ask("remove_member", {"value": who, "reason": "a mistake"}, list_name=PEOPLE_LIST, **asked)
    assert gone.json()["value"] == member


def test_the_audit_is_asked_for_one_object(world: World) -> None:
    """By its kind and name together."""
    case = cases(world)[0]["case_id"]
    world.ask("add_note", {"text": "a"}, case_id=case)
    events = world.ask("list_audit_events", query={"object_kind": "cases", "object_id": case}).json()["items"]
    assert events[0]["action"] == "case.noted"
    assert {event["object_id"] for event in events} == {case}
    assert world.ask("list_audit_events", query={"object_kind": "cases"}).status_code == 422


def encoded(*values: object) -> str:
    """A cursor of these values."""
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


@pytest.mark.parametrize(
    ("operation", "query"),
    [("list_decisions", {"limit": "0"}), ("list_decisions", {"limit": "501"}), ("list_decisions", {"limit": "x"}),
     ("list_decisions", {"cursor": "?"}), ("list_decisions", {"cursor": encoded(1)}),
     ("list_decisions", {"cursor": encoded(2**62, "d")}), ("list_decisions", {"cursor": encoded(1, "a\0")}),
     ("list_decisions", {"cursor": encoded("d", 1)}), ("list_audit_events", {"cursor": encoded(2**70)}),
     ("list_cases", {"cursor": encoded(2**64, "c")}), ("list_cases", {"state": "closed"}),
     ("list_decisions", {"other": "1"}), ("list_decisions", {"subject": "a\0"}), ("list_decisions", {"since": "now"})],
)  # fmt: skip
def test_a_page_that_nobody_gave_is_refused(world: World, operation: str, query: dict[str, str]) -> None:
    """A cursor, limit or filter that is not one of ours, on each database."""
    answer = world.ask(operation, query=query)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_a_parameter_stands_there_once(quick_world: World) -> None:
    """Which of two is meant is not for us to choose."""
    with quick_world.client() as client:
        answer = client.get(f"{CASES}?limit=1&limit=2", headers={"X-API-Key": quick_world.keys["ann"]})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "limit", "expected": "one value", "found": "several"}]


@pytest.mark.parametrize("name", ["a%00b", "%F0%9F%98%80", "..%2f..", "x" * 700])
def test_odd_names_are_not_there(world: World, name: str) -> None:
    """Whatever stands in an address, the answer is that there is no such thing."""
    with world.client() as client:
        answer = client.get(f"{CASES}/{name}", headers={"X-API-Key": world.keys["ann"]})
    assert answer.status_code == 404


def test_a_member_whose_time_is_over_is_none(world: World) -> None:
    """It is on no page any more, cannot be removed, and may come again; one that is there may not."""
    name = next(iter(load_lists(DOMAINS[LISTED])))
    world.give("lists", f"lists:read:{LISTED}", f"lists:write:{LISTED}")
    asked: dict[str, Any] = {"by": "lists", "domain": LISTED}
    world.ask("open_list", {"name": name, "kind": "block", "owner": "a", "reason": "b"}, **asked)
    end = (NOW + timedelta(hours=1)).isoformat()
    member = {"value": "t-7", "reason": "seen", "expires_at": end}
    assert world.ask("add_member", member, list_name=name, **asked).status_code == 201
    assert world.ask("add_member", member, list_name=name, **asked).json()["code"] == "refused"
    world.now = NOW + timedelta(hours=1)
    assert world.ask("list_members", list_name=name, **asked).json()["items"] == []
    removal = {"value": "t-7", "reason": "gone"}
    assert world.ask("remove_member", removal, list_name=name, **asked).status_code == 404
    assert world.ask("add_member", member, list_name=name, **asked).status_code == 409, "its time is over as well"
    again = {"value": "t-7", "reason": "seen again"}
    assert world.ask("add_member", again, list_name=name, **asked).status_code == 201
    undeclared = {"name": "other", "kind": "block", "owner": "a", "reason": "b"}
    assert world.ask("open_list", undeclared, **asked).status_code == 409
    assert world.ask("list_members", list_name="other", **asked).status_code == 404


def test_a_database_that_does_not_answer_is_said_to_be_unavailable(
    quick_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a mistake of the caller's, and worth another try."""

    def down(*_: object) -> None:
        raise OperationalError("select 1", {}, Exception("no answer"))

    monkeypatch.setattr("services.api.guard.reading", down)
    answer = quick_world.ask("list_rules")
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (503, "unavailable", "1")


def test_a_mistake_of_ours_is_answered_and_its_words_are_not(
    quick_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log has it under the request's id."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr("services.api.guard.reading", broken)
    answer = quick_world.ask("check_rule", {"source": source()})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
