"""Both clients against a service in trouble: what is tried again, what is not, and how long all of it takes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from riskloom.client import (
    AnswerError,
    ApiError,
    AsyncClient,
    Client,
    Decision,
    EventResult,
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    Readiness,
    Retries,
    ServiceMistakeError,
    TransportError,
    UnauthenticatedError,
    UnavailableError,
)
from riskloom.client.flow import MAX_BYTES, MAX_EVENTS, batches, encoded
from tests.client.troubled import DECISION, Says, Troubled, problem, troubled
from tests.conftest import free_port

RIGHT = Says(body=DECISION)
EVENT = {"amount": Decimal("57.10"), "effective_at": datetime(2026, 1, 15, 12, 30, tzinfo=UTC), "device": None}
#: Calls a method of a client of either kind, and gives its result and the pauses that it made.
Call = Callable[..., tuple[Any, list[float]]]


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest) -> Call:
    """Each client in turn; pauses are noted and not made."""
    return _call if request.param == "sync" else _call_async


def _call(server: Troubled | str, name: str, *arguments: Any, **options: Any) -> tuple[Any, list[float]]:
    pauses: list[float] = []
    with Client(_url(server), "rlk_key", sleep=pauses.append, **options) as client:
        return getattr(client, name)(*arguments), pauses


def _call_async(server: Troubled | str, name: str, *arguments: Any, **options: Any) -> tuple[Any, list[float]]:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    async def ask() -> Any:
        async with AsyncClient(_url(server), "rlk_key", sleep=sleep, **options) as client:
            return await getattr(client, name)(*arguments)

    return asyncio.run(ask()), pauses


def _url(server: Troubled | str) -> str:
    return server if isinstance(server, str) else server.url


def test_a_decision_is_typed(call: Call) -> None:
    """What was sent is exact, the key is presented, and what a later release adds does not hurt."""
    with troubled(RIGHT) as server:
        decision, pauses = call(server, "score", "some_domain", EVENT)
    assert isinstance(decision, Decision)
    assert (decision.outcome, decision.score, decision.reasons[0].contribution) == ("approve", 0.5, 0.25)
    assert decision.decided_at == datetime(2026, 1, 15, 12, 30, 0, 412377, tzinfo=UTC)
    (asked,) = server.asked
    assert asked.path == "/v1/domains/some_domain/score"
    assert json.loads(asked.body) == {"amount": "57.10", "effective_at": "2026-01-15T12:30:00Z", "device": None}
    assert asked.headers["Authorization"] == "Bearer rlk_key"
    assert pauses == []


@pytest.mark.parametrize(
    "trouble",
    [problem(503, "model_missing"), problem(429, "too_busy"), problem(504, "timeout"), Says(502, b"<html>"),
     Says(hangs_up=True)],
)  # fmt: skip
def test_what_passes_is_tried_again(call: Call, trouble: Says) -> None:
    """Twice in trouble, then answered: three requests of one call, which bear one id, with growing pauses between."""
    with troubled(trouble, trouble, RIGHT) as server:
        decision, pauses = call(server, "score", "some_domain", EVENT)
    assert decision.outcome == "approve"
    assert len({asked.headers["X-Request-ID"] for asked in server.asked}) == 1
    assert len({asked.body for asked in server.asked}) == 1
    assert len(server.asked) == 3
    assert [0 <= pause <= bound for pause, bound in zip(pauses, (0.1, 0.2), strict=True)] == [True, True]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (problem(400, "invalid_json"), InvalidRequestError),
        (problem(401, "unauthenticated"), UnauthenticatedError),
        (problem(403, "forbidden"), ForbiddenError),
        (problem(404, "unknown_domain"), NotFoundError),
        (problem(413, "body_too_large"), InvalidRequestError),
        (problem(422, "invalid_request"), InvalidRequestError),
        (problem(500, "internal"), ServiceMistakeError),
    ],
)
def test_what_will_not_pass_is_not_tried_again(call: Call, answer: Says, kind: type[ApiError]) -> None:
    """One request, and a typed error with the problem's code, its fields and the id to look for."""
    with troubled(answer) as server, pytest.raises(kind) as raised:
        call(server, "score", "some_domain", EVENT)
    assert len(server.asked) == 1
    assert (raised.value.status, raised.value.code) == (answer.status, answer.body["code"])
    assert raised.value.request_id == "r-1"
    assert [one.field for one in raised.value.errors] == (["amount"] if answer.status == 422 else [])


def test_it_waits_at_least_as_long_as_it_is_asked_to(call: Call) -> None:
    """The service knows better than the back-off."""
    with troubled(problem(503, "model_missing", Retry_After="2"), RIGHT) as server:
        _, (pause,) = call(server, "score", "some_domain", EVENT)
    assert 2.0 <= pause <= 2.1


def test_it_does_not_wait_beyond_its_time(call: Call) -> None:
    """Where what it is asked to wait is more than the call may take, it says so at once."""
    with troubled(problem(503, "model_missing", Retry_After="30")) as server, pytest.raises(UnavailableError):
        call(server, "score", "some_domain", EVENT)
    assert len(server.asked) == 1


def test_it_gives_up_after_some_attempts(call: Call) -> None:
    """The error is that of the last answer."""
    with troubled(problem(503, "model_missing")) as server, pytest.raises(UnavailableError, match="503 model_missing"):
        call(server, "score", "some_domain", EVENT)
    assert len(server.asked) == Retries().attempts


def test_nobody_listens(call: Call) -> None:
    """An error of its own, without the address."""
    with pytest.raises(TransportError, match="ConnectError"):
        call(f"http://127.0.0.1:{free_port()}", "score", "some_domain", EVENT)


