"""The online features of a domain from SQLite, the embedded store: read in a thread, as a file may make one wait."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from riskloom.errors import FeatureError
from riskloom.features.live import LiveWindows
from riskloom.online import layout
from riskloom.reading.lookup import Lookup, OnlineRow

Answer = TypeVar("Answer")


class SqliteReader:
    """
    Reads for one event loop; one reading at a time.

    Args:
        path: Feast's online store.
        lookup: What is read.
        live: The live windows, where the domain declares some; they are opened in the thread.
        patience: Seconds that a reading waits for another process to let go of the file.
    """

    def __init__(self, path: Path, lookup: Lookup, live: LiveWindows | None, *, patience: float) -> None:
        self._path, self._lookup, self._live, self._patience = path, lookup, live, patience
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="online-sqlite")
        self._connection: sqlite3.Connection | None = None

    async def connect(self) -> None:
        """
        Open the file.

        Raises:
            FeatureError: It cannot be opened.
        """
        await self._run(self._open)

    async def decide(self, event: Mapping[str, Any], *, now: datetime) -> OnlineRow:
        """
        Count the event that is decided, and read all views as they were before it.

        Raises:
            EventRefusedError: The event cannot be counted.
            FeatureError: Feast's online store cannot be read.
            WindowError: The live state cannot, or is not as it was written.
            LedgerError: The event was counted, and that could not be written down.
        """
        return await self._run(lambda: self._decide(event, now))

    async def read(self, row: Mapping[str, str | None], *, now: datetime) -> OnlineRow:
        """Read all views for the entities named in ``row``; nothing is counted; raises as ``decide`` does."""
        return await self._run(lambda: self._read(row, now))

    async def check(self) -> None:
        """
        Look whether the files can be read and the state be written.

        Raises:
            FeatureError: Feast's online store cannot be read.
            StateUnavailableError: Somebody else holds the state's lock.
            NotBootstrappedError: The state has forgotten what it was filled with.
        """
        await self._run(self._check)

    def close(self) -> None:
        """Let the thread go."""
        self._thread.submit(self._shut)
        self._thread.shutdown(wait=False)

    async def _run(self, question: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._thread, question)

    def _open(self) -> None:
        self._shut()
        address = f"file:{self._path}?mode=ro"
        try:
            self._connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=self._patience)
        except sqlite3.Error as error:
            raise FeatureError(f"{self._path}: cannot be opened: {error}") from error

    def _check(self) -> None:
        self._found({})
        if self._live is not None:
            self._live.check()

    def _shut(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _decide(self, event: Mapping[str, Any], now: datetime) -> OnlineRow:
        if self._live is None:
            return self._lookup.row(event, now, {}, self._found(event))
        counted = self._live.decide(event, now=now)
        found = self._lookup.row(event, counted.at, counted.values, self._found(event))
        if self._live.has_due:
            self._thread.submit(self._live.settle)
        return found

    def _read(self, row: Mapping[str, Any], now: datetime) -> OnlineRow:
        windowed = {} if self._live is None else self._live.read(row)
        return self._lookup.row(row, now, windowed, self._found(row))

    def _found(self, row: Mapping[str, Any]) -> list[list[bytes | None]]:
        """What Redis would have answered."""
        if self._connection is None:
            raise FeatureError("the online store is not open")
        try:
            with closing(self._connection.cursor()) as cursor:
                return [
                    [value for query, names in queries for value in _values(cursor, query, names, key)]
                    for key, queries in self._lookup.queries(row)
                ]
        except sqlite3.Error as error:
            raise FeatureError(f"the online store does not answer: {type(error).__name__}") from error


def _values(cursor: sqlite3.Cursor, query: str, names: tuple[str, ...], key: bytes) -> list[bytes | None]:
    rows = cursor.execute(query, (key,)).fetchall()
    found = {name: value for name, value, _ in rows}
    held = max((layout.time_of_sqlite(at) for _, _, at in rows), default=None)
    return [None if held is None else layout.time_bytes(held), *(found.get(name) for name in names)]
