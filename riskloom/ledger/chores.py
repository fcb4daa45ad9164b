"""Work that is done again and again by one process, and put off where the ledger does not answer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy.exc import InterfaceError, OperationalError

from riskloom.errors import RiskloomError

FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=1)
_DOUBLINGS = 16  # more than it takes to the longest pause
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Chore:
    """
    One thing that is done again and again.

    Attributes:
        name: For messages and metrics.
        every: How long after it was done it is due again.
        run: Does it.
        failures: How often in a row it could not be done.
        failed: How often it could not be done since the process began.
    """

    name: str
    every: timedelta
    run: Callable[[], None]
    failures: int = field(default=0, init=False)
    failed: int = field(default=0, init=False)

    def attempt(self) -> timedelta:
        """
        Do it; gives how long to wait until the next time.

        What cannot be done now (the database is locked or gone, a file cannot be written) is put off by a second, then
        by twice as long each time, up to a minute; it is logged each time, and when it is over. Everything else is a
        mistake of ours, and raised.
        """
        try:
            self.run()
        except (OperationalError, InterfaceError, RiskloomError, OSError) as error:
            self.failures, self.failed = self.failures + 1, self.failed + 1
            pause = min(FIRST_PAUSE * (1 << min(self.failures - 1, _DOUBLINGS)), LONGEST_PAUSE)
            _log.error("%s: %s; next attempt in %.0f s", self.name, _reason(error), pause.total_seconds())
            return pause
        if self.failures:
            _log.warning("%s: done again, after %d attempts that failed", self.name, self.failures)
            self.failures = 0
        return self.every


def keep_doing(chores: Sequence[Chore], stop: threading.Event, *, ticks: Callable[[], float]) -> None:
    """
    Do each chore when its time has come, one at a time and in their order, until told to stop.

    Args:
        chores: What there is to do; all of them are due at the beginning.
        stop: Ends it, after the chore that is being done.
        ticks: Seconds that only go forward.
    """
    due = dict.fromkeys(range(len(chores)), ticks())
    while not stop.is_set():
        for number, chore in enumerate(chores):
            if not stop.is_set() and ticks() >= due[number]:
                due[number] = chore.attempt().total_seconds() + ticks()
        stop.wait(max(min(due.values()) - ticks(), 0.0))


def _reason(error: Exception) -> str:
    """What happened, without the statement and its values, which a database's error repeats."""
    if isinstance(error, OperationalError | InterfaceError):
        said = str(error.orig).strip().partition("\n")[0]
        return f"the ledger did not answer ({type(error.orig).__name__}: {said})"
    return f"{type(error).__name__}: {error}"
