"""The doors by which events come in, each in a thread of its own, so that decisions do not wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog

from riskloom.intake import Door, KeptDoor, Receipt
from services.scoring.ports import Backend
from services.web.problems import RefusalError

#: Batches of one domain that may wait for their turn; more are told to come later.
MOST_WAITING = 16
_RETRY = {"Retry-After": "1"}
_log = structlog.get_logger("scoring.doors")


class GuardedDoor:
    """
    The door of one domain.

    Args:
        domain: Its name.
        backend: Opens it.
        ticks: Seconds that only go forward.
    """

    def __init__(self, domain: str, backend: Backend, *, ticks: Callable[[], float]) -> None:
        self._domain = domain
        self._door = KeptDoor(lambda: backend.open_door(domain), lambda: backend.events_stamp(domain), ticks=ticks)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"events-{domain}")
        self._waiting = 0

    async def accept(self, events: Sequence[tuple[object, object]]) -> list[Receipt]:
        """
        Take events in their order; what was begun is finished, whether or not the caller still waits.

        Args:
            events: Table and content of each.

        Raises:
            RefusalError: Too many wait already, or the door cannot be opened.
        """
        if self._waiting >= MOST_WAITING:
            raise RefusalError("too_busy", "Too many batches of this domain are waiting.", headers=_RETRY)
        self._waiting += 1
        work = asyncio.get_running_loop().run_in_executor(self._thread, self._accept, events)
        work.add_done_callback(self._done)
        return await asyncio.shield(work)

    def close(self) -> None:
        """Let the thread finish what it does, and go."""
        self._thread.submit(self._door.leave)
        self._thread.shutdown(wait=True)

    def _done(self, work: asyncio.Future[list[Receipt]]) -> None:
        self._waiting -= 1
        if not work.cancelled():
            work.exception()  # whoever waits has it as well; nobody else needs to hear of it

    def _accept(self, events: Sequence[tuple[object, object]]) -> list[Receipt]:
        receipts = list(self._opened().accept_all(events))
        if any(receipt.status == "unavailable" for receipt in receipts):
            self._door.leave()  # connect anew next time
        return receipts

    def _opened(self) -> Door:
        try:
            return self._door.get()
        except Exception as error:  # noqa: BLE001 - whatever a store's client raises: the sender is told to come again
            # A client's message may hold keys or a password: its type is enough.
            _log.error("door_closed", domain=self._domain, error=type(error).__name__)
        raise RefusalError("unavailable", "Events of this domain cannot be taken now.", headers=_RETRY)
