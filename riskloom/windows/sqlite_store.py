"""Window state in a SQLite file: the embedded store, for any number of processes of one machine."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from pathlib import Path

from riskloom.errors import StateUnavailableError
from riskloom.windows.state import ENDLESS_US, FENCE_SIZE, HEADER, UNTIL, Later, Parcel, fence_of
from riskloom.windows.store import Answer, Entry, Exchange, Found, Swap, Touch, stamped

_SCHEMA = """
create table if not exists state (
    id integer primary key, key blob not null unique, keep_until_us integer not null, blob blob not null
);
create table if not exists later (
    id integer primary key, key blob not null, from_us integer not null, records blob not null
);
create index if not exists later_by_start on later (key, from_us);
create table if not exists event (
    key blob primary key, stamp_us integer not null, keep_until_us integer not null
) without rowid;
create index if not exists event_by_end on event (keep_until_us);
create table if not exists marker (key blob primary key, value blob not null) without rowid;
"""
_Run = Callable[..., sqlite3.Cursor]

_DIGITS = 16
_BATCH = 1_000
_SWEEP_EVERY = 512


class SqliteStateStore:
    """
    Keeps state in one file with a write-ahead log; each thread has a connection of its own, and each process a store.

    A write waits for the others' at most ``timeout`` seconds. A process that is killed loses nothing that was answered;
    a machine that loses power may lose the last moments, which are sent again or rebuilt.
    """

    def __init__(self, path: Path, *, timeout: float = 5.0) -> None:
        self._path, self._timeout = path, timeout
        self._local, self._process = threading.local(), os.getpid()
        self._swept_to, self._exchanges = 0, 0
        path.parent.mkdir(parents=True, exist_ok=True)
        with _answering():
            self._connection().executescript(_SCHEMA)

    def exchange(self, exchange: Exchange) -> Answer:
        """Count an event once, in one transaction that nobody else can come between."""
        with _answering():
            run = self._connection().execute
            run("begin immediate")
            try:
                answer = _exchanged(run, exchange)
            except BaseException:
                run("rollback")
                raise
            run("commit")
        self._exchanges += 1
        if self._exchanges % _SWEEP_EVERY == 0:
            self.sweep(answer.stamp_us)
        return answer

    def read(self, keys: Sequence[bytes], at_us: int) -> Found:
        """What lies under each key, all as of one moment."""
        with _answering(), self._transaction("begin") as connection:
            found = _found(connection.execute, keys)
            blobs = [found[key][1] if key in found else b"" for key in keys]
            stamp = max([b"%016d" % at_us, *(blob[:_DIGITS] for blob in blobs)])
            if not stamp.isdigit():  # the caller looks
                return Found(blobs)
            return Found(blobs, _laters(connection.execute, keys, blobs, stamp))

    def swap(self, swap: Swap) -> bool:
        """Put a folded base in place; what was appended since is kept behind it."""
        header = slice(FENCE_SIZE, FENCE_SIZE + HEADER.size)
        with _answering(), self._transaction() as connection:
            found = connection.execute("select id, blob from state where key = ?", (swap.key,)).fetchone()
            if found is None or found[1][header] != swap.old[header]:
                return False
            blob = found[1][:FENCE_SIZE] + swap.base + found[1][len(swap.old) :]
            connection.execute("update state set blob = ? where id = ?", (blob, found[0]))
            if swap.folded_to_us is not None:
                folded = "delete from later where key = ? and from_us < ?"
                connection.execute(folded, (swap.key, swap.folded_to_us))
            _put_beside(connection, swap.key, swap.parcels)
        return True

    def write(self, entries: Iterable[Entry]) -> int:
        """Write whole states, a thousand a transaction; each is kept from its fence on."""
        remaining, written = iter(entries), 0
        while batch := list(islice(remaining, _BATCH)):
            with _answering(), self._transaction() as connection:
                connection.executemany(
                    "insert into state (key, keep_until_us, blob) values (?, ?, ?) on conflict (key) do update set "
                    "keep_until_us = excluded.keep_until_us, blob = excluded.blob",
                    ((key, int(blob[:_DIGITS]) + keep_us, blob) for key, blob, _, keep_us in batch),
                )
                connection.executemany("delete from later where key = ?", ((entry.key,) for entry in batch))
                for entry in batch:
                    _put_beside(connection, entry.key, entry.parcels)
            written += len(batch)
        return written

    def remember(self, events: Iterable[tuple[bytes, int]], dedupe_us: int) -> None:
        """Note events as counted."""
        rows = ((key, stamp_us, stamp_us + dedupe_us) for key, stamp_us in events)
        while batch := list(islice(rows, _BATCH)):
            with _answering(), self._transaction() as connection:
                connection.executemany("insert or replace into event values (?, ?, ?)", batch)

    def mark(self, key: bytes, value: bytes) -> None:
        """Write a marker."""
        with _answering(), self._transaction() as connection:
            connection.execute("insert or replace into marker values (?, ?)", (key, value))

    def marker(self, key: bytes) -> bytes | None:
        """A marker; None where there is none."""
        with _answering():
            found = self._connection().execute("select value from marker where key = ?", (key,)).fetchone()
        return None if found is None else bytes(found[0])

    def sweep(self, now_us: int) -> None:
        """Remove a part of what need not be kept any longer; called again and again it comes round."""
        with _answering(), self._transaction() as connection:
            connection.execute(
                "delete from event where key in (select key from event where keep_until_us < ? limit ?)",
                (now_us, 2 * _SWEEP_EVERY),
            )
            reached = connection.execute(
                "select max(id) from (select id from state where id > ? order by id limit ?)",
                (self._swept_to, _SWEEP_EVERY),
            ).fetchone()[0]
            ended = "state where id > ? and id <= ? and keep_until_us < ?"
            part = (self._swept_to, reached or self._swept_to, now_us)
            connection.execute(f"delete from later where key in (select key from {ended})", part)  # noqa: S608
            connection.execute(f"delete from {ended}", part)  # noqa: S608 - the text above
        self._swept_to = reached or 0

    def close(self) -> None:
        """Close this thread's connection."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    def _connection(self) -> sqlite3.Connection:
        if os.getpid() != self._process:  # SQLite takes its parent's locks for its own, and writes over others
            raise StateUnavailableError("the window state was opened before a fork; each process opens its own")
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self._path, timeout=self._timeout, isolation_level=None)
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = normal")
            connection.execute("pragma wal_autocheckpoint = 4000")
            self._local.connection = connection
        return connection

    @contextmanager
    def _transaction(self, begin: str = "begin immediate") -> Iterator[sqlite3.Connection]:
        connection = self._connection()
        connection.execute(begin)
        try:
            yield connection
        except BaseException:
            connection.execute("rollback")
            raise
        connection.execute("commit")


