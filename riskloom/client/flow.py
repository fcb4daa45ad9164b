"""
A call as a plan without a network: what to send, when to wait, what the answers mean. Both clients carry out the same.

A flow is a generator: it yields ``Send`` and is sent the answer or what went wrong, or yields ``Wait``; it returns the
call's result.
"""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from riskloom.client.answers import Decision, EventResult, EventResults, Problem, Readiness, ScoreResult, ScoreResults
from riskloom.client.errors import AnswerError, ApiError, ClientError, TransportError, kind_of
from riskloom.client.retries import TEMPORARY, Draw, Retries, RetryBudget, asked_pause

#: What the service takes at once, with room for the brackets.
MAX_EVENTS = 500
MAX_BYTES = 1_000_000
_OK, _NOT_READY = 200, 503
_UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Send:
    """One request: method, path, body, headers, and seconds until an answer is of no more use."""

    method: str
    path: str
    body: bytes | None
    headers: Mapping[str, str]
    seconds: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Seconds to do nothing."""

    seconds: float


#: What a flow is sent: the answer, or why there is none; nothing after a pause.
Reply = httpx.Response | httpx.TransportError | None
Result = TypeVar("Result")
Answer = TypeVar("Answer", bound=BaseModel)
Flow = Generator[Send | Wait, Reply, Result]


@dataclass(slots=True)
class Flows:
    """
    The calls of one client.

    Attributes:
        retries: When a call is tried again.
        seconds: All that a call may take, with its retries and pauses.
        draw: Of the jitter.
        ticks: Seconds that only go forward.
        new_id: Names a call; all its attempts bear the name.
    """

    retries: Retries
    seconds: float
    draw: Draw = random.random
    ticks: Callable[[], float] = time.monotonic
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex
    _budget: RetryBudget = field(init=False)

    def __post_init__(self) -> None:
        self._budget = RetryBudget(self.retries)

    def score(self, domain: str, event: Mapping[str, Any]) -> Flow[Decision]:
        """Score one event."""
        until = self.ticks() + self.seconds
        answer = yield from self._posted(f"/v1/domains/{domain}/score", encoded(event), until)
        return read(Decision, answer)

    def push(self, domain: str, table: str, event: Mapping[str, Any]) -> Flow[EventResult]:
        """Push one event."""
        until = self.ticks() + self.seconds
        body = encoded({"table": table, "event": event})
        answer = yield from self._posted(f"/v1/domains/{domain}/events", body, until)
        return read(EventResult, answer)

    def push_all(self, domain: str, events: Iterable[tuple[str, Mapping[str, Any]]]) -> Flow[list[EventResult]]:
        """Push events in batches, in their order; those that could not be kept are sent again while there is time."""
        until = self.ticks() + self.seconds
        results: list[EventResult] = []
        for batch in batches([encoded({"table": table, "event": event}) for table, event in events]):
            results += yield from self._batched(
                f"/v1/domains/{domain}/events", batch, until, results_of=_pushed, is_temporary=_is_unavailable
            )
        return results

    def score_all(self, domain: str, events: Iterable[Mapping[str, Any]]) -> Flow[list[ScoreResult]]:
        """Score events in batches, in their order; those whose turn did not come are sent again while there is time."""
        until = self.ticks() + self.seconds
        results: list[ScoreResult] = []
        for batch in batches(list(map(encoded, events))):
            results += yield from self._batched(
                f"/v1/domains/{domain}/score/batch", batch, until, results_of=_scored, is_temporary=_is_undecided
            )
        return results

    def readiness(self) -> Flow[Readiness]:
        """Ask once whether the service is ready."""
        reply = yield Send("GET", "/readyz", None, {}, self.seconds)
        answer = answered(reply)
        if answer.status_code not in {_OK, _NOT_READY}:
            raise refusal(answer)
        return read(Readiness, answer)

    def _batched(
        self,
        path: str,
        batch: Sequence[bytes],
        until: float,
        *,
        results_of: Callable[[httpx.Response], Sequence[Answer]],
        is_temporary: Callable[[Answer], bool],
    ) -> Flow[list[Answer]]:
        """The results of a batch; where only a part of it was dealt with, the rest is asked for again."""
        results: dict[int, Answer] = {}
        places = list(range(len(batch)))
        for attempt in range(self.retries.attempts):
            body = b'{"events":[' + b",".join(batch[place] for place in places) + b"]}"
            found = results_of((yield from self._posted(path, body, until)))
            if len(found) != len(places):
                raise AnswerError(f"expected {len(places)} results, found {len(found)}")
            results |= dict(zip(places, found, strict=True))
            places = [place for place in places if is_temporary(results[place])]
            if not places:
                break
            pause = self.retries.pause(attempt, 0.0, self.draw())
            if attempt + 1 == self.retries.attempts or self.ticks() + pause >= until or not self._budget.spend():
                break
            yield Wait(pause)
        return [results[place] for place in range(len(batch))]

    def _posted(self, path: str, body: bytes, until: float) -> Flow[httpx.Response]:
        """The answer with status 200, after as many attempts as are wise."""
        headers = {"Content-Type": "application/json", "X-Request-ID": self.new_id()}
        self._budget.earn()
        attempt = 0
        while True:
            reply = yield Send("POST", path, body, headers, max(until - self.ticks(), 0.001))
            if isinstance(reply, httpx.Response) and reply.status_code == _OK:
                return reply
            error: ClientError = refusal(reply) if isinstance(reply, httpx.Response) else no_answer(reply)
            if isinstance(reply, httpx.Response) and reply.status_code not in TEMPORARY:
                raise error
            asked = asked_pause(reply.headers) if isinstance(reply, httpx.Response) else 0.0
            pause = self.retries.pause(attempt, asked, self.draw())
            attempt += 1
            is_over = attempt >= self.retries.attempts or self.ticks() + pause >= until
            if is_over or not self._budget.spend():
                raise error
            yield Wait(pause)


def batches(events: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Events in their order, as many together as the service takes."""
    batch: list[bytes] = []
    size = 0
    for event in events:
        if batch and (len(batch) == MAX_EVENTS or size + len(event) + 1 > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += len(event) + 1
    if batch:
        yield batch


def encoded(content: object) -> bytes:
    """
    JSON; decimals exactly, times with their offset.

    Raises:
        ValueError: A time without an offset, NaN or infinity.
        TypeError: A value that JSON cannot say.
    """
    return json.dumps(content, default=_plain, allow_nan=False, separators=(",", ":")).encode()


def answered(reply: Reply) -> httpx.Response:
    """The answer; raises TransportError where there is none."""
    if isinstance(reply, httpx.Response):
        return reply
    raise no_answer(reply)


def no_answer(reply: httpx.TransportError | None) -> TransportError:
    """Why there is no answer, without addresses."""
    return TransportError(f"no answer from the service: {type(reply).__name__}")


def read(model: type[Answer], answer: httpx.Response) -> Answer:
    """An answer as its type; raises AnswerError where it is not that."""
    try:
        return model.model_validate_json(answer.content)
    except ValidationError as error:
        where = ", ".join(sorted({".".join(map(str, item["loc"])) or "(body)" for item in error.errors()})[:5])
        raise AnswerError(f"expected a {model.__name__}, found something else: {where}") from error


def _pushed(answer: httpx.Response) -> Sequence[EventResult]:
    return read(EventResults, answer).results


def _scored(answer: httpx.Response) -> Sequence[ScoreResult]:
    return read(ScoreResults, answer).results


def _is_unavailable(result: EventResult) -> bool:
    return result.status == _UNAVAILABLE


def _is_undecided(result: ScoreResult) -> bool:
    return result.problem is not None and result.problem.status in TEMPORARY


def refusal(answer: httpx.Response) -> ApiError:
    """The error that an answer with another status than 200 is."""
    kind, request_id = kind_of(answer.status_code), answer.headers.get("x-request-id")
    try:
        problem = Problem.model_validate_json(answer.content)
    except ValidationError:
        return kind(answer.status_code, "unknown", "The answer has no problem details.", request_id=request_id)
    detail = problem.detail or problem.title
    return kind(answer.status_code, problem.code, detail, errors=problem.errors, request_id=request_id)


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError("expected a number, found NaN or infinity")
        return f"{value:f}"
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("expected a time with an offset, found one without")
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"expected a value that JSON can say, found a {type(value).__name__}")
