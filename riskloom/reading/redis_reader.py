"""The online features of a domain from Redis: windows and materialised views together, in one round trip."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from riskloom.errors import StateUnavailableError
from riskloom.features.live import LiveWindows
from riskloom.reading.lookup import Lookup, OnlineRow
from riskloom.reading.redis_pipe import Command, RedisPipe
from riskloom.windows.redis_store import Script, answer_of, exchange_arguments


class RedisReader:
    """
    Reads for one event loop; requests share a connection.

    Args:
        url: Of the Redis.
        lookup: What is read.
        live: The live windows, where the domain declares some.
        patience: Seconds that a reading may take.
    """

    def __init__(self, url: str, lookup: Lookup, live: LiveWindows | None, *, patience: float) -> None:
        self._url, self._patience = url, patience
        self._lookup, self._live = lookup, live
        self._script = Script("exchange.lua")
        self._pipe: RedisPipe | None = None
        self._settling: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """
        Connect anew.

        Raises:
            StateUnavailableError: Redis is not there.
        """
        pipe = await RedisPipe.connect(self._url, patience=self._patience)
        await pipe.request([(b"SCRIPT", b"LOAD", self._script.source)])
        self.close()
        self._pipe = pipe

    async def decide(self, event: Mapping[str, Any], *, now: datetime) -> OnlineRow:
        """
        Count the event that is decided, and read all views as they were before it.

        Args:
            event: The event table's columns in natural types.
            now: The clock, timezone-aware; the decision's instant is this or later.

        Raises:
            EventRefusedError: The event cannot be counted.
            StateUnavailableError: Redis does not answer in time; sending the event again is safe.
            WindowError: The live state is not as it was written.
            LedgerError: The event was counted, and that could not be written down.
        """
        commands = self._lookup.commands(event)
        if self._live is None:
            return self._lookup.row(event, now, {}, await self._request(commands))
        pending = self._live.begin(event, now=now)
        keys, arguments = exchange_arguments(pending.exchange)
        counting = (b"EVALSHA", self._script.sha, b"%d" % len(keys), *keys, *arguments)
        replies = await self._request([counting, *commands])
        if isinstance(replies[0], Exception) and str(replies[0]).startswith("NOSCRIPT"):
            # Redis started afresh; nothing was counted
            await self._request([(b"SCRIPT", b"LOAD", self._script.source)])
            replies = await self._request([counting, *commands])
        if isinstance(replies[0], Exception):
            raise StateUnavailableError("the window state cannot be reached: Redis refused") from replies[0]
        counted = self._live.finish(event, pending, answer_of(replies[0]))
        if counted is None:
            found = await asyncio.to_thread(self._live.read, event)
            return self._lookup.row(event, now, found, replies[1:])
        if self._live.has_due and (self._settling is None or self._settling.done()):
            self._settling = asyncio.create_task(asyncio.to_thread(self._live.settle))
        return self._lookup.row(event, counted.at, counted.values, replies[1:])

    async def read(self, row: Mapping[str, str | None], *, now: datetime) -> OnlineRow:
        """Read all views for the entities named in ``row``; nothing is counted; raises as ``decide`` does."""
        windowed = {} if self._live is None else await asyncio.to_thread(self._live.read, row)
        return self._lookup.row(row, now, windowed, await self._request(self._lookup.commands(row)))

    async def check(self) -> None:
        """
        Connect anew where the connection is gone, and ask in one round trip what a decision asks: to read and to write.

        Raises:
            StateUnavailableError: Redis is not there, or takes no writes.
            NotBootstrappedError: It started afresh, and has forgotten what it was filled with.
        """
        if self._pipe is None or not self._pipe.is_open:
            await self.connect()
        live, commands = self._live, list[Command]([(b"PING",)])
        if live is not None:
            commands = [(b"GET", live.history_key), (b"SET", live.probe_key, b"1")]
        replies = await self._request(commands)
        for reply in replies:
            if isinstance(reply, Exception):
                raise StateUnavailableError("the online store does not take writes") from reply
        if live is not None:
            live.require_history(replies[0])

    def close(self) -> None:
        """Let go of the connection."""
        if self._pipe is not None:
            self._pipe.close()

    async def _request(self, commands: Sequence[Command]) -> list[Any]:
        if self._pipe is None:
            raise StateUnavailableError("the online store cannot be reached: it was not connected")
        return await self._pipe.request(commands) if commands else []
