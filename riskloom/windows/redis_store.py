"""Window state in Redis: the store of production, shared by any number of workers."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from riskloom.errors import StateUnavailableError
from riskloom.windows.state import FENCE_SIZE, HEADER, fence_of
from riskloom.windows.store import MAX_AHEAD_US, Answer, Exchange, Outcome, stamped

if TYPE_CHECKING:
    import redis

_FOLDER = Path(__file__).parent
_BATCH = 500
_SECOND_US = 1_000_000
_MILLISECOND_US = 1_000
_TIMEOUT = 0.5


class Script:
    """A script as Redis runs it: by its hash, sent in full only where Redis does not know it."""

    def __init__(self, name: str) -> None:
        self.source = (_FOLDER / name).read_bytes()
        self.sha = hashlib.sha1(self.source, usedforsecurity=False).hexdigest().encode()


class RedisStateStore:
    """
    Keeps state in one Redis; a script touches keys of several entities, so it is no store for a cluster.

    Redis counts each event or does not; a connection that breaks in the middle of a call leaves it open which, and
    sending the event again settles it. Each thread has a connection of its own.
    """

    def __init__(self, url: str, *, timeout: float = _TIMEOUT) -> None:
        import redis  # noqa: PLC0415 - the command line need not wait for it

        self._pool = redis.ConnectionPool.from_url(
            url, socket_timeout=timeout, socket_connect_timeout=timeout, protocol=2
        )
        self._local = threading.local()
        self._exchange, self._swap = Script("exchange.lua"), Script("swap.lua")

    def exchange(self, exchange: Exchange) -> Answer:
        """Count an event once, in one call of one script."""
        now_us = exchange.now_us
        keys = [exchange.event_key]
        arguments = [
            fence_of(now_us),
            b"%016d" % (now_us + MAX_AHEAD_US),
            b"%016d" % max(exchange.earliest_us, 0),
            b"%d" % (exchange.dedupe_us // _SECOND_US),
            b"%d" % (exchange.dedupe_us // _MILLISECOND_US),
        ]
        for touch in exchange.touches:
            keys.append(touch.key)
            record = touch.record and stamped(touch.record, now_us)
            arguments += (record, touch.base, b"%d" % (touch.keep_us // _MILLISECOND_US))
        outcome, stamp, *blobs = self._run(self._exchange, keys, arguments)
        return Answer(cast("Outcome", outcome.decode()), int(stamp), blobs)

    def read(self, keys: Sequence[bytes]) -> list[bytes]:
        """What lies under each key, all as of one moment."""
        return [found or b"" for found in self._call(b"MGET", *keys)] if keys else []

    def swap(self, key: bytes, old: bytes, base: bytes) -> bool:
        """Put a folded base in place; what was appended since is kept behind it."""
        header = old[FENCE_SIZE : FENCE_SIZE + HEADER.size]
        return bool(self._run(self._swap, [key], [header, b"%d" % len(old), base]))

    def write(self, entries: Iterable[tuple[bytes, bytes, int]]) -> None:
        """Write whole blobs, five hundred a round trip."""
        remaining = iter(entries)
        while batch := list(islice(remaining, _BATCH)):
            with self._connected() as connection:
                keep = ((key, blob, b"%d" % (keep_us // _MILLISECOND_US)) for key, blob, keep_us in batch)
                connection.send_packed_command([_packed(b"SET", key, blob, b"PX", ttl) for key, blob, ttl in keep])
                for _ in batch:
                    connection.read_response()

    def mark(self, key: bytes, value: bytes) -> None:
        """Write a marker."""
        self._call(b"SET", key, value)

    def marker(self, key: bytes) -> bytes | None:
        """A marker; None where there is none."""
        return cast("bytes | None", self._call(b"GET", key))

    def close(self) -> None:
        """Close all connections."""
        self._pool.disconnect()

    def _run(self, script: Script, keys: Sequence[bytes], arguments: Sequence[bytes]) -> Any:
        from redis.exceptions import NoScriptError  # noqa: PLC0415

        call = (script.sha, b"%d" % len(keys), *keys, *arguments)
        try:
            return self._call(b"EVALSHA", *call)
        except NoScriptError:  # Redis was started afresh; nothing ran
            self._call(b"SCRIPT", b"LOAD", script.source)
            return self._call(b"EVALSHA", *call)

    def _call(self, *parts: bytes) -> Any:
        with self._connected() as connection:
            connection.send_packed_command([_packed(*parts)])
            return connection.read_response()

    @contextmanager
    def _connected(self) -> Iterator[redis.Connection]:
        """This thread's connection; closed after an error, as a late answer must not meet a later call."""
        from redis.exceptions import NoScriptError, RedisError  # noqa: PLC0415

        connection = self._connection()
        try:
            yield connection
        except NoScriptError:
            raise
        except (RedisError, OSError) as error:
            connection.disconnect()
            raise StateUnavailableError(f"the window state cannot be reached: {type(error).__name__}") from error
        except BaseException:
            connection.disconnect()
            raise

    def _connection(self) -> redis.Connection:
        held: tuple[int, redis.Connection] | None = getattr(self._local, "held", None)
        if held is None or held[0] != os.getpid():  # a forked process must not share its parent's socket
            held = (os.getpid(), self._pool.get_connection())
            self._local.held = held
        return held[1]


def _packed(*parts: bytes) -> bytes:
    """A command in Redis's protocol."""
    lines = [b"*%d\r\n" % len(parts)]
    lines += [b"$%d\r\n%b\r\n" % (len(part), part) for part in parts]
    return b"".join(lines)