def test_an_answer_that_comes_too_late(call: Call) -> None:
    """The call ends when its time is over, whoever still works on it."""
    with troubled(Says(body=DECISION, late=3.0)) as server:
        started = time.monotonic()
        with pytest.raises(TransportError):
            call(server, "score", "some_domain", EVENT, seconds=0.5)
    assert time.monotonic() - started < 2.5


@pytest.mark.parametrize("body", [{"outcome": "approve"}, b"<html>", [DECISION]])
def test_an_answer_of_somebody_else(call: Call, body: Any) -> None:
    """Something else listens there: not a decision, and not taken for one."""
    with troubled(Says(body=body)) as server, pytest.raises(AnswerError, match="expected a Decision"):
        call(server, "score", "some_domain", EVENT)


def test_retries_stay_a_small_share_of_calls() -> None:
    """A service that is down gets hardly more requests than there are calls: no storm of retries."""
    calls = 60
    with troubled(problem(503, "unavailable")) as server:
        client = Client(server.url, "rlk_key", retries=Retries(share=0.1, burst=5), sleep=lambda _: None)
        for _ in range(calls):
            with pytest.raises(UnavailableError):
                client.score("some_domain", EVENT)
        client.close()
    assert calls < len(server.asked) <= calls + 5 + calls * 0.1 + 1


def test_connections_are_used_again() -> None:
    """Twenty calls, one connection."""
    with troubled(RIGHT) as server, Client(server.url, "rlk_key") as client:
        for _ in range(20):
            client.score("some_domain", EVENT)
    assert len({asked.port for asked in server.asked}) == 1


def test_a_pushed_event(call: Call) -> None:
    """Its table beside it; the result is typed."""
    result = {
        "table": "t",
        "key": "e-1",
        "status": "duplicate",
        "observed_at": "2026-01-15T12:30:00Z",
        "streams": ["s"],
    }
    with troubled(Says(body=result)) as server:
        found, _ = call(server, "push", "some_domain", "t", EVENT)
    assert found == EventResult.model_validate(result)
    assert set(json.loads(server.asked[0].body)) == {"table", "event"}


def test_of_a_batch_what_was_not_kept_is_sent_again(call: Call) -> None:
    """Only that, and the results are at the places of their events."""
    seen: list[list[str]] = []

    def keeps_every_other(body: bytes) -> Says:
        names = [item["event"]["id"] for item in json.loads(body)["events"]]
        seen.append(names)
        statuses = ["unavailable" if place % 2 else "accepted" for place in range(len(names))]
        results = [{"table": "t", "key": name, "status": status} for name, status in zip(names, statuses, strict=True)]
        return Says(body={"results": results})

    with troubled(keeps_every_other) as server:
        found, pauses = call(server, "push_all", "some_domain", [("t", {"id": str(n)}) for n in range(4)])
    assert seen == [["0", "1", "2", "3"], ["1", "3"], ["3"]]
    assert [(result.key, result.status) for result in found] == [(str(n), "accepted") for n in range(4)]
    assert len(pauses) == 2


def test_of_a_batch_what_was_not_decided_is_sent_again(call: Call) -> None:
    """An event whose turn did not come, and none that was refused for what it is."""
    seen: list[list[str]] = []

    def decides_one(body: bytes) -> Says:
        names = [event["id"] for event in json.loads(body)["events"]]
        seen.append(names)
        later = {"problem": problem(504, "timeout").body}
        refused = {"problem": problem(422, "invalid_request").body}
        first = refused if names[0] == "0" else {"decision": DECISION}
        return Says(body={"results": [first, *[later] * (len(names) - 1)]})

    with troubled(decides_one) as server:
        found, pauses = call(server, "score_all", "some_domain", [{"id": str(n)} for n in range(3)])
    assert server.asked[0].path == "/v1/domains/some_domain/score/batch"
    assert seen == [["0", "1", "2"], ["1", "2"], ["2"]]
    assert [result.problem and result.problem.code for result in found] == ["invalid_request", None, None]
    assert [result.decision and result.decision.outcome for result in found] == [None, *[DECISION["outcome"]] * 2]
    assert len(pauses) == 2


def test_batches_are_as_large_as_the_service_takes() -> None:
    """By number and by size, in their order, and none is lost."""
    small, large = [b"%d" % n for n in range(2 * MAX_EVENTS + 1)], [b"x" * (MAX_BYTES // 2)] * 5
    assert [len(batch) for batch in batches(small)] == [MAX_EVENTS, MAX_EVENTS, 1]
    assert [event for batch in batches(small) for event in batch] == small
    assert [len(batch) for batch in batches(large)] == [1, 1, 1, 1, 1]
    assert list(batches([])) == []


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), Decimal("NaN"), datetime(2026, 1, 1), object()],  # noqa: DTZ001
)
def test_what_has_no_exact_meaning_is_not_sent(value: object) -> None:
    """It is refused where it comes from."""
    with pytest.raises((ValueError, TypeError)):
        encoded({"value": value})


def test_readiness_is_an_answer_also_where_it_is_no(call: Call) -> None:
    """503 with a body of its own is not an error, and is not asked again."""
    body = {"state": "not_ready", "keys_trusted": True, "domains": {"d": {"state": "no_champion", "serving": None}}}
    with troubled(Says(503, body)) as server:
        found, _ = call(server, "readiness")
    assert isinstance(found, Readiness)
    assert (found.is_ready, found.domains["d"].state) == (False, "no_champion")
    assert len(server.asked) == 1


def test_importing_it_brings_nothing_heavy() -> None:
    """A service that only asks for decisions need not import what makes them."""
    heavy = ("feast", "pandas", "numpy", "lightgbm", "duckdb", "pyarrow", "sklearn", "starlette", "sqlalchemy")
    code = f"import riskloom.client, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
