"""Window state in Redis: the store of production, shared by any number of workers."""

from __future__ import annotations

import hashlib
import os
import socket
import struct
import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from riskloom.errors import StateUnavailableError
from riskloom.windows.state import ENDLESS_US, FENCE_SIZE, HEADER, Later, Parcel, fence_of
from riskloom.windows.store import Answer, Entry, Exchange, Found, Outcome, Swap, stamped

if TYPE_CHECKING:
    import redis

FOLDER = Path(__file__).parent
_BATCH = 500
_DIGITS = 16
_UNIQUE = 8  # random bytes that keep equal parcels apart
_SECOND_US = 1_000_000
_MILLISECOND_US = 1_000
_TIMEOUT = 0.5
_CHUNK = 65_536
_AWAKE = 0.000_2


class Script:
    """A script as Redis runs it: by its hash, sent in full only where Redis does not know it."""

    def __init__(self, name: str) -> None:
        self.source = (FOLDER / name).read_bytes()
        self.sha = hashlib.sha1(self.source, usedforsecurity=False).hexdigest().encode()


class RedisStateStore:
    """
    Keeps state in one Redis; a script touches keys of several entities, so it is no store for a cluster.

    Redis counts each event or does not; a connection that breaks in the middle of a call leaves it open which, and
    sending the event again settles it. Each thread has a connection of its own.
    """

    def __init__(self, url: str, *, timeout: float = _TIMEOUT) -> None:
        import redis  # noqa: PLC0415 - the command line need not wait for it

        self._timeout = timeout
        self._pool = redis.ConnectionPool.from_url(
            url, socket_timeout=timeout, socket_connect_timeout=timeout, protocol=2
        )
        self._local = threading.local()
        self._exchange, self._swap = Script("exchange.lua"), Script("swap.lua")
        self._read, self._write = Script("read.lua"), Script("write.lua")

    def exchange(self, exchange: Exchange) -> Answer:
        """Count an event once, in one call of one script."""
        return answer_of(self._run(self._exchange, *exchange_arguments(exchange)))

    def read(self, keys: Sequence[bytes], at_us: int) -> Found:
        """What lies under each key, all as of one moment."""
        if not keys:
            return Found([])
        blobs, parcels = self._run(self._read, keys, [b"%016d" % at_us])
        return Found(blobs, _laters(parcels))

    def swap(self, swap: Swap) -> bool:
        """Put a folded base in place; what was appended since is kept behind it."""
        header = swap.old[FENCE_SIZE : FENCE_SIZE + HEADER.size]
        folded_to = b"" if swap.folded_to_us is None else b"%016d" % swap.folded_to_us
        arguments = [header, b"%d" % len(swap.old), swap.base, folded_to, *_parcels(swap.parcels)]
        return bool(self._run(self._swap, [swap.key], arguments))

    def write(self, entries: Iterable[Entry]) -> int:
        """Write whole states, five hundred a round trip."""
        self._call(b"SCRIPT", b"LOAD", self._write.source)
        written = (
            (b"EVALSHA", self._write.sha, b"1", key, blob, b"%d" % (keep_us // _MILLISECOND_US), *_parcels(parcels))
            for key, blob, parcels, keep_us in entries
        )
        return self._send(written)

    def remember(self, events: Iterable[tuple[bytes, int]], dedupe_us: int) -> None:
        """Note events as counted."""
        keep_ms = b"%d" % (dedupe_us // _MILLISECOND_US)
        self._send((b"SET", key, b"%016d" % stamp_us, b"PX", keep_ms) for key, stamp_us in events)

    def mark(self, key: bytes, value: bytes) -> None:
        """Write a marker."""
        self._call(b"SET", key, value)

    def marker(self, key: bytes) -> bytes | None:
        """A marker; None where there is none."""
        return cast("bytes | None", self._call(b"GET", key))

    def close(self) -> None:
        """Close all connections."""
        self._pool.disconnect()

    def _send(self, calls: Iterable[Sequence[bytes]]) -> int:
        """Send commands, five hundred a round trip; how many."""
        remaining, sent = iter(calls), 0
        while batch := list(islice(remaining, _BATCH)):
            for answer in self._replies(batch):
                _checked(answer)
            sent += len(batch)
        return sent

    def _run(self, script: Script, keys: Sequence[bytes], arguments: Sequence[bytes]) -> Any:
        call = (b"EVALSHA", script.sha, b"%d" % len(keys), *keys, *arguments)
        (answer,) = self._replies([call])
        if isinstance(answer, Exception) and str(answer).startswith("NOSCRIPT"):  # Redis started afresh; nothing ran
            self._call(b"SCRIPT", b"LOAD", script.source)
            (answer,) = self._replies([call])
        return _checked(answer)

    def _call(self, *parts: bytes) -> Any:
        return _checked(self._replies([parts])[0])

    def _replies(self, calls: Sequence[Sequence[bytes]]) -> list[Any]:
        """
        Send commands and read their replies; errors that Redis answers are among them.

        A connection that failed is closed, or a late answer would meet a later call.
        """
        connection = self._connection()
        try:
            return connection.replies(calls)
        except BaseException as error:
            self._local.connection = None
            connection.close()
            if isinstance(error, OSError):
                raise StateUnavailableError(f"the window state cannot be reached: {type(error).__name__}") from error
            raise

    def _connection(self) -> _Connection:
        held: _Connection | None = getattr(self._local, "connection", None)
        if held is None or held.process != os.getpid():  # a forked process must not share its parent's socket
            held = self._local.connection = _Connection(self._pool, self._timeout)
        return held


def exchange_arguments(exchange: Exchange) -> tuple[list[bytes], list[bytes]]:
    """The keys and the arguments of the script that counts an event."""
    now_us = exchange.now_us
    keys = [exchange.event_key]
    arguments = [
        fence_of(now_us),
        b"%016d" % exchange.latest_us,
        b"%016d" % max(exchange.earliest_us, 0),
        b"%d" % (exchange.dedupe_us // _SECOND_US),
        b"%d" % (exchange.dedupe_us // _MILLISECOND_US),
    ]
    for touch in exchange.touches:
        keys.append(touch.key)
        record = touch.record and stamped(touch.record, now_us)
        arguments += (record, touch.base, b"%d" % (touch.keep_us // _MILLISECOND_US))
    return keys, arguments


def answer_of(reply: Sequence[Any]) -> Answer:
    """What the script's reply says."""
    outcome, stamp, *blobs, parcels = reply
    return Answer(cast("Outcome", outcome.decode()), int(stamp), blobs, _laters(parcels))


def _parcels(parcels: Iterable[Parcel]) -> Iterator[bytes]:
    """Parcels as scripts take them: a score, and a member that begins with it and is like no other."""
    for from_us, records in parcels:
        score = b"%016d" % from_us
        yield from (score, score + os.urandom(_UNIQUE) + records)


def _laters(parcels: Sequence[tuple[int, bytes, Sequence[bytes]]]) -> dict[int, Later]:
    """What scripts say of parcels: by the place of their key those that are needed, and when the next one will be."""
    return {
        place: Later(
            b"".join(member[_DIGITS + _UNIQUE :] for member in needed), int(after[:_DIGITS]) if after else ENDLESS_US
        )
        for place, after, needed in parcels
    }


class _Connection:
    """
    A connection that redis-py opened (address, TLS, credentials, database), written to and read from directly.

    redis-py's own way of sending a command takes as long as Redis takes to run it.
    """

    def __init__(self, pool: redis.ConnectionPool, timeout: float) -> None:
        import hiredis  # noqa: PLC0415
        from redis.exceptions import RedisError  # noqa: PLC0415

        self.process = os.getpid()
        try:
            self._opened = pool.get_connection()
        except (RedisError, OSError) as error:
            raise StateUnavailableError(f"the window state cannot be reached: {type(error).__name__}") from error
        self._socket: socket.socket = self._opened._sock
        # the kernel keeps the time; Python would ask it before each call whether the socket is ready
        self._socket.settimeout(None)
        limit = struct.pack("ll", int(timeout), int(timeout % 1 * 1_000_000))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        self._reader = hiredis.Reader()

    def replies(self, calls: Sequence[Sequence[bytes]]) -> list[Any]:
        """Send commands in one go and read as many replies; OSError where the connection breaks or takes too long."""
        self._socket.sendall(b"".join(map(_packed, calls)))
        answers: list[Any] = []
        while True:
            while (answer := self._reader.gets()) is not False:
                answers.append(answer)
            if len(answers) == len(calls):
                return answers
            received = self._received()
            if not received:
                raise ConnectionResetError
            self._reader.feed(received)

    def _received(self) -> bytes:
        """
        What has arrived; waits awake at first, as waking up takes longer than Redis takes to answer.

        Whoever else wants the processor gets it at each look, Redis on the same machine above all.
        """
        until = perf_counter() + _AWAKE
        while perf_counter() < until:
            try:
                return self._socket.recv(_CHUNK, socket.MSG_DONTWAIT)
            except BlockingIOError:
                os.sched_yield()
        return self._socket.recv(_CHUNK)

    def close(self) -> None:
        """Close the connection for good."""
        self._opened.disconnect()


def _checked(answer: Any) -> Any:
    if isinstance(answer, Exception):
        raise StateUnavailableError(f"the window state cannot be reached: {answer}") from answer
    return answer


def _packed(parts: Sequence[bytes]) -> bytes:
    """A command in Redis's protocol."""
    lines = [b"*%d\r\n" % len(parts)]
    lines += [b"$%d\r\n%b\r\n" % (len(part), part) for part in parts]
    return b"".join(lines)
