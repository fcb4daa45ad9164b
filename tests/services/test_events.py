"""Events that are pushed over HTTP: each taken once, each told apart, and bad input answered as everywhere."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from riskloom.catalog import Domain
from riskloom.contracts import TableContract
from riskloom.contracts.json_text import parse_json
from riskloom.ingest import land_events
from riskloom.intake import Door
from riskloom.pseudonyms import ensure_pseudonym_key
from riskloom.registry.plans import plan_path
from riskloom.settings import Settings
from riskloom.windows import Stream
from services.scoring.backend import SignedBackend
from services.scoring.doors import MOST_WAITING, GuardedDoor
from services.scoring.events import MAX_BYTES, MAX_EVENTS
from services.scoring.schema import row_example
from services.web.problems import RefusalError
from tests.services.conftest import DOMAINS, World, in_process, real_backend
from tests.services.world import add_key, plan_of

_DAYS = timedelta(days=7)


def pushed_streams(settings: Settings, domain: Domain) -> list[Stream]:
    """The streams that rows of a table move."""
    return [stream for stream in plan_of(settings, domain).streams if stream.live is not None]


class Pusher:
    """Pushes events of one domain with a key that may."""

    def __init__(self, client: TestClient, world: World, domain: Domain) -> None:
        self.client, self.world, self.domain = client, world, domain
        self.url = f"/v1/domains/{domain.name}/events"
        self.headers = {"Authorization": f"Bearer {world.keys['pusher']}"}

    def __call__(self, body: object, **headers: str) -> Any:
        """The answer to a body."""
        return self.client.post(self.url, json=body, headers=self.headers | headers)

    def event(self, table: TableContract, name: str) -> dict[str, Any]:
        """A row of a table whose texts that are no choice are a name."""
        free = {
            column
            for column, declared in table.columns.items()
            if declared.type == "string" and declared.allowed is None and declared.pattern is None
        }
        return {
            column: name[: table.columns[column].max_length] if column in free else value
            for column, value in row_example(table).items()
        }


@pytest.fixture(scope="module")
def pusher(built_world: World, domain: Domain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pusher]:
    """One application for the module."""
    home = tmp_path_factory.mktemp("pusher") / "home"
    shutil.copytree(built_world.settings.home, home)
    settings = Settings(home=home)
    keys = {
        "pusher": add_key(settings.api_keys, "pusher", "events:*", now=built_world.now),
        "elsewhere": add_key(settings.api_keys, "pusher-elsewhere", "events:some_other_domain", now=built_world.now),
    }
    world = World(settings, {**built_world.keys, **keys}, built_world.now)
    with in_process(world) as client:
        yield Pusher(client, world, domain)


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    content: dict[str, Any] = answer.json()
    assert content["code"] == code
    return content


def test_one_event(pusher: Pusher) -> None:
    """It is accepted, again it is a duplicate with the same stamp, and the windows have counted it."""
    table = pusher.domain.event_table
    body = {"table": table.name, "event": pusher.event(table, "one")}
    first, again = pusher(body), pusher(body)
    assert (first.status_code, first.json()["status"]) == (200, "accepted")
    assert first.json()["streams"]
    assert again.json() == {**first.json(), "status": "duplicate"}


def test_a_batch_answers_for_each_event(pusher: Pusher) -> None:
    """In its order; one that is refused says why and does not touch the others."""
    table = pusher.domain.event_table
    good: list[dict[str, Any]] = [{"table": table.name, "event": pusher.event(table, f"batch-{n}")} for n in range(3)]
    bad = {"table": table.name, "event": {**good[0]["event"], "unknown": 1}}
    answer = pusher({"events": [good[0], bad, good[1], good[0], good[2], {"table": "none", "event": {}}]}).json()
    statuses = [result["status"] for result in answer["results"]]
    assert statuses == ["accepted", "refused", "accepted", "duplicate", "accepted", "refused"]
    assert (answer["accepted"], answer["duplicate"], answer["refused"], answer["unavailable"]) == (3, 1, 2, 0)
    assert answer["results"][1]["errors"] == [
        {"field": "unknown", "expected": "no field of this name", "found": "a field of this name"}
    ]


def test_every_table_takes_its_example(pusher: Pusher) -> None:
    """Of every domain: what the contract gives is accepted, moves the streams that are live, and lands."""
    for domain in DOMAINS.values():
        other = Pusher(pusher.client, pusher.world, domain)
        live = {stream.table for stream in pushed_streams(pusher.world.settings, domain)}
        plain = [table for table in domain.tables.values() if not _has_pattern(table)]
        body = {"events": [{"table": table.name, "event": other.event(table, "every")} for table in plain]}
        answer = other(body).json()
        for table, result in zip(plain, answer["results"], strict=True):
            assert (result["status"], bool(result["streams"])) == ("accepted", table.name in live), result
        settings = pusher.world.settings
        done = land_events(
            domain, settings.events, landing=settings.landing, quarantine=settings.quarantine, now=pusher.world.now,
            keep=_DAYS, threads=1, memory="500MB", pseudonym_key=ensure_pseudonym_key(settings.keys),
        )  # fmt: skip
        assert done.quarantined == 0
        assert done.landed >= len(plain)


@pytest.mark.parametrize(
    "body",
    [
        [], {}, {"table": "t"}, {"table": "t", "event": {}, "more": 1}, {"events": []}, {"events": {}}, {"events": [1]},
        {"events": [{"table": "t"}]}, {"events": [], "table": "t"},
        {"events": [{"table": "t", "event": {}}] * (MAX_EVENTS + 1)},
    ],
)  # fmt: skip
def test_a_body_that_is_neither_an_event_nor_a_batch(pusher: Pusher, body: object) -> None:
    """It is refused as a whole, with what was expected."""
    assert problem(pusher(body), 422, "invalid_request")["errors"]


def test_a_single_event_that_is_refused_is_a_problem(pusher: Pusher) -> None:
    """With every field that is wrong, and no value of them."""
    table = pusher.domain.event_table
    event = {**pusher.event(table, "single"), "effective_at": "yesterday", "more": "secret"}
    content = problem(pusher({"table": table.name, "event": event}), 422, "invalid_request")
    assert {error["field"] for error in content["errors"]} == {"effective_at", "more"}
    assert "secret" not in json.dumps(content)


def test_limits_and_media_types(pusher: Pusher) -> None:
    """A body that is too large, one that is no JSON, and another media type."""
    large = b'{"events": "' + b"x" * MAX_BYTES + b'"}'
    headers = {**pusher.headers, "Content-Type": "application/json"}
    problem(pusher.client.post(pusher.url, content=large, headers=headers), 413, "body_too_large")
    problem(pusher.client.post(pusher.url, content=b'{"a": 1, "a": 2}', headers=headers), 400, "invalid_json")
    problem(pusher({}, **{"Content-Type": "text/plain"}), 415, "unsupported_media_type")


def test_who_may_push(pusher: Pusher) -> None:
    """A key without the scope, or with that of another domain, may not; neither may one that only scores."""
    table = pusher.domain.event_table
    body = {"table": table.name, "event": pusher.event(table, "who")}
    for key in ("scorer", "elsewhere"):
        problem(pusher(body, Authorization=f"Bearer {pusher.world.keys[key]}"), 403, "forbidden")
    problem(pusher(body, Authorization="Bearer wrong"), 401, "unauthenticated")
    problem(pusher.client.post("/v1/domains/nobody/events", json=body, headers=pusher.headers), 404, "unknown_domain")


def test_what_was_pushed_is_counted_in_the_metrics(pusher: Pusher) -> None:
    """By table and status; a table that is not declared is not named."""
    table = pusher.domain.event_table
    pusher({"events": [{"table": table.name, "event": {}}, {"table": "invented", "event": {}}]})
    text = pusher.client.get("/metrics", headers=pusher.world.auth("scraper")).text
    name = pusher.domain.name
    assert f'riskloom_events_total{{domain="{name}",status="refused",table="{table.name}"}}' in text
    assert f'riskloom_events_total{{domain="{name}",status="refused",table="none"}}' in text
    assert "invented" not in text
    assert f'riskloom_events_requests_total{{domain="{name}",status="200"}}' in text


def test_a_store_that_is_gone_is_told_and_comes_back(world: World, domain: Domain) -> None:
    """503 with Retry-After while it cannot be used; afterwards the same event is taken."""
    key = add_key(world.settings.api_keys, "pusher", "events:*", now=world.now)
    with in_process(World(world.settings, {"pusher": key}, world.now)) as client:
        pusher = Pusher(client, World(world.settings, {"pusher": key}, world.now), domain)
        body = {"table": domain.event_table.name, "event": pusher.event(domain.event_table, "gone")}
        plan = plan_path(world.settings.registry, domain.name, "1")
        whole = plan.read_bytes()
        plan.write_bytes(whole[:-100])
        answer = pusher(body)
        assert problem(answer, 503, "unavailable")
        assert answer.headers["retry-after"] == "1"
        plan.write_bytes(whole)
        assert pusher(body).json()["status"] == "accepted"


def test_what_is_too_much_is_told_to_come_later(world: World, domain: Domain) -> None:
    """While the store is slow some batches wait; one more is refused at once, and those that wait are taken."""
    released = threading.Event()

    class Slow(SignedBackend):
        def open_door(self, domain: str) -> Door:
            released.wait(60)
            return super().open_door(domain)

    door = GuardedDoor(domain.name, real_backend(world, Slow), ticks=time.monotonic)
    content = parse_json(json.dumps(row_example(domain.event_table)).encode())
    pushed = [(domain.event_table.name, content)]

    async def push() -> list[str]:
        waiting = [asyncio.create_task(door.accept(pushed)) for _ in range(MOST_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(RefusalError) as refused:
            await door.accept(pushed)
        assert (refused.value.status, refused.value.problem.code) == (429, "too_busy")
        released.set()
        return [receipt.status for receipts in await asyncio.gather(*waiting) for receipt in receipts]

    assert asyncio.run(push()) == ["accepted", *["duplicate"] * (MOST_WAITING - 1)]
    door.close()


def _has_pattern(table: TableContract) -> bool:
    """Whether an example cannot be made of a pattern alone."""
    return any(column.pattern is not None and column.example is None for column in table.brought.values())
