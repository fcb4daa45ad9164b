"""Where callers meet each other or the rules: who is told what, and that nothing was done."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from riskloom.errors import FeatureError
from riskloom.registry import ModelStore, promote, read_record, save_model
from riskloom.registry.beside import start_canary
from services.api.app import create_api
from services.api.calls import PREFIX
from tests.api.world import DOMAINS, FIRST, NOW, RULE, SECOND, World, cases, fitting_details, source
from tests.registry.models import DOMAIN as MODEL_DOMAIN
from tests.registry.models import PASSED, make_model, planned


def write(world: World, text: str | None = None, *, by: str = "ann") -> None:
    """Write a version of the rule."""
    assert world.ask("write_rule", {"source": text or source(), "reason": "seen"}, by=by).status_code in {200, 201}


def step(world: World) -> int:
    """The rule's step."""
    found: int = world.ask("get_rule", rule_id=RULE).json()["step"]
    return found


def to_shadow(world: World) -> None:
    """Put the rule's first version into shadow."""
    body = {"version": 1, "stage": "shadow", "reason": "to see"}
    assert world.ask("move_rule", body, saw=step(world), rule_id=RULE).status_code == 200


def proposed(world: World, *, by: str = "ann") -> str:
    """Propose a roll-out of it."""
    body = {"rule_id": RULE, "version": 1, "stage": "rollout", "percent": 5, "reason": "does well"}
    name: str = world.ask("propose_step", body, by=by, saw=step(world)).json()["proposal_id"]
    return name


def test_a_stale_command_is_told_what_happened_meanwhile(world: World) -> None:
    """With who and when, and the present version to go on from."""
    case = cases(world)[0]
    name, version = case["case_id"], case["version"]
    world.ask("add_note", {"text": "look at the other card"}, by="bob", case_id=name)
    answer = world.ask("claim_case", saw=version, case_id=name)
    problem = answer.json()
    assert (answer.status_code, problem["code"], answer.headers["ETag"]) == (412, "stale", f'"{version + 1}"')
    assert [change.split(" at ")[0] for change in problem["changes"]] == ["noted by key:bob"]
    assert world.ask("claim_case", saw=version + 1, case_id=name).status_code == 200


def test_one_of_those_who_claim_at_once_has_it(world: World) -> None:
    """The others are told who has it, or that it has changed."""
    case = cases(world)[0]

    def claim(by: str) -> tuple[int, str]:
        answer = world.ask("claim_case", by=by, saw=case["version"], case_id=case["case_id"])
        return answer.status_code, answer.json().get("assignee") or answer.json()["code"]

    with ThreadPoolExecutor(3) as threads:
        answers = sorted(threads.map(claim, ("ann", "bob", "both")))
    assert [status for status, _ in answers] == [200, 409, 409]
    assert answers[1][1] == answers[2][1] == "taken"
    refused = world.ask("release_case", by="elsewhere", saw=1, case_id=case["case_id"])
    assert refused.status_code == 403


def test_a_case_of_somebody_else_is_taken(world: World) -> None:
    """The answer says whose it is; notes still go."""
    case = cases(world)[0]
    world.ask("claim_case", by="bob", saw=case["version"], case_id=case["case_id"])
    answer = world.ask("escalate_case", {"reason": "x"}, saw=case["version"] + 1, case_id=case["case_id"])
    assert (answer.status_code, answer.json()["code"]) == (409, "taken")
    assert "key:bob" in answer.json()["detail"]
    assert world.ask("add_note", {"text": "seen"}, case_id=case["case_id"]).status_code == 201


