"""
A circuit breaker (Nygard 2007, "Release It!", Stability Patterns): who fails again and again is not asked for a while.

Closed, requests go through, and some failures in a row open it. Open, nobody is asked, so what is dead costs a request
nothing. A probe in the background half-opens it: its success closes it, its failure opens it for longer. No request is
ever the probe.
"""

from __future__ import annotations

from typing import Literal

BreakerState = Literal["closed", "half_open", "open"]

#: Failures in a row that open it: one lost answer is no outage.
FAILURES = 3
#: Seconds before the second probe, and before any later one at most; each pause may be twice the one before.
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0


class CircuitBreaker:
    """
    The state of one breaker, of one event loop; open until something was reached for the first time.

    Attributes:
        state: ``closed``, ``half_open`` while a probe is under way, or ``open``.
        openings: How often it opened after having been closed.
    """

    def __init__(self, *, failures: int = FAILURES) -> None:
        self.state: BreakerState = "open"
        self.openings = 0
        self._most, self._in_a_row, self._probes = failures, 0, 0

    @property
    def is_closed(self) -> bool:
        """Whether requests go through."""
        return self.state == "closed"

    def answered(self) -> None:
        """A request had its answer: whatever was wrong is over."""
        self._in_a_row = self._probes = 0

    def failed(self) -> None:
        """A request or a probe had none."""
        self._in_a_row += 1
        if self.state == "half_open" or self._in_a_row >= self._most:
            self.trip()

    def trip(self) -> None:
        """Open it, however many failures there were."""
        self.openings += self.is_closed
        self.state = "open"

    def probing(self) -> None:
        """A probe begins."""
        self._probes += 1
        if self.state == "open":
            self.state = "half_open"

    def close(self) -> None:
        """The probe was answered."""
        self.state, self._in_a_row = "closed", 0

    def pause(self, draw: float) -> float:
        """
        Seconds until the next probe: none before the first since a request was answered, then more and more.

        What lets probes pass and no request is not asked at full speed for that: only answered requests end the count.

        Args:
            draw: Uniform in 0 to 1; workers that lost a store together do not come back to it together.
        """
        if not self._probes:
            return 0.0
        return float(min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self._probes - 1, 10)) * (1 + draw) / 2)
