"""
Score events in batches: the request, the answer, the endpoint.

Each event is decided as if it had been sent alone, after those before it; a few at a time, so that what is sent alone
meanwhile waits for a few and not for all.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import numpy as np
import structlog
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from riskloom.access import score_scope
from riskloom.contracts.rows import RowReader
from riskloom.contracts.values import kind_of
from services.scoring.bulkhead import Bulkhead
from services.scoring.counted import counted
from services.scoring.decisions import Begun, Decider, Decision
from services.scoring.metrics import NO_OUTCOME
from services.scoring.runtime import Runtime
from services.scoring.schema import read_event
from services.web.body import parse, read_body
from services.web.exact import Endpoint
from services.web.logs import where_raised
from services.web.problems import FieldProblem, Problem, RefusalError

MAX_EVENTS = 500
MAX_BYTES = 1024 * 1024
#: After so long no further event of a batch is begun.
BATCH_SECONDS = 5.0
#: Batches of one domain at once.
MOST_BATCHES = 4
#: Events whose features are read in one go; about as long as they take, an event that is sent alone waits.
TOGETHER = 16
_MICROSECOND = timedelta(microseconds=1)
_OK, _OURS = 200, 500
_log = structlog.get_logger("scoring.batch")
Done = TypeVar("Done")


class BatchResult(BaseModel):
    """What became of one event: a decision, or the problem that it would have been answered with alone."""

    model_config = ConfigDict(frozen=True)

    decision: Decision | None = Field(default=None, description="Left out where there is a problem.")
    problem: Problem | None = Field(default=None, description="Left out where there is a decision.")


class BatchResults(BaseModel):
    """The answer to a batch: each event's result at its place, and how many there are of each."""

    model_config = ConfigDict(frozen=True)

    decided: int
    refused: int
    results: tuple[BatchResult, ...]


class BatchDecider:
    """
    Decide events in their order.

    Args:
        decider: Of their domain.
        reader: Reads one event.
        ticks: Seconds that only go forward.
    """

    def __init__(self, decider: Decider, reader: RowReader, *, ticks: Callable[[], float]) -> None:
        self._decider, self._reader, self._ticks = decider, reader, ticks

    async def decide(self, events: Sequence[object]) -> AsyncIterator[Decision | RefusalError]:
        """
        The result of each event, at its place.

        Args:
            events: What was parsed, not checked yet.

        Raises:
            RefusalError: There is no model.
        """
        self._decider.require_model()
        until, instants = self._ticks() + BATCH_SECONDS, _instants(self._decider.now)
        for first in range(0, len(events), TOGETHER):
            if self._ticks() >= until:
                for _ in events[first:]:
                    yield RefusalError("timeout", f"It was not begun within {BATCH_SECONDS:g} s: send it again.")
                return
            for result in await self._decide_together(events[first : first + TOGETHER], instants):
                yield result

    async def _decide_together(
        self, events: Sequence[object], instants: Iterator[datetime]
    ) -> list[Decision | RefusalError]:
        # Each asks the store before the next does: what one counts the next sees, and all wait for one round trip.
        begun = await asyncio.gather(*(_settled(self._begin(event, next(instants))) for event in events))
        scores = await self._scored([one for one in begun if isinstance(one, Begun)])
        return [one if isinstance(one, RefusalError) else await self._finish(one, next(scores)) for one in begun]

    async def _begin(self, event: object, now: datetime) -> Begun:
        return await self._decider.begin(read_event(self._reader, event), now=now)

    @staticmethod
    async def _scored(begun: Sequence[Begun]) -> Iterator[float | RefusalError]:
        """The scores of events, in their order: all that one model decides in one call."""
        scores: dict[int, float | RefusalError] = {}
        for champion in {id(one.champion): one.champion for one in begun}.values():
            mine = [place for place, one in enumerate(begun) if one.champion is champion]
            matrix = np.array([begun[place].row for place in mine])
            found = await _settled(asyncio.to_thread(champion.model.predict_each, matrix))
            each = [found] * len(mine) if isinstance(found, RefusalError) else found.tolist()
            scores |= dict(zip(mine, each, strict=True))
        return (scores[place] for place in range(len(begun)))

    async def _finish(self, begun: Begun, score: float | RefusalError) -> Decision | RefusalError:
        if isinstance(score, RefusalError):
            return score
        await asyncio.sleep(0)  # whoever came meanwhile is answered first
        return await _settled(self._decider.finish(begun, score))


