"""A day with every operation: each does what it says, and answers with each status that its document promises."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from riskloom.ledger.database import reading
from riskloom.ledger.verification import verify_audit
from riskloom.lifecycle.publication import read_publication
from riskloom.registry import ModelStore, challenge, load_public_key, promote, save_model
from riskloom.registry.beside import start_canary
from riskloom.rules import load_lists
from services.api.openapi import openapi_document
from services.api.routes import OPERATIONS
from tests.api.world import (
    DOMAINS,
    ENTITIES,
    FIRST,
    LISTED,
    NOW,
    PER_DOMAIN,
    RULE,
    SCENARIO,
    World,
    cases,
    fitting_details,
    scenario,
    sign,
    source,
)
from tests.registry.models import DOMAIN as MODEL_DOMAIN
from tests.registry.models import PASSED, REFUSED, make_model, planned


def work_on_cases(world: World) -> None:
    """Through every hand, to a verdict that is taken back."""
    first, second, third, *_ = cases(world)
    name, version = first["case_id"], first["version"]
    for step, by, body in (
        ("claim_case", "ann", {}),
        ("release_case", "ann", {}),
        ("snooze_case", "ann", {"until": "2026-03-09T09:00:00Z", "reason": "tomorrow"}),
        ("escalate_case", "ann", {"reason": "too large for me"}),
        ("claim_case", "bob", {}),
        ("take_over_case", "ann", {"reason": "bob is ill"}),
    ):
        answer = world.ask(step, body, by=by, saw=version, case_id=name)
        assert answer.json()["version"] == version + 1
        version += 1
        assert answer.headers["ETag"] == f'"{version}"'
    assert world.ask("add_note", {"text": "seen before"}, case_id=name).json()["author"] == "key:ann"
    link = {"case_id": second["case_id"], "kind": "related", "reason": "they share a device"}
    assert world.ask("link_cases", link, case_id=name).json()["version"] == version + 2
    absorb = {"case_id": third["case_id"], "version": third["version"]}
    merged = world.ask("merge_cases", absorb, saw=version + 2, case_id=name).json()
    record = world.ask("get_case", case_id=name)
    assert len(record.json()["alerts"]) == 2 * PER_DOMAIN // ENTITIES
    assert (len(record.json()["notes"]), len(record.json()["links"])) == (1, 1)
    steps = world.ask("get_case_timeline", case_id=name).json()["items"]
    assert [step["version"] for step in steps] == list(range(1, merged["version"] + 1))
    verdict = {"is_positive": True, "reason": "the holder said so", "details": fitting_details()}
    given = world.ask("give_verdict", verdict, saw=merged["version"], case_id=name).json()
    assert (given["case"]["state"], given["case"]["verdict"]) == ("closed", True)
    labels = world.ask("list_labels").json()["items"]
    assert {label["label_id"] for label in labels} == set(given["labels"])
    back = world.ask("withdraw_label", label_id=given["labels"][0]).json()
    assert (back["withdraws"], back["value"]) == (given["labels"][0], False)


def work_on_rules(world: World) -> None:
    """From a text that was checked to a roll-out that is taken back."""
    assert world.ask("check_rule", {"source": source()}).json() == {
        "is_valid": True, "rule_id": RULE, "kind": "rule", "mistakes": [],
    }  # fmt: skip
    new = {"source": source(), "reason": "seen in May"}
    written = world.ask("write_rule", new)
    assert httpx.URL(written.headers["Location"]).path.endswith(f"/rules/{RULE}/versions/1")
    assert world.ask("write_rule", new).json()["version"] == 1
    assert world.ask("get_rule_version", rule_id=RULE, version=1).json()["source"] == source()
    moved = world.ask(
        "move_rule", {"version": 1, "stage": "shadow", "reason": "to see"}, saw=_step(world), rule_id=RULE
    )
    assert moved.json()["versions"][0]["stage"] == "shadow"
    assert [row["rule_id"] for row in world.ask("list_shadow_results").json()["items"]] == [RULE]
    asked = {"rule_id": RULE, "version": 1, "stage": "rollout", "percent": 5, "reason": "does well"}
    proposal = world.ask("propose_step", asked, saw=_step(world)).json()["proposal_id"]
    assert world.ask("propose_step", asked, saw=_step(world)).json()["proposal_id"] == proposal
    assert world.ask("reject_proposal", {"reason": "not yet"}, by="bob", proposal_id=proposal).json()["answer"]
    proposal = world.ask("propose_step", asked, saw=_step(world)).json()["proposal_id"]
    assert [row["proposal_id"] for row in world.ask("list_proposals").json()["items"]] == [proposal]
    agreed = world.ask("approve_proposal", {"reason": "looked at it"}, by="bob", proposal_id=proposal).json()
    assert agreed["versions"][0] | {"since": None} == {"version": 1, "stage": "rollout", "percent": 5, "since": None}
    published = read_publication(world.home / "rules", FIRST.name, load_public_key(world.home / "keys"))
    assert published is not None
    assert [(rule.id, rule.percent) for rule in published.rules] == [(RULE, 5)]
    back = world.ask("roll_back_rule", {"reason": "too many"}, saw=_step(world), rule_id=RULE).json()
    assert back["versions"][0]["stage"] == "shadow"
    history = world.ask("get_rule_history", rule_id=RULE).json()["items"]
    assert [(step["stage"], step["undoes"]) for step in history][-1] == ("shadow", history[-2]["step"])
    assert [rule["rule_id"] for rule in world.ask("list_rules").json()["items"]] == [RULE]
    assert world.ask("list_backtests", rule_id=RULE, version=1).json()["items"] == []


def test_a_scenario_has_the_operations_of_a_rule(world: World) -> None:
    """Checked beside the rules that it names, written, moved, proposed, approved, rolled back; each says its kind."""
    early = world.ask("check_rule", {"source": scenario()}).json()
    assert (early["is_valid"], early["kind"], len(early["mistakes"])) == (False, None, 2)
    for name in ("first_sign", "second_sign"):
        world.ask("write_rule", {"source": sign(name), "reason": "seen in May"})
    checked = world.ask("check_rule", {"source": scenario()}).json()
    assert checked == {"is_valid": True, "rule_id": SCENARIO, "kind": "scenario", "mistakes": []}
    (mistake,) = world.ask("check_rule", {"source": scenario(to=61)}).json()["mistakes"]
    assert mistake["expected"] == "at most the 60 points of all its rules"
    written = world.ask("write_rule", {"source": scenario(), "reason": "they come together"}).json()
    assert (written["kind"], written["version"]) == ("scenario", 1)
    kinds = {row["rule_id"]: row["kind"] for row in world.ask("list_rules").json()["items"]}
    assert kinds == {"first_sign": "rule", "second_sign": "rule", SCENARIO: "scenario"}
    world.ask("move_rule", {"version": 1, "stage": "shadow", "reason": "to see"}, saw=1, rule_id=SCENARIO)
    asked = {"rule_id": SCENARIO, "version": 1, "stage": "rollout", "percent": 5, "reason": "does well"}
    proposal = world.ask("propose_step", asked, saw=2).json()["proposal_id"]
    agreed = world.ask("approve_proposal", {"reason": "looked at it"}, by="bob", proposal_id=proposal).json()
    assert (agreed["kind"], agreed["versions"][0]["percent"]) == ("scenario", 5)
    published = read_publication(world.home / "rules", FIRST.name, load_public_key(world.home / "keys"))
    assert published is not None
    assert [(each.id, each.percent) for each in published.scenarios] == [(SCENARIO, 5)]
    back = world.ask("roll_back_rule", {"reason": "too many"}, saw=3, rule_id=SCENARIO).json()
    assert (back["kind"], back["versions"][0]["stage"]) == ("scenario", "shadow")


def work_on_lists(world: World) -> None:
    """Opened, filled, and emptied."""
    name = next(iter(load_lists(DOMAINS[LISTED])))
    asked: dict[str, Any] = {"by": "lists", "domain": LISTED}
    opened = {"name": name, "kind": "block", "owner": "a-team", "reason": "incident 7"}
    assert world.ask("open_list", opened, **asked).json()["owner"] == "a-team"
    assert [row["name"] for row in world.ask("list_lists", **asked).json()["items"]] == [name]
    member = {"value": "t-7", "reason": "a skimmer"}
    assert world.ask("add_member", member, list_name=name, **asked).json()["expires_at"] is None
    until = "2026-04-01T00:00:00Z"
    expires = world.ask("expire_member", {**member, "expires_at": until}, list_name=name, **asked)
    assert expires.json()["expires_at"] == until
    assert [row["value"] for row in world.ask("list_members", list_name=name, **asked).json()["items"]] == ["t-7"]
    assert world.ask("remove_member", member, list_name=name, **asked).json()["removed_at"]
    assert world.ask("list_members", list_name=name, **asked).json()["items"] == []


def look_around(world: World) -> None:
    """Decisions, models and the audit."""
    listed = world.ask("list_decisions").json()["items"]
    assert len(listed) == PER_DOMAIN
    one = world.ask("get_decision", decision_id=listed[0]["decision_id"]).json()
    assert {name: one[name] for name in listed[0]} == listed[0]
    assert one["features"]
    store, records = ModelStore(world.home / "bentoml", world.home / "keys"), world.home / "registry"
    first = save_model(store, *make_model(), PASSED, documents={})
    second = save_model(store, *make_model(threshold=0.6), REFUSED, documents={})
    promote(records, store, MODEL_DOMAIN, first.version, compile_plan=planned, by="mila", why="first model", at=NOW)
    challenge(records, MODEL_DOMAIN, second.version, by="training", why="newest", at=NOW)
    models = world.ask("get_models", domain=MODEL_DOMAIN, by="models").json()
    assert (models["champion"], models["challenger"], models["versions"]) == ("1", "2", ["2", "1"])
    assert [change["why"] for change in models["history"]] == ["first model", "newest"]
    shown = world.ask("get_model_version", domain=MODEL_DOMAIN, by="models", version="1").json()
    assert (shown["is_champion"], shown["verdict"]["passed"], shown["trouble"]) == (True, True, None)
    promote(records, store, MODEL_DOMAIN, "2", compile_plan=planned, by="mila", why="newer", at=NOW, force=True)
    back = world.ask("roll_back_champion", {"reason": "too many"}, saw=3, domain=MODEL_DOMAIN, by="models").json()
    assert (back["champion"], back["history"][-1]["by"]) == ("1", "key:models")
    said: Any = {"by": "mila", "why": "to see how it does", "at": NOW}
    start_canary(records, store, MODEL_DOMAIN, "2", share=0.05, key=b"k", force=True, **said)
    shown = world.ask("get_models", domain=MODEL_DOMAIN, by="models").json()
    assert (shown["canary"], shown["history"][-1]["share"]) == ({"version": "2", "share": 0.05}, 0.05)
    ended = world.ask("end_canary", {"reason": "too many"}, saw=5, domain=MODEL_DOMAIN, by="models").json()
    assert (ended["champion"], ended["canary"], ended["history"][-1]["what"]) == ("1", None, "end_canary")
    agreed = world.ask("get_shadow_agreement", domain=MODEL_DOMAIN, by="models", version="2").json()
    assert (agreed["version"], agreed["decisions"], agreed["mean_difference"], agreed["pairs"]) == ("2", 0, None, [])
    events = world.ask("list_audit_events").json()["items"]
    assert {event["actor"] for event in events} >= {"key:ann", "key:bob"}


def test_a_day_with_every_operation(world: World) -> None:
    """Everything that can be asked for is asked for, and every promised success was seen; the audit chain is whole."""
    world.give("lists", f"lists:read:{LISTED}", f"lists:write:{LISTED}")
    world.give("models", f"models:read:{MODEL_DOMAIN}", f"models:write:{MODEL_DOMAIN}")
    for work in (work_on_cases, work_on_rules, work_on_lists, look_around):
        work(world)
    document = openapi_document()
    promised = {
        (described["operationId"], int(status))
        for path in document["paths"].values()
        for described in path.values()
        for status in described["responses"]
        if status < "400"
    }
    assert {name for name, _ in promised} == {operation.name for operation in OPERATIONS}
    assert world.statuses == promised
    trail = world.api.controls.trail
    with reading(world.api.controls.engine) as session:
        assert verify_audit(session, trail._key, world.home / "anchor.json").findings == ()


def test_a_model_verdict_that_was_changed_is_not_shown(quick_world: World) -> None:
    """The answer says that it is not, and not where it lies."""
    world = quick_world
    world.give("models", f"models:read:{MODEL_DOMAIN}")
    store = ModelStore(world.home / "bentoml", world.home / "keys")
    path = save_model(store, *make_model(), PASSED, documents={}).folder / "verdict.json"
    path.write_bytes(path.read_bytes().replace(b'"passed":true', b'"passed":false'))
    shown = world.ask("get_model_version", domain=MODEL_DOMAIN, by="models", version="1").json()
    assert shown["verdict"] is None
    assert "signature" in shown["trouble"]
    assert str(world.home) not in str(shown)
    for wrong in ("2", "..", "x"):
        assert world.ask("get_model_version", domain=MODEL_DOMAIN, by="models", version=wrong).status_code == 404


def _step(world: World) -> int:
    step: int = world.ask("get_rule", rule_id=RULE).json()["step"]
    return step


@pytest.mark.parametrize("name", ["decision", "case", "label", "rule", "proposal"])
def test_what_is_of_another_domain_is_not_there(quick_world: World, name: str) -> None:
    """Whoever may read one domain learns nothing of another's by guessing names."""
    world = quick_world
    case = cases(world)[0]
    listed = world.ask("list_decisions").json()["items"][0]
    world.ask("write_rule", {"source": source(), "reason": "seen"})
    world.ask("move_rule", {"version": 1, "stage": "shadow", "reason": "see"}, saw=1, rule_id=RULE)
    asked = {"rule_id": RULE, "version": 1, "stage": "rollout", "percent": 5, "reason": "does well"}
    proposal = world.ask("propose_step", asked, saw=2).json()["proposal_id"]
    verdict = {"is_positive": False, "reason": "an honest one", "details": fitting_details()}
    label = world.ask("give_verdict", verdict, saw=case["version"], case_id=case["case_id"]).json()["labels"][0]
    there: dict[str, Any] = {"by": "both", "domain": [*DOMAINS][1]}
    answer = {
        "decision": lambda: world.ask("get_decision", decision_id=listed["decision_id"], **there),
        "case": lambda: world.ask("get_case", case_id=case["case_id"], **there),
        "label": lambda: world.ask("withdraw_label", label_id=label, **there),
        "rule": lambda: world.ask("get_rule", rule_id=RULE, **there),
        "proposal": lambda: world.ask("approve_proposal", {"reason": "yes"}, proposal_id=proposal, **there),
    }[name]()
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
