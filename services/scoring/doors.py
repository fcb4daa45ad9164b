"""
The doors by which events come in, each in a thread of its own, so that decisions do not wait for them.

A door is opened when it is first needed, and anew when what declares windows has changed or its store failed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import structlog

from riskloom.intake import Door, Receipt
from services.scoring.ports import Backend
from services.web.problems import RefusalError

#: Batches of one domain that may wait for their turn; more are told to come later.
MOST_WAITING = 16
#: How often it is looked at whether windows are declared otherwise, or hold their history by now.
LOOK_EVERY = timedelta(seconds=5)
_RETRY = {"Retry-After": "1"}
_log = structlog.get_logger("scoring.doors")


class GuardedDoor:
    """
    The door of one domain.

    Args:
        domain: Its name.
        backend: Opens it.
    """

    def __init__(self, domain: str, backend: Backend) -> None:
        self._domain, self._backend = domain, backend
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"events-{domain}")
        self._waiting = 0
        self._door: Door | None = None
        self._stamp: object = None
        self._look_at: datetime | None = None

    async def accept(self, events: Sequence[tuple[object, object]], *, now: datetime) -> list[Receipt]:
        """
        Take events in their order; what was begun is finished, whether or not the caller still waits.

        Args:
            events: Table and content of each.
            now: The clock; timezone-aware.

        Raises:
            RefusalError: Too many wait already, or the door cannot be opened.
        """
        if self._waiting >= MOST_WAITING:
            raise RefusalError("too_busy", "Too many batches of this domain are waiting.", headers=_RETRY)
        self._waiting += 1
        work = asyncio.get_running_loop().run_in_executor(self._thread, self._accept, events, now)
        work.add_done_callback(self._done)
        return await asyncio.shield(work)

    def close(self) -> None:
        """Let the thread finish what it does, and go."""
        self._thread.submit(self._leave)
        self._thread.shutdown(wait=True)

    def _done(self, work: asyncio.Future[list[Receipt]]) -> None:
        self._waiting -= 1
        if not work.cancelled():
            work.exception()  # whoever waits has it as well; nobody else needs to hear of it

    def _accept(self, events: Sequence[tuple[object, object]], now: datetime) -> list[Receipt]:
        receipts = list(self._opened(now).accept_all(events))
        if any(receipt.status == "unavailable" for receipt in receipts):
            self._leave()  # connect anew next time
        return receipts

    def _opened(self, now: datetime) -> Door:
        if self._door is None or self._look_at is None or now >= self._look_at:
            stamp = self._backend.events_stamp(self._domain)
            if self._door is None or stamp != self._stamp or self._door.waits:
                self._open(stamp)
            self._look_at = now + LOOK_EVERY
        if self._door is None:
            raise RefusalError("unavailable", "Events of this domain cannot be taken now.", headers=_RETRY)
        return self._door

    def _open(self, stamp: object) -> None:
        self._leave()
        try:
            self._door, self._stamp = self._backend.open_door(self._domain), stamp
        except Exception as error:  # noqa: BLE001 - whatever a store's client raises: the sender is told to come again
            # A client's message may hold keys or a password: its type is enough.
            _log.error("door_closed", domain=self._domain, error=type(error).__name__)

    def _leave(self) -> None:
        if self._door is not None:
            self._door.close()
            self._door = None