def test_a_closed_case_is_closed(world: World) -> None:
    """Nothing more is done with it."""
    case = cases(world)[0]
    body = {"is_positive": False, "reason": "an honest one", "details": fitting_details()}
    given = world.ask("give_verdict", body, saw=case["version"], case_id=case["case_id"])
    answer = world.ask("claim_case", saw=given.json()["case"]["version"], case_id=case["case_id"])
    assert (answer.status_code, answer.json()["code"]) == (409, "refused")
    twice = world.ask("withdraw_label", label_id=given.json()["labels"][0])
    assert twice.status_code == 201
    assert world.ask("withdraw_label", label_id=given.json()["labels"][0]).status_code == 409


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [(None, 428, "version_missing"), ('"no version"', 400, "invalid_header"), ("7", 400, "invalid_header"),
     ("*", 400, "invalid_header"), ('W/"1"', 400, "invalid_header"), ('"1", "2"', 400, "invalid_header"),
     ('"other"', 412, "stale"), ('"99999999999"', 412, "stale")],
)  # fmt: skip
def test_what_was_seen_is_one_version(quick_world: World, sent: str | None, status: int, code: str) -> None:
    """Nothing is done to whatever is there, nor where nobody can tell what was seen."""
    case = cases(quick_world)[0]["case_id"]
    headers = {"X-API-Key": quick_world.keys["ann"], "Idempotency-Key": "k"} | ({"If-Match": sent} if sent else {})
    with quick_world.client() as client:
        answer = client.post(f"{PREFIX}/domains/{FIRST.name}/cases/{case}/claim", json={}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_links_and_merges_stay_where_the_key_may_work(world: World) -> None:
    """A case of a domain that the key has no right in is not there; for one who may work in both it is."""
    one = cases(world)[0]
    there = world.ask("list_cases", by="both", domain=SECOND.name).json()["items"][0]
    link = {"case_id": there["case_id"], "kind": "related", "reason": "the same person"}
    assert world.ask("link_cases", link, case_id=one["case_id"]).json()["code"] == "not_found"
    assert world.ask("link_cases", link, by="both", case_id=one["case_id"]).status_code == 200
    absorb = {"case_id": there["case_id"], "version": there["version"] + 1}
    merge = world.ask("merge_cases", absorb, by="both", saw=one["version"] + 1, case_id=one["case_id"])
    assert (merge.status_code, merge.json()["code"]) == (409, "refused")


@pytest.mark.parametrize("name", [FIRST.name, SECOND.name])
def test_details_of_a_verdict_keep_the_label_tables_contract(quick_world: World, name: str) -> None:
    """What its label table would not take is refused by its name, and what is not asked for too."""
    world = quick_world
    case = world.ask("list_cases", by="both", domain=name).json()["items"][0]
    body = {"is_positive": True, "reason": "known", "details": {"no_such_column": 1, "a": [], "b": {}}}
    answer = world.ask("give_verdict", body, by="both", domain=name, saw=case["version"], case_id=case["case_id"])
    assert answer.status_code == 422
    fields = {error["field"] for error in answer.json()["errors"]}
    assert {"details.no_such_column", "details.a", "details.b"} <= fields
    assert {f"details.{column}" for column in fitting_details(DOMAINS[name])} <= fields


def test_two_people_for_keys_as_well(world: World) -> None:
    """Who asked does not answer, nor who wrote the version; another key does."""
    write(world, by="bob")
    to_shadow(world)
    name = proposed(world)
    for by in ("ann", "bob"):
        refused = world.ask("approve_proposal", {"reason": "fine"}, by=by, proposal_id=name)
        assert (refused.status_code, refused.json()["code"]) == (409, "refused")
        assert "a second person" in refused.json()["detail"]
    assert world.ask("reject_proposal", {"reason": "no"}, by="ann", proposal_id=name).status_code == 409
    agreed = world.ask("approve_proposal", {"reason": "fine"}, by="both", proposal_id=name)
    assert agreed.json()["versions"][0]["stage"] == "rollout"
    again = world.ask("approve_proposal", {"reason": "fine"}, by="both", proposal_id=name)
    assert again.status_code == 409
    actors = [row["changed_by"] for row in world.ask("get_rule_history", rule_id=RULE).json()["items"]]
    assert actors == ["key:bob", "key:ann", "key:both"]


def test_more_effect_needs_a_proposal(world: World) -> None:
    """The step is refused with what to do instead."""
    write(world)
    to_shadow(world)
    body = {"version": 1, "stage": "rollout", "percent": 5, "reason": "at once"}
    answer = world.ask("move_rule", body, saw=step(world), rule_id=RULE)
    assert (answer.status_code, answer.json()["code"]) == (409, "approval_needed")


def test_a_rule_that_moved_is_looked_at_again(world: World) -> None:
    """What others did is told; a proposal about what was seen then is void."""
    write(world)
    to_shadow(world)
    seen, name = step(world), proposed(world)
    world.ask("move_rule", {"version": 1, "stage": "draft", "reason": "no"}, by="bob", saw=seen, rule_id=RULE)
    for operation, body in (
        ("move_rule", {"version": 1, "stage": "retired", "reason": "old"}),
        ("roll_back_rule", {"reason": "back"}),
    ):
        answer = world.ask(operation, body, saw=seen, rule_id=RULE)
        assert (answer.status_code, answer.json()["code"], answer.headers["ETag"]) == (412, "stale", f'"{seen + 1}"')
        (change,) = answer.json()["changes"]
        assert change.startswith("version 1 to draft by key:bob at ")
    void = world.ask("approve_proposal", {"reason": "fine"}, by="both", proposal_id=name)
    assert void.status_code == 409
    assert world.ask("list_proposals").json()["items"] == []


def test_a_text_that_is_no_rule_is_refused_with_its_mistakes(world: World) -> None:
    """With the line, what was expected and the nearest name; a check says the same and keeps nothing."""
    wrong = source().replace(f"event.{FIRST.subject.amount}", f"event.{FIRST.subject.amount}x", 1)
    checked = world.ask("check_rule", {"source": wrong}).json()
    assert not checked["is_valid"]
    refused = world.ask("write_rule", {"source": wrong, "reason": "seen"})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
    assert refused.json()["errors"] == checked["mistakes"]
    mistake: dict[str, Any] = checked["mistakes"][0]
    assert mistake["field"].startswith("source:7:")
    assert f"event.{FIRST.subject.amount}" in mistake["expected"]
    assert world.ask("list_rules").json()["items"] == []


@pytest.mark.parametrize("body", [{"stage": "rollout"}, {"stage": "shadow", "percent": 5}, {"stage": "gone"}])
def test_a_step_that_makes_no_sense_is_refused_by_its_field(quick_world: World, body: dict[str, Any]) -> None:
    """Before anything is looked up."""
    answer = quick_world.ask("move_rule", {"version": 1, "reason": "x", **body}, saw=1, rule_id=RULE)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"]


def test_rules_without_known_features_are_said_to_be_unavailable(quick_world: World) -> None:
    """What has to be run is told, and no place on the machine."""

    def unknown(_: object) -> Any:
        raise FeatureError("/secret/manifest.json: expected a manifest")

    world = quick_world
    app = create_api(replace(world.api, schema_of=unknown), new_request_id=world.api.new_id)
    answer = replace(world, app=app).ask("check_rule", {"source": source()})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "secret" not in answer.text


def test_a_case_is_taken_over_by_who_may_and_from_somebody(world: World) -> None:
    """Whoever had it is refused from then on; a case of nobody or one's own is claimed and not taken over."""
    case = cases(world)[0]
    name, version = case["case_id"], case["version"]
    world.give("clerk", f"cases:read:{FIRST.name}", f"cases:write:{FIRST.name}")
    why = {"reason": "bob is ill"}
    nobodys = world.ask("take_over_case", why, saw=version, case_id=name)
    assert (nobodys.status_code, nobodys.json()["code"]) == (409, "refused")
    world.ask("claim_case", by="bob", saw=version, case_id=name)
    assert world.ask("take_over_case", why, by="clerk", saw=version + 1, case_id=name).status_code == 403
    assert world.ask("take_over_case", {}, saw=version + 1, case_id=name).status_code == 422
    stale = world.ask("take_over_case", why, saw=version, case_id=name)
    assert (stale.status_code, stale.json()["code"]) == (412, "stale")
    assert world.ask("take_over_case", why, saw=version + 1, case_id=name).json()["assignee"] == "key:ann"
    refused = world.ask("release_case", by="bob", saw=version + 2, case_id=name)
    assert (refused.status_code, refused.json()["code"]) == (409, "taken")
    own = world.ask("take_over_case", why, saw=version + 2, case_id=name)
    assert (own.status_code, own.json()["code"]) == (409, "refused")


def test_a_champion_is_rolled_back_as_it_was_seen(quick_world: World) -> None:
    """Once, audited, and only where there is one before it that can be opened; where it lies is nobody's business."""
    world = quick_world
    world.give("models", f"models:read:{MODEL_DOMAIN}", f"models:write:{MODEL_DOMAIN}")
    store, records = ModelStore(world.home / "bentoml", world.home / "keys"), world.home / "registry"
    versions = [save_model(store, *make_model(threshold=bound), PASSED, documents={}) for bound in (0.5, 0.6, 0.7)]
    asked: dict[str, Any] = {"by": "models", "domain": MODEL_DOMAIN}

    def back(saw: int, **more: Any) -> Any:
        return world.ask("roll_back_champion", {"reason": "too many reviews"}, saw=saw, **asked, **more)

    nothing = back(0)
    assert (nothing.status_code, nothing.json()["code"]) == (409, "refused")
    for version in versions:
        promote(records, store, MODEL_DOMAIN, version.version, compile_plan=planned, by="mila", why="newer", at=NOW)
    stale = back(2)
    assert (stale.status_code, stale.headers["ETag"]) == (412, '"3"')
    assert [change.split(" at ")[0] for change in stale.json()["changes"]] == ["promote 3 by mila"]
    assert [back(3, command="once").json()["champion"] for _ in range(2)] == ["2", "2"]
    assert read_record(records, MODEL_DOMAIN).history[-1].by == "key:models"
    events = world.ask("list_audit_events").json()["items"]
    assert [event["object_id"] for event in events if event["action"] == "model.rolled_back"] == [MODEL_DOMAIN]
    manifest = versions[0].folder / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b"0.5", b"0.4"))
    changed = back(4)
    assert (changed.status_code, changed.json()["code"]) == (409, "refused")
    assert str(world.home) not in changed.text
    assert read_record(records, MODEL_DOMAIN).champion == "2"


