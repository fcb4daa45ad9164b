"""The synchronous client; one may be shared by threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from riskloom.client.answers import Decision, EventResult, Readiness, ScoreResult
from riskloom.client.flow import Flow, Flows, Reply, Result, Send, Wait
from riskloom.client.retries import Retries

CONNECTIONS = 16
SECONDS = 5.0


class Client:
    """
    Calls the scoring service over connections that stay open.

    Args:
        url: Where it listens, such as ``http://127.0.0.1:3000``.
        api_key: With the scopes of what is called.
        seconds: All that a call may take, retries and pauses included.
        retries: When a call is tried again.
        connections: Open at once at most.
        http: Instead of a client of our own: with a proxy or certificates, say. It is not closed here.
        sleep: Waits between attempts.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        seconds: float = SECONDS,
        retries: Retries | None = None,
        connections: int = CONNECTIONS,
        http: httpx.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url, self._key = url.rstrip("/"), {"Authorization": f"Bearer {api_key}"}
        self._flows = Flows(retries or Retries(), seconds)
        self._is_ours = http is None
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._http = http or httpx.Client(limits=limits, follow_redirects=False)
        self._sleep = sleep

    def score(self, domain: str, event: Mapping[str, Any]) -> Decision:
        """
        Score one event of a domain's event table.

        Args:
            domain: Its name.
            event: The table's columns; decimals and aware times are written exactly.

        Raises:
            ClientError: There is no decision; see :mod:`riskloom.client.errors`.
        """
        return self._run(self._flows.score(domain, event))

    def score_all(self, domain: str, events: Iterable[Mapping[str, Any]]) -> list[ScoreResult]:
        """
        Score events in their order, each as if it had been sent alone; the results are in the same order.

        Raises:
            ClientError: A batch was not answered. Events of it that were decided before are counted once all the same.
        """
        return self._run(self._flows.score_all(domain, events))

    def push(self, domain: str, table: str, event: Mapping[str, Any]) -> EventResult:
        """
        Push one event: it is accepted, or a duplicate.

        Raises:
            ClientError: It was not taken; see :mod:`riskloom.client.errors`.
        """
        return self._run(self._flows.push(domain, table, event))

    def push_all(self, domain: str, events: Iterable[tuple[str, Mapping[str, Any]]]) -> list[EventResult]:
        """
        Push events in their order, each with its table; the results are in the same order.

        Raises:
            ClientError: A batch was not taken. All events may be pushed again: those that were taken are duplicates.
        """
        return self._run(self._flows.push_all(domain, events))

    def readiness(self) -> Readiness:
        """Ask once whether the service is ready; raises ClientError where nobody answers."""
        return self._run(self._flows.readiness())

    def close(self) -> None:
        """Close the connections."""
        if self._is_ours:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, flow: Flow[Result]) -> Result:
        reply: Reply = None
        while True:
            try:
                step = flow.send(reply)
            except StopIteration as done:
                result: Result = done.value
                return result
            if isinstance(step, Wait):
                self._sleep(step.seconds)
                reply = None
            else:
                reply = self._send(step)

    def _send(self, step: Send) -> Reply:
        headers = {**self._key, **step.headers}
        try:
            return self._http.request(
                step.method, f"{self._url}{step.path}", content=step.body, headers=headers, timeout=step.seconds
            )
        except httpx.TransportError as error:
            return error
