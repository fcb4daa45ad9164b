"""A command is done once for its key, however often it is sent, and its answer can be asked for again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from riskloom.ledger.database import reading
from riskloom.ledger.idempotency import KEPT
from riskloom.ledger.schema import IdempotencyKey, Note
from services.api.calls import PREFIX
from services.api.routes import OPERATIONS
from tests.api.world import FIRST, World, cases, fitting_details


def notes(world: World) -> int:
    """How many notes there are."""
    with reading(world.api.controls.engine) as session:
        return session.scalar(select(func.count()).select_from(Note)) or 0


def test_a_command_that_is_sent_again_has_the_same_answer(world: World) -> None:
    """Byte for byte, with its headers; nothing is done, though the version that was seen is not the present one."""
    case = cases(world)[0]
    sent = {"saw": case["version"], "command": "claim-1", "case_id": case["case_id"]}
    first, again = (world.ask("claim_case", **sent) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.content == again.content
    assert first.headers["ETag"] == again.headers["ETag"]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert world.ask("get_case", case_id=case["case_id"]).json()["version"] == case["version"] + 1


def test_what_was_made_is_found_again(world: World) -> None:
    """The status and the place are those of the first answer."""
    case = cases(world)[0]["case_id"]
    first, again = (world.ask("add_note", {"text": "once"}, command="n", case_id=case) for _ in range(2))
    assert (first.status_code, again.status_code, first.json()) == (201, 201, again.json())
    assert notes(world) == 1


def test_a_key_is_of_one_command(world: World) -> None:
    """Other words, or the same words at another address, are refused; another caller's key is another key."""
    one, two, *_ = (case["case_id"] for case in cases(world))
    assert world.ask("add_note", {"text": "a"}, command="n", case_id=one).status_code == 201
    for text, case in (("b", one), ("a", two)):
        refused = world.ask("add_note", {"text": text}, command="n", case_id=case)
        assert (refused.status_code, refused.json()["code"]) == (422, "key_reused")
    assert world.ask("add_note", {"text": "b"}, by="bob", command="n", case_id=one).status_code == 201
    assert notes(world) == 2


def test_a_command_that_was_refused_leaves_its_key_free(world: World) -> None:
    """Nothing was done, so the same key may be used for what is sent next."""
    case = cases(world)[0]
    name, version = case["case_id"], case["version"]
    assert world.ask("claim_case", saw=version - 1, command="c", case_id=name).status_code == 412
    assert world.ask("escalate_case", {"reason": "other"}, saw=version, command="c", case_id=name).status_code == 200


def test_commands_that_come_at_once_are_one(world: World) -> None:
    """One of them does it; the others wait, and have its answer."""
    case = cases(world)[0]["case_id"]

    def send(_: int) -> tuple[int, str, bool]:
        answer = world.ask("add_note", {"text": "at once"}, command="n", case_id=case)
        return answer.status_code, answer.text, "Idempotency-Replayed" in answer.headers

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(send, range(12)))
    assert {status for status, _, _ in answers} == {201}
    assert len({text for _, text, _ in answers}) == 1
    assert sorted(is_repeated for _, _, is_repeated in answers) == [False] + [True] * 11
    assert notes(world) == 1


def test_a_verdict_sent_at_once_is_one(world: World) -> None:
    """Also where the command has a key of its own below."""
    case = cases(world)[0]
    body = {"is_positive": True, "reason": "known", "details": fitting_details()}

    def send(number: int) -> list[str]:
        command = "same" if number % 2 else "other"
        answer = world.ask("give_verdict", body, saw=case["version"], command=command, case_id=case["case_id"])
        found: list[str] = answer.json().get("labels", [])
        return found

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(send, range(8)))
    assert len({tuple(labels) for labels in answers if labels}) == 1
    assert len(world.ask("list_labels").json()["items"]) == len(max(answers, key=len))


def test_an_answer_is_known_for_a_day(world: World) -> None:
    """After that the key is a new one, and what was kept of old ones is removed."""
    case = cases(world)[0]["case_id"]
    for name in ("n", "old"):
        world.ask("add_note", {"text": "a"}, command=name, case_id=case)
    world.now += KEPT - timedelta(minutes=1)
    assert "Idempotency-Replayed" in world.ask("add_note", {"text": "a"}, command="n", case_id=case).headers
    world.now += timedelta(minutes=2)
    again = world.ask("add_note", {"text": "something else"}, command="n", case_id=case)
    assert again.status_code == 201
    assert "Idempotency-Replayed" not in again.headers
    assert notes(world) == 3
    with reading(world.api.controls.engine) as session:
        assert session.scalars(select(IdempotencyKey.key)).all() == ["n"]


def test_a_command_without_words_needs_no_body(quick_world: World) -> None:
    """Nothing at all is the same as an empty object, also where it is sent again."""
    case = cases(quick_world)[0]
    path = f"{PREFIX}/domains/{FIRST.name}/cases/{case['case_id']}/claim"
    headers = {"X-API-Key": quick_world.keys["ann"], "Idempotency-Key": "k", "If-Match": f'"{case["version"]}"'}
    with quick_world.client() as client:
        assert client.post(path, headers=headers).status_code == 200
        assert client.post(path, json={}, headers=headers).headers["Idempotency-Replayed"] == "true"
        assert client.post(path.replace("claim", "notes"), headers=headers).status_code == 415


@pytest.mark.parametrize(
    ("sent", "status"),
    [('"a b"', 201), ("8e03978e-40d5-43e8-bc93-6894a57f9324", 201), (f'"{"x" * 255}"', 201), ('""', 400), ('"a', 400),
     (f'"{"x" * 256}"', 400), ("a, b", 400), ('"a";b=1', 400)],
)  # fmt: skip
def test_a_key_is_a_text(quick_world: World, sent: str, status: int) -> None:
    """In double quotes as structured fields have it, or bare; the two are the same key."""
    case = cases(quick_world)[0]["case_id"]
    path = f"{PREFIX}/domains/{FIRST.name}/cases/{case}/notes"
    headers = {"X-API-Key": quick_world.keys["ann"], "Idempotency-Key": sent}
    with quick_world.client() as client:
        assert client.post(path, json={"text": "a"}, headers=headers).status_code == status
        if status == 201:
            other = sent.strip('"') if " " not in sent else sent
            again = client.post(path, json={"text": "a"}, headers={**headers, "Idempotency-Key": other})
            assert again.headers["Idempotency-Replayed"] == "true"


def test_every_command_has_a_key(quick_world: World) -> None:
    """Without one nothing is done; what changes nothing needs none."""
    for operation in OPERATIONS:
        if operation.method == "POST" and operation.name != "check_rule":
            parts = dict.fromkeys(("case_id", "label_id", "rule_id", "proposal_id", "list_name"), "x")
            path = f"{PREFIX}{operation.path}".format(domain=FIRST.name, **parts)
            headers = {"X-API-Key": quick_world.keys["ann"], "If-Match": '"1"'}
            with quick_world.client() as client:
                answer = client.post(path, json={}, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (400, "key_missing"), operation.name
