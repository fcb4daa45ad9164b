"""The reader of a domain's online features for the kind of store that is there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from riskloom.features.live import LiveWindows
from riskloom.features.read_plan import Reads
from riskloom.features.store import StoreLocation
from riskloom.reading.lookup import Lookup, OnlineRow
from riskloom.reading.redis_reader import RedisReader
from riskloom.reading.sqlite_reader import SqliteReader


class OnlineReader(Protocol):
    """Reads for one event loop; Redis and SQLite answer alike."""

    async def connect(self) -> None:
        """Connect; raises StateUnavailableError or FeatureError."""

    async def decide(self, event: Mapping[str, Any], *, now: datetime) -> OnlineRow:
        """Count the event that is decided, and read all views as they were before it."""

    async def read(self, row: Mapping[str, str | None], *, now: datetime) -> OnlineRow:
        """Read all views for the entities named in ``row``; nothing is counted."""

    async def check(self) -> None:
        """
        Look whether events could be counted and read now; connects anew where the connection is gone.

        Raises:
            StateUnavailableError, FeatureError: The store does not answer, or cannot be written.
            NotBootstrappedError: It has forgotten what it was filled with.
        """

    def close(self) -> None:
        """Let go of connections."""


def open_reader(location: StoreLocation, reads: Reads, live: LiveWindows | None, *, patience: float) -> OnlineReader:
    """
    What reads a domain's features, not connected yet.

    Args:
        location: Where the online store is.
        reads: What is read, of a model's plan.
        live: The live windows; without them windowed views too are read as of the last build.
        patience: Seconds that the store may take for a reading.
    """
    lookup = Lookup(reads, is_live=live is not None)
    if isinstance(location.online, Path):
        return SqliteReader(location.online, lookup, live, patience=patience)
    return RedisReader(location.online, lookup, live, patience=patience)
