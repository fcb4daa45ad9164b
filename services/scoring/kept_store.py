"""A store that may be replaced while it is asked: it is let go once its last answer is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.scoring.ports import OnlineStore

T = TypeVar("T")


class KeptStore:
    """
    An open store, of one event loop.

    Closing a connection breaks the questions that wait on it, and whoever asked would be answered as if the store
    were down. So whoever replaces a store retires it, and the last one who asks it closes it.

    Args:
        store: Connected.
    """

    def __init__(self, store: OnlineStore) -> None:
        self._store = store
        self._under_way = 0
        self._is_retired = False

    async def ask(self, question: Callable[[OnlineStore], Awaitable[T]]) -> T:
        """Ask; raises whatever the store's client raises."""
        self._under_way += 1
        try:
            return await question(self._store)
        finally:
            self._under_way -= 1
            self._close_if_unused()

    def retire(self) -> None:
        """Ask it nothing new: it is closed at once, or after the last answer that is waited for."""
        self._is_retired = True
        self._close_if_unused()

    def _close_if_unused(self) -> None:
        if self._is_retired and not self._under_way:
            self._store.close()
