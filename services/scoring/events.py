"""Push events without wanting a decision: the request, the answer, and the endpoint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from riskloom.access import events_scope
from riskloom.contracts.values import kind_of
from riskloom.intake import Receipt
from riskloom.intake.door import Status
from services.scoring.counted import counted
from services.scoring.metrics import NO_TABLE
from services.scoring.runtime import Runtime
from services.web.body import read_json
from services.web.exact import Endpoint
from services.web.problems import FieldProblem, RefusalError

MAX_EVENTS = 500
MAX_BYTES = 1024 * 1024
_RETRY = {"Retry-After": "1"}


class EventResult(BaseModel):
    """What became of one event."""

    model_config = ConfigDict(frozen=True)

    table: str
    key: str | None = Field(description="The values of the table's key, with a bar between them; null if unreadable.")
    status: Status = Field(
        description="accepted; duplicate: it was accepted before; refused: see errors; unavailable: send it again."
    )
    observed_at: datetime | None = Field(description="From when on it is known (UTC); of a duplicate, since when.")
    streams: tuple[str, ...] = Field(description="The streams of live windows that have counted it.")
    errors: tuple[FieldProblem, ...] = Field(default=(), description="Each field that is wrong; left out if none is.")


class EventResults(BaseModel):
    """The answer to a batch: each event's result at its place, and how many there are of each."""

    model_config = ConfigDict(frozen=True)

    accepted: int
    duplicate: int
    refused: int
    unavailable: int
    results: tuple[EventResult, ...]


def events_endpoint(runtime: Runtime, domain: str) -> Endpoint:
    """The endpoint that takes one domain's events."""

    async def push(request: Request) -> Response:
        runtime.gate.require(runtime.gate.admit(request), events_scope(domain))
        pushed, is_single = read_pushed(await read_json(request, max_bytes=MAX_BYTES))
        receipts = await runtime.doors[domain].accept(pushed)
        count_events(runtime, domain, receipts)
        answer = _single(receipts[0]) if is_single else _batch(receipts)
        return Response(answer.model_dump_json(exclude_defaults=True), media_type="application/json")

    metrics = runtime.metrics
    return counted(push, domain, answers=metrics.event_requests, latency=metrics.event_latency, ticks=runtime.ticks)


def read_pushed(content: Any) -> tuple[list[tuple[object, object]], bool]:
    """
    The events of a body with their tables, and whether it was one by itself.

    Raises:
        RefusalError: The body is neither an event nor a batch; what is in an event is not looked at.
    """
    if not isinstance(content, dict):
        raise _not_a_body([FieldProblem(field="(body)", expected="an object", found=kind_of(content))])
    if "events" not in content:
        return [_named(content, "")], True
    events = content["events"]
    unknown = [name for name in content if name != "events"]
    if unknown:
        raise _not_a_body([FieldProblem(field="(body)", expected="only events", found="another field")])
    if not isinstance(events, list) or not 1 <= len(events) <= MAX_EVENTS:
        found = f"a list of {len(events)}" if isinstance(events, list) else kind_of(events)
        raise _not_a_body([FieldProblem(field="events", expected=f"a list of 1 to {MAX_EVENTS}", found=found)])
    return [_named(item, f"events.{place}") for place, item in enumerate(events)], False


def count_events(runtime: Runtime, domain: str, receipts: Sequence[Receipt]) -> None:
    """Count what became of events; a table that is not declared is not named."""
    tables = runtime.domains[domain].tables
    counts = Counter((receipt.table if receipt.table in tables else NO_TABLE, receipt.status) for receipt in receipts)
    for (table, status), count in counts.items():
        runtime.metrics.events.labels(domain, table, status).inc(count)


def _named(item: Any, where: str) -> tuple[object, object]:
    if not isinstance(item, dict) or set(item) != {"table", "event"}:
        found = "other fields" if isinstance(item, dict) else kind_of(item)
        expected = "an object with table and event, and nothing else"
        raise _not_a_body([FieldProblem(field=where or "(body)", expected=expected, found=found)])
    return item["table"], item["event"]


def _not_a_body(errors: list[FieldProblem]) -> RefusalError:
    return RefusalError("invalid_request", "The body is neither an event nor a batch of events.", errors=errors)


def _single(receipt: Receipt) -> EventResult:
    if receipt.status == "refused":
        raise RefusalError("invalid_request", "The event was refused.", errors=_problems(receipt))
    if receipt.status == "unavailable":
        raise _unavailable()
    return _result(receipt)


def _batch(receipts: Sequence[Receipt]) -> EventResults:
    counts = Counter(receipt.status for receipt in receipts)
    if counts["unavailable"] == len(receipts):
        raise _unavailable()
    return EventResults(
        accepted=counts["accepted"],
        duplicate=counts["duplicate"],
        refused=counts["refused"],
        unavailable=counts["unavailable"],
        results=tuple(map(_result, receipts)),
    )


def _unavailable() -> RefusalError:
    return RefusalError("unavailable", "Events cannot be kept now; send them again.", headers=_RETRY)


def _result(receipt: Receipt) -> EventResult:
    return EventResult(
        table=receipt.table,
        key=receipt.key,
        status=receipt.status,
        observed_at=receipt.observed_at,
        streams=receipt.streams,
        errors=tuple(_problems(receipt)),
    )


def _problems(receipt: Receipt) -> list[FieldProblem]:
    return [FieldProblem(field=one.field, expected=one.expected, found=one.found) for one in receipt.errors]