def fences(touches: Sequence[Touch], blobs: Sequence[bytes]) -> list[bytes]:
    """The last stamps that a new one must not come before: those of all keys touched, the ones only read included."""
    return [blob[:FENCE_SIZE] for _, blob in zip(touches, blobs, strict=True)]


def is_repeated(accepted_us: int, stamp_us: int, dedupe_us: int) -> bool:
    """Whether an event that was accepted before is the same again, not a new one that bears an old id."""
    return stamp_us < accepted_us + dedupe_us


def _exchanged(run: _Run, exchange: Exchange) -> Answer:
    touches = exchange.touches
    found = _found(run, keys := [touch.key for touch in touches])
    blobs = [found[touch.key][1] if touch.key in found else b"" for touch in touches]
    fence = max([fence_of(exchange.now_us), *fences(touches, blobs)])
    if fence[:_DIGITS] > b"%016d" % exchange.latest_us or not fence[:_DIGITS].isdigit():
        return Answer("ahead", exchange.now_us, blobs)
    stamp_us = int(fence[:_DIGITS])
    accepted = run("select stamp_us from event where key = ?", (exchange.event_key,)).fetchone()
    if accepted is not None and is_repeated(accepted[0], stamp_us, exchange.dedupe_us):
        return Answer("duplicate", accepted[0], blobs, _laters(run, keys, blobs, b"%016d" % accepted[0]))
    if stamp_us < exchange.earliest_us:
        return Answer("future", stamp_us, blobs)
    run("insert or replace into event values (?, ?, ?)", (exchange.event_key, stamp_us, stamp_us + exchange.dedupe_us))
    for touch, blob in zip(touches, blobs, strict=True):
        record = touch.record and stamped(touch.record, stamp_us)
        content = fence + (blob[FENCE_SIZE:] or touch.base) + record
        keep_until_us = stamp_us + touch.keep_us
        if blob:
            values = (content, keep_until_us, found[touch.key][0])
            run("update state set blob = ?, keep_until_us = ? where id = ?", values)
        else:
            run("insert into state (key, keep_until_us, blob) values (?, ?, ?)", (touch.key, keep_until_us, content))
    return Answer("counted", stamp_us, blobs, _laters(run, keys, blobs, fence[:_DIGITS]))


def _laters(run: _Run, keys: Sequence[bytes], blobs: Sequence[bytes], stamp: bytes) -> dict[int, Later]:
    """What lies beside blobs and is needed at a stamp, by the place of the key."""
    return {
        place: _later(run, key, int(stamp))
        for place, (key, blob) in enumerate(zip(keys, blobs, strict=True))
        if blob and stamp > blob[UNTIL]
    }


def _later(run: _Run, key: bytes, stamp_us: int) -> Later:
    needed = run("select records from later where key = ? and from_us < ? order by from_us, id", (key, stamp_us))
    (next_us,) = run("select min(from_us) from later where key = ? and from_us >= ?", (key, stamp_us)).fetchone()
    return Later(b"".join(records for (records,) in needed.fetchall()), ENDLESS_US if next_us is None else next_us)


def _put_beside(connection: sqlite3.Connection, key: bytes, parcels: Iterable[Parcel]) -> None:
    rows = ((key, from_us, records) for from_us, records in parcels)
    connection.executemany("insert into later (key, from_us, records) values (?, ?, ?)", rows)


def _found(run: _Run, keys: Sequence[bytes]) -> dict[bytes, tuple[int, bytes]]:
    rows = run(_select(len(keys)), keys).fetchall() if keys else []
    return {key: (number, blob) for key, number, blob in rows}


@lru_cache(maxsize=64)
def _select(keys: int) -> str:
    return f"select key, id, blob from state where key in ({', '.join('?' * keys)})"  # noqa: S608 - question marks


@contextmanager
def _answering() -> Iterator[None]:
    """A file that cannot be read or written is a store that does not answer."""
    try:
        yield
    except sqlite3.Error as error:
        raise StateUnavailableError(f"the window state cannot be reached: {error}") from error
