"""A door that is opened when it is needed, and anew when what declares windows has changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from riskloom.intake.door import Door

#: How often it is looked at whether windows are declared otherwise, or hold their history by now.
LOOK_SECONDS = 5.0


class KeptDoor:
    """
    Keep a door open; used by one thread at a time.

    Args:
        open_door: Opens it.
        stamp: Something that changes when windows may be declared otherwise.
        ticks: Seconds that only go forward.
    """

    def __init__(
        self, open_door: Callable[[], Door], stamp: Callable[[], object], *, ticks: Callable[[], float]
    ) -> None:
        self._open_door, self._stamp, self._ticks = open_door, stamp, ticks
        self._door: Door | None = None
        self._opened_at: object = None
        self._look_at = ticks()

    def get(self) -> Door:
        """The door; raises what opening it raises."""
        if self._door is not None and self._ticks() < self._look_at:
            return self._door
        stamp = self._stamp()
        if self._door is None or stamp != self._opened_at or self._door.waits:
            self.leave()
            self._door, self._opened_at = self._open_door(), stamp
        self._look_at = self._ticks() + LOOK_SECONDS
        return self._door

    def leave(self) -> None:
        """Close it; the next time it is opened anew."""
        if self._door is not None:
            self._door.close()
            self._door = None


def stamp_of(path: Path) -> object:
    """What changes when a file is replaced."""
    try:
        found = path.stat()
    except OSError as error:
        return error.errno
    return (found.st_mtime_ns, found.st_ino, found.st_size)