def batch_endpoint(
    runtime: Runtime, domain: str, reader: RowReader, *, on_decision: Callable[[Decision], None]
) -> Endpoint:
    """
    The endpoint that decides batches of one domain's events.

    Args:
        runtime: What the service holds.
        domain: Its name.
        reader: Reads one event.
        on_decision: Told of each decision.
    """
    bulkhead = Bulkhead(MOST_BATCHES, of="batches")

    async def score(request: Request) -> Response:
        runtime.gate.require(runtime.gate.admit(request), score_scope(domain))
        body = await read_body(request, max_bytes=MAX_BYTES)
        with bulkhead.place():
            events = read_batch(await asyncio.to_thread(parse, body))
            answer = _Answer()
            async for result in BatchDecider(runtime.deciders[domain], reader, ticks=runtime.ticks).decide(events):
                if isinstance(result, Decision):
                    status, outcome = _OK, result.outcome
                    on_decision(result)
                else:
                    status, outcome = result.status, NO_OUTCOME
                runtime.metrics.requests.labels(domain, outcome, str(status)).inc()
                answer.add(result)
        return answer.response()

    metrics = runtime.metrics
    return counted(score, domain, answers=metrics.batches, latency=metrics.batch_latency, ticks=runtime.ticks)


def read_batch(content: Any) -> list[object]:
    """
    The events of a body, not looked at yet.

    Raises:
        RefusalError: The body is no batch.
    """
    if not isinstance(content, dict):
        raise _no_batch("(body)", "an object", kind_of(content))
    if set(content) != {"events"}:
        raise _no_batch("(body)", "events, and nothing else", "other fields")
    events: object = content["events"]
    if not isinstance(events, list) or not 1 <= len(events) <= MAX_EVENTS:
        found = f"a list of {len(events)}" if isinstance(events, list) else kind_of(events)
        raise _no_batch("events", f"a list of 1 to {MAX_EVENTS}", found)
    return events


class _Answer:
    """The answer to a batch, put together as events are decided: all at the end would keep others waiting."""

    def __init__(self) -> None:
        self._results: list[str] = []
        self._refusals: list[RefusalError] = []

    def add(self, result: Decision | RefusalError) -> None:
        """The next event's result."""
        if isinstance(result, Decision):
            self._results.append(f'{{"decision":{result.model_dump_json()}}}')
            return
        self._refusals.append(result)
        self._results.append(f'{{"problem":{result.problem.model_dump_json(exclude_defaults=True)}}}')

    def response(self) -> Response:
        """As it is sent; raises RefusalError where nothing was decided and it is not for the events to be otherwise."""
        refused = len(self._refusals)
        if refused == len(self._results) and all(refusal.status >= _OURS for refusal in self._refusals):
            raise self._refusals[0]
        counts = f'"decided":{len(self._results) - refused},"refused":{refused}'
        content = f'{{{counts},"results":[{",".join(self._results)}]}}'
        return Response(content, media_type="application/json")


def _instants(clock: Callable[[], datetime]) -> Iterator[datetime]:
    """The time, each later than the one before: events with one stamp would not see each other."""
    last = clock()
    while True:
        yield last
        last = max(clock(), last + _MICROSECOND)


async def _settled(work: Awaitable[Done]) -> Done | RefusalError:
    """What comes of work; where it fails, the problem that it would have been answered with alone."""
    try:
        return await work
    except RefusalError as refusal:
        return refusal
    except Exception as error:  # noqa: BLE001 - the other events of the batch are answered all the same
        # Not the message, which may repeat what was sent.
        _log.error("mistake", error=type(error).__name__, where=where_raised(error))
        return RefusalError("internal", "The service made a mistake; its log has it under this request's id.")


def _no_batch(field: str, expected: str, found: str) -> RefusalError:
    detail = FieldProblem(field=field, expected=expected, found=found)
    return RefusalError("invalid_request", "The body is no batch of events.", errors=[detail])
