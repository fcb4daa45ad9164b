"""Send events to the scoring service as its callers would: over several connections at once, one event a request."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from threading import Lock
from typing import Any

import httpx
import numpy as np

from riskloom.catalog import Domain
from riskloom.errors import ServiceError

#: The service stamps this itself: it is the moment of the decision.
_STAMPED = "observed_at"
_OK = 200
#: Answers after which an event is sent again, as the service asks its callers to: no decision was made.
_TEMPORARY = {503, 504}
_ATTEMPTS = 4
_PAUSE = 0.5


@dataclass(slots=True)
class LiveReport:
    """
    What came back.

    Attributes:
        outcomes: Answers with a decision, by outcome.
        refused: Events without one: status codes, or the kind of connection error, with their number.
        repeated: How often an event was sent again because the service could not answer just then.
        degraded: Decisions on stale or missing features.
        latencies_ms: From sending to the whole answer, as the caller sees it, in milliseconds.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    degraded: int = 0
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def sent(self) -> int:
        """How many events were sent."""
        return self.outcomes.total() + self.refused.total()

    def latency_ms(self, percentile: float) -> float:
        """A percentile of the latency of the answers; NaN without any."""
        return float(np.percentile(self.latencies_ms, percentile)) if self.latencies_ms else float("nan")


def read_events(domain: Domain, folder: Path, limit: int) -> list[dict[str, Any]]:
    """The first ``limit`` events, by time, of the domain's event table below ``folder``, as requests carry them."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - takes half a second

    table = pq.read_table(folder / domain.subject.event_table).sort_by(_STAMPED).slice(0, limit)
    sent = [name for name in domain.event_table.brought if name != _STAMPED]
    return [{name: _as_json(row[name]) for name in sent} for row in table.to_pylist()]


def wait_until_scored(url: str, domain: Domain, seconds: float) -> None:
    """
    Wait until the service has the domain's champion in service and reads its features.

    Raises:
        ServiceError: It has not after ``seconds``.
    """
    deadline = time.monotonic() + seconds
    state = "unknown"
    while time.monotonic() < deadline:
        try:
            state = str(httpx.get(f"{url}/readyz", timeout=5, trust_env=False).json()["domains"][domain.name]["state"])
        except (httpx.HTTPError, ValueError, KeyError) as error:
            state = f"unknown ({type(error).__name__})"
        if state == "ready":
            return
        time.sleep(0.5)
    raise ServiceError(f"the scoring service is not ready for {domain.name!r} after {seconds:.0f} s: {state}")


def send(
    url: str,
    domain: Domain,
    key: str,
    events: Sequence[dict[str, Any]],
    *,
    connections: int,
    report: Callable[[int], None],
) -> LiveReport:
    """
    Score events, each connection sending its share one after the other.

    Args:
        url: Where the scoring service listens.
        domain: Whose events they are.
        key: API key that may score the domain.
        events: See :func:`read_events`.
        connections: How many are open at once.
        report: Called with the number of answers after each of them.
    """
    result, counting = LiveReport(), Lock()
    path = f"{url}/v1/domains/{domain.name}/score"
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    bodies = [json.dumps(event).encode() for event in events]

    def attempt(client: httpx.Client, body: bytes) -> tuple[httpx.Response | str, float]:
        started = time.perf_counter()
        try:
            answer: httpx.Response | str = client.post(path, content=body)
        except httpx.HTTPError as error:
            answer = type(error).__name__
        return answer, (time.perf_counter() - started) * 1000

    def share(number: int) -> Iterator[tuple[httpx.Response | str, float]]:
        with httpx.Client(headers=headers, timeout=10, trust_env=False) as client:
            for body in bodies[number::connections]:
                for left in range(_ATTEMPTS - 1, -1, -1):
                    answer, milliseconds = attempt(client, body)
                    if not left or isinstance(answer, str) or answer.status_code not in _TEMPORARY:
                        yield answer, milliseconds
                        break
                    with counting:
                        result.repeated += 1
                    time.sleep(_PAUSE)

    def work(number: int) -> None:
        for answer, milliseconds in share(number):
            with counting:
                _count(result, answer, milliseconds)
                report(result.sent)

    with ThreadPoolExecutor(connections) as pool:
        for done in [pool.submit(work, number) for number in range(connections)]:
            done.result()
    return result


def _count(result: LiveReport, answer: httpx.Response | str, milliseconds: float) -> None:
    if isinstance(answer, str):
        result.refused[answer] += 1
    elif answer.status_code != _OK:
        result.refused[str(answer.status_code)] += 1
    else:
        content = answer.json()
        result.latencies_ms.append(milliseconds)
        result.degraded += bool(content["degraded"])
        result.outcomes[str(content["outcome"])] += 1


def _as_json(value: object) -> object:
    """A value as the service reads it: decimals as exact text, times in UTC with an offset."""
    if isinstance(value, Decimal):
        return str(value)
    return value.replace(tzinfo=UTC).isoformat() if isinstance(value, datetime) else value
