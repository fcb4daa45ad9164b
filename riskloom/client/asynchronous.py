"""The asynchronous client; one may be shared by the tasks of a loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from riskloom.client.answers import Decision, EventResult, Readiness, ScoreResult
from riskloom.client.flow import Flow, Flows, Reply, Result, Send, Wait
from riskloom.client.retries import Retries
from riskloom.client.synchronous import CONNECTIONS, SECONDS


class AsyncClient:
    """
    Calls the scoring service as :class:`riskloom.client.Client` does, without blocking.

    Args:
        url: Where it listens.
        api_key: With the scopes of what is called.
        seconds: All that a call may take, retries and pauses included.
        retries: When a call is tried again.
        connections: Open at once at most.
        http: Instead of a client of our own; it is not closed here.
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
        http: httpx.AsyncClient | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._url, self._key = url.rstrip("/"), {"Authorization": f"Bearer {api_key}"}
        self._flows = Flows(retries or Retries(), seconds)
        self._is_ours = http is None
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._http = http or httpx.AsyncClient(limits=limits, follow_redirects=False)
        self._sleep = sleep

    async def score(self, domain: str, event: Mapping[str, Any]) -> Decision:
        """Score one event; raises ClientError."""
        return await self._run(self._flows.score(domain, event))

    async def score_all(self, domain: str, events: Iterable[Mapping[str, Any]]) -> list[ScoreResult]:
        """Score events in their order, each as if it had been sent alone; raises ClientError."""
        return await self._run(self._flows.score_all(domain, events))

    async def push(self, domain: str, table: str, event: Mapping[str, Any]) -> EventResult:
        """Push one event; raises ClientError."""
        return await self._run(self._flows.push(domain, table, event))

    async def push_all(self, domain: str, events: Iterable[tuple[str, Mapping[str, Any]]]) -> list[EventResult]:
        """Push events in their order, each with its table; raises ClientError."""
        return await self._run(self._flows.push_all(domain, events))

    async def readiness(self) -> Readiness:
        """Ask once whether the service is ready; raises ClientError where nobody answers."""
        return await self._run(self._flows.readiness())

    async def aclose(self) -> None:
        """Close the connections."""
        if self._is_ours:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _run(self, flow: Flow[Result]) -> Result:
        reply: Reply = None
        while True:
            try:
                step = flow.send(reply)
            except StopIteration as done:
                result: Result = done.value
                return result
            if isinstance(step, Wait):
                await self._sleep(step.seconds)
                reply = None
            else:
                reply = await self._send(step)

    async def _send(self, step: Send) -> Reply:
        headers = {**self._key, **step.headers}
        try:
            async with asyncio.timeout(step.seconds):
                return await self._http.request(
                    step.method, f"{self._url}{step.path}", content=step.body, headers=headers, timeout=step.seconds
                )
        except httpx.TransportError as error:
            return error
        except TimeoutError:
            return httpx.ReadTimeout("no whole answer within the time there was")
