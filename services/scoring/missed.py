"""
Events that were decided while the store of the windows was away, until it counts them.

They are kept in memory and counted as soon as the store is back, so that windows miss them for the outage and not until
the next build. It is a short cut and no promise: what does not fit, or is lost with the process, is counted when it
lands, as every event is that no service decided. Nothing is counted twice, as each is counted by its key.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

#: Events kept for a domain; about twenty megabytes.
MOST = 10_000


class MissedEvents:
    """
    Those of one domain, in their order.

    Args:
        most: So many are kept; then the oldest gives way.

    Attributes:
        late: How many were counted late, or had been counted although no answer came.
        dropped: How many wait for their landing instead.
    """

    def __init__(self, *, most: int = MOST) -> None:
        self._events: deque[Mapping[str, Any]] = deque(maxlen=most)
        self._most = most
        self.late = self.dropped = 0

    def __len__(self) -> int:
        return len(self._events)

    def add(self, event: Mapping[str, Any]) -> None:
        """Keep an event; values by column, as it was to be counted."""
        self.dropped += len(self._events) == self._most
        self._events.append(event)

    def take(self) -> Mapping[str, Any]:
        """The oldest; raises IndexError where there is none."""
        return self._events.popleft()

    def counted(self) -> None:
        """One that was taken has been counted."""
        self.late += 1

    def refused(self) -> None:
        """One that was taken cannot be counted now; whether it can when it lands is for its build to say."""
        self.dropped += 1