def test_a_canary_is_taken_back_as_it_was_seen(quick_world: World) -> None:
    """Only where there is one, and where models are as the caller saw them; it stands in the audit chain."""
    world = quick_world
    world.give("models", f"models:read:{MODEL_DOMAIN}", f"models:write:{MODEL_DOMAIN}")
    store, records = ModelStore(world.home / "bentoml", world.home / "keys"), world.home / "registry"
    for bound in (0.5, 0.6):
        save_model(store, *make_model(threshold=bound), PASSED, documents={})
    said: dict[str, Any] = {"by": "mila", "why": "to see how it does", "at": NOW}
    promote(records, store, MODEL_DOMAIN, "1", compile_plan=planned, **said)

    def back(saw: int) -> Any:
        return world.ask("end_canary", {"reason": "too many reviews"}, saw=saw, by="models", domain=MODEL_DOMAIN)

    nothing = back(1)
    assert (nothing.status_code, nothing.json()["code"]) == (409, "refused")
    start_canary(records, store, MODEL_DOMAIN, "2", share=0.05, key=b"k", **said)
    stale = back(1)
    assert (stale.status_code, stale.headers["ETag"]) == (412, '"2"')
    assert [change.split(" at ")[0] for change in stale.json()["changes"]] == ["canary 2 by mila"]
    assert back(2).json()["canary"] is None
    assert read_record(records, MODEL_DOMAIN).history[-1].by == "key:models"
    events = world.ask("list_audit_events").json()["items"]
    assert [event["object_id"] for event in events if event["action"] == "model.canary_taken_back"] == [MODEL_DOMAIN]
