"""
When a call is tried again, and when it is not: exponential back-off with full jitter (Brooker 2015, AWS Architecture
Blog, "Exponential Backoff And Jitter") within one total time, and a budget that keeps retries a small share of calls.

Every call can be repeated: an event that is scored or pushed again is counted once by its key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

#: Answers that say: not now. 502 is what a proxy says of a service that does not answer.
TEMPORARY = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Retries:
    """
    How calls are tried again.

    Attributes:
        attempts: At most so many requests for a call.
        first: The longest first pause in seconds; each further one may be twice as long.
        longest: No pause is longer, but for what the service asks for.
        share: Of all calls, at most about so many are repeated; what is more fails at once. A service in trouble is not
            helped by many clients that ask it twice.
        burst: So many retries are free before the share counts.
    """

    attempts: int = 4
    first: float = 0.1
    longest: float = 2.0
    share: float = 0.1
    burst: int = 10

    def pause(self, attempt: int, asked: float, draw: float) -> float:
        """
        Seconds to wait after an attempt.

        Args:
            attempt: Its number, from 0.
            asked: What the service asked for; 0 where it did not.
            draw: Uniform in 0 to 1.
        """
        return asked + draw * min(self.longest, self.first * (1 << attempt))


class RetryBudget:
    """Retries that are left; calls earn them, shared by all threads and tasks of a client."""

    def __init__(self, retries: Retries) -> None:
        self._share, self._most = retries.share, float(retries.burst)
        self._left = self._most
        self._lock = Lock()

    def earn(self) -> None:
        """A call was made."""
        with self._lock:
            self._left = min(self._most, self._left + self._share)

    def spend(self) -> bool:
        """Whether there is a retry left; it is taken."""
        with self._lock:
            if self._left < 1:
                return False
            self._left -= 1
            return True


def asked_pause(headers: Mapping[str, str]) -> float:
    """Seconds of ``Retry-After``; 0 where it is not there, or a date, which no answer of the service has."""
    text = headers.get("retry-after", "")
    return float(text) if text.isdecimal() else 0.0


#: Uniform in 0 to 1.
Draw = Callable[[], float]
