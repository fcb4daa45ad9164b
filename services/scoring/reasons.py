"""
Reasons of decisions, computed beside the event loop and within a budget.

A tree model takes a hundred times as long to explain a row as to score it. So explaining has one thread of its own in
each domain, and a decision waits for it only so long: where many are flagged at once, some are answered without reasons
rather than all of them late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

#: So long a decision waits for its reasons at most, its turn included.
REASONS_SECONDS = 0.25
#: Decisions of one domain whose reasons are being computed or wait for it; more are answered without.
MOST_WAITING = 32
Reasons = TypeVar("Reasons")


class ReasonsDesk:
    """
    Computes the reasons of one domain's decisions, one after the other; of one event loop.

    Args:
        domain: Its name.
        seconds: How long each may take, its turn included.
        most: How many may be there at once.
    """

    def __init__(self, domain: str, *, seconds: float = REASONS_SECONDS, most: int = MOST_WAITING) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"reasons-{domain}")
        self._seconds, self._most = seconds, most
        self.waiting = 0

    async def compute(self, work: Callable[[], Reasons]) -> Reasons | None:
        """What work gives; None where too many wait already, or where it takes too long."""
        if self.waiting >= self._most:
            return None
        self.waiting += 1
        try:
            async with asyncio.timeout(self._seconds):
                # What is given up before its turn is never begun.
                return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except TimeoutError:
            return None
        finally:
            self.waiting -= 1

    def close(self) -> None:
        """Let the thread go once it has done what it does."""
        self._thread.shutdown(wait=False, cancel_futures=True)
