"""A limit of the decisions that a domain may have under way, so that one that is slow leaves room for the others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from services.web.problems import RefusalError

#: What a worker can have under way in one domain; more would only wait, and be answered too late to be of use.
MOST = 64
_RETRY = {"Retry-After": "1"}


class Bulkhead:
    """
    Counts what is under way in one domain; of one event loop.

    Args:
        most: So many at once.
        of: What is counted, in the plural.
    """

    def __init__(self, most: int = MOST, *, of: str = "decisions") -> None:
        self._most, self._of = most, of
        self.under_way = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """
        Take a place for as long as the block runs.

        Raises:
            RefusalError: All are taken.
        """
        if self.under_way >= self._most:
            message = f"{self._most} {self._of} of this domain are under way already."
            raise RefusalError("too_busy", message, headers=_RETRY)
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1
