"""
One connection to Redis that many requests of an event loop share: each is one write and one answer, in turn.

redis-py's asynchronous client takes as long for a command as Redis takes to run it; here a request is bytes in, replies
out. What waits longer than its time breaks the connection, since a late answer would meet a later request.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Sequence
from typing import Any, cast

from riskloom.errors import StateUnavailableError

Command = Sequence[bytes]

_LOOK_SECONDS = 0.02


class RedisPipe(asyncio.Protocol):
    """
    A connection; use :meth:`connect`.

    Args:
        patience: Seconds that a request may take, waiting for those before it included.
    """

    def __init__(self, *, patience: float) -> None:
        import hiredis  # noqa: PLC0415

        self._patience = patience
        self._reader = hiredis.Reader()
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Request] = deque()
        self._transport: asyncio.Transport | None = None
        self._look: asyncio.TimerHandle | None = None

    @classmethod
    async def connect(cls, url: str, *, patience: float) -> RedisPipe:
        """
        Connect, log in and choose the database that a URL names (``redis://``, ``rediss://`` or ``unix://``).

        Raises:
            StateUnavailableError: Redis is not there, or lets nobody in.
        """
        from redis.connection import SSLConnection, parse_url  # noqa: PLC0415

        address: dict[str, Any] = dict(parse_url(url))
        loop, is_secure = asyncio.get_running_loop(), address.get("connection_class") is SSLConnection
        secured = ssl.create_default_context() if is_secure else None
        try:
            async with asyncio.timeout(patience):
                if "path" in address:
                    _, pipe = await loop.create_unix_connection(lambda: cls(patience=patience), address["path"])
                else:
                    host, port = address.get("host", "127.0.0.1"), int(address.get("port", 6379))
                    _, pipe = await loop.create_connection(lambda: cls(patience=patience), host, port, ssl=secured)
                await pipe._enter(address)
        except (OSError, TimeoutError) as error:
            raise _gone(type(error).__name__) from error
        return pipe

    @property
    def is_open(self) -> bool:
        """Whether requests can be sent."""
        return self._transport is not None

    async def request(self, commands: Sequence[Command]) -> list[Any]:
        """
        Send commands in one go; their replies, errors that Redis answered among them.

        Raises:
            StateUnavailableError: The connection is closed, broke, or took too long.
        """
        if self._transport is None:
            raise _gone("the connection is closed")
        request = _Request(len(commands), self._loop.create_future(), self._loop.time() + self._patience)
        self._waiting.append(request)
        self._transport.write(b"".join(map(packed, commands)))
        if self._look is None:
            self._look = self._loop.call_later(_LOOK_SECONDS, self._look_at_the_clock)
        return await request.future

    def close(self) -> None:
        """Close the connection; requests that wait fail."""
        self._break("the connection was closed")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Requests can be sent from now on."""
        self._transport = cast("asyncio.Transport", transport)  # of uvloop it has the methods and not the class

    def data_received(self, data: bytes) -> None:
        """Give replies to those who wait, in turn."""
        self._reader.feed(data)
        while self._waiting:
            request = self._waiting[0]
            while len(request.replies) < request.expected:
                reply = self._reader.gets()
                if reply is False:
                    return
                request.replies.append(reply)
            self._waiting.popleft()
            if not request.future.done():  # whoever waited may have gone
                request.future.set_result(request.replies)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everybody who waits."""
        self._break("the connection broke" if exc is None else type(exc).__name__)

    async def _enter(self, address: dict[str, Any]) -> None:
        commands: list[Command] = []
        if address.get("password"):
            names = [address["username"].encode()] if address.get("username") else []
            commands.append([b"AUTH", *names, address["password"].encode()])
        if address.get("db"):
            commands.append([b"SELECT", b"%d" % int(address["db"])])
        for reply in await self.request(commands) if commands else []:
            if isinstance(reply, Exception):
                self.close()
                raise _gone(str(reply).partition(" ")[0])  # the code alone: a message may repeat what was sent

    def _look_at_the_clock(self) -> None:
        self._look = None
        if not self._waiting:
            return
        if self._loop.time() >= self._waiting[0].until:
            self._break("no answer in time")
        else:
            self._look = self._loop.call_later(_LOOK_SECONDS, self._look_at_the_clock)

    def _break(self, why: str) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
        while self._waiting:
            request = self._waiting.popleft()
            if not request.future.done():
                request.future.set_exception(_gone(why))


class _Request:
    __slots__ = ("expected", "future", "replies", "until")

    def __init__(self, expected: int, future: asyncio.Future[list[Any]], until: float) -> None:
        self.expected, self.future, self.until = expected, future, until
        self.replies: list[Any] = []


def packed(parts: Command) -> bytes:
    """A command in Redis' protocol."""
    lines = [b"*%d\r\n" % len(parts)]
    lines += [b"$%d\r\n%b\r\n" % (len(part), part) for part in parts]
    return b"".join(lines)


def _gone(why: str) -> StateUnavailableError:
    return StateUnavailableError(f"the online store cannot be reached: {why}")
