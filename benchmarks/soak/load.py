"""
Ask a service over HTTP/1.1 as fast as it answers, or so many times a second.

At a rate, the time of an answer counts from when its request was due and not from when it could be sent, so a service
that stands still for a second is late for everybody who would have asked in that second (Tene 2015, "How NOT to Measure
Latency": coordinated omission).
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_OK = 200
_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length:"


@dataclass(slots=True)
class Heard:
    """
    What callers heard.

    Attributes:
        at: When each answer was asked for, seconds since the load began.
        took: Seconds until it came.
        errors: What came instead of an answer with status 200, and how often.
        safe: How many answers were a safe outcome.
        whole_at: When answers from features came, seconds since the load began.
    """

    at: array[float] = field(default_factory=lambda: array("d"))
    took: array[float] = field(default_factory=lambda: array("d"))
    errors: dict[str, int] = field(default_factory=dict)
    safe: int = 0
    whole_at: array[float] = field(default_factory=lambda: array("d"))

    def answer(self, at: float, took: float, body: bytes) -> None:
        """Note a decision."""
        self.at.append(at)
        self.took.append(took)
        if b'"basis":"safe_outcome"' in body:
            self.safe += 1
        else:
            self.whole_at.append(at + took)

    def error(self, what: str) -> None:
        """Note that there was none."""
        self.errors[what] = self.errors.get(what, 0) + 1


@dataclass(frozen=True, slots=True)
class Address:
    """Where decisions are asked for: the URL of the endpoint, and the key that is presented."""

    url: str
    key: str

    def request(self, body: bytes) -> bytes:
        """A request as it goes over the wire."""
        parts = urlsplit(self.url)
        head = (
            f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {self.key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


class Connection(asyncio.Protocol):
    """A kept connection; one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer; raises ConnectionError where the connection breaks."""
        if self._transport is None:
            raise ConnectionResetError
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Requests can be sent."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - asyncio gives streams this kind
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Give a whole answer to who asked."""
        self._buffer += data
        end = self._buffer.find(_END_OF_HEAD)
        if end < 0 or self._answer is None:
            return
        head = bytes(self._buffer[:end]).lower()
        length = int(head.partition(_LENGTH)[2].partition(b"\r\n")[0])
        begin = end + len(_END_OF_HEAD)
        if len(self._buffer) < begin + length:
            return
        body = bytes(self._buffer[begin : begin + length])
        del self._buffer[: begin + length]
        self._answer.set_result((int(head[9:12]), body))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError())


async def load(
    address: Address,
    bodies: Iterator[bytes],
    *,
    seconds: float,
    connections: int,
    rate: float | None = None,
    patience: float = 5.0,
) -> Heard:
    """
    Ask for decisions.

    Args:
        address: Where.
        bodies: What is sent, each once.
        seconds: How long.
        connections: Requests at once.
        rate: Requests a second, evenly spaced; as many as are answered by default.
        patience: Seconds after which no answer is waited for.
    """
    heard, begun = Heard(), time.perf_counter()

    async def keep_asking(place: int) -> None:
        step = None if rate is None else connections / rate
        due = begun + (0.0 if step is None else place * step / connections)
        connection = await _connected(address)
        while due < begun + seconds:
            await asyncio.sleep(max(0.0, due - time.perf_counter()) if step else 0)
            connection = await _asked(address, connection, next(bodies), heard, due - begun, begun, patience)
            due = time.perf_counter() if step is None else due + step
        connection.close()

    await asyncio.gather(*(keep_asking(place) for place in range(connections)))
    return heard


async def _asked(
    address: Address, connection: Connection, body: bytes, heard: Heard, at: float, begun: float, patience: float
) -> Connection:
    """Ask once and note the answer; the connection to go on with."""
    try:
        async with asyncio.timeout(patience):
            status, content = await connection.ask(address.request(body))
    except (OSError, TimeoutError) as error:
        heard.error(type(error).__name__)
        connection.close()
        return await _connected(address)
    if status == _OK:
        heard.answer(at, time.perf_counter() - begun - at, content)
    else:
        heard.error(str(status))
    return connection


async def _connected(address: Address) -> Connection:
    parts = urlsplit(address.url)
    _, connection = await asyncio.get_running_loop().create_connection(Connection, parts.hostname, parts.port)
    return connection
