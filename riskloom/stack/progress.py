"""Show how far a long job is: a line for each thing that happened, and what is being done while nothing does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, get_ident

from rich.console import Console


class Progress:
    """Lines with the seconds since the start; on a terminal also a spinner with what each thread does now."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()
        self._status = console.status("", spinner="dots")
        self._doing: dict[int, str] = {}
        self._lock = Lock()

    def say(self, text: str) -> None:
        """Print a line."""
        seconds = time.monotonic() - self._started
        self._console.print(f"{seconds:6.1f} s  {text}", markup=False, highlight=False, soft_wrap=True)

    def now(self, text: str) -> None:
        """Change what this thread is said to do; seen on a terminal only, where it is overwritten."""
        with self._lock:
            if get_ident() in self._doing:
                self._doing[get_ident()] = text
                self._status.update(" | ".join(self._doing.values()))

    @contextmanager
    def doing(self, text: str) -> Iterator[None]:
        """Say what this thread has begun, and spin until it is done."""
        self.say(text)
        with self._lock:
            self._doing[get_ident()] = text
            self._spin()
        try:
            yield
        finally:
            with self._lock:
                del self._doing[get_ident()]
                self._spin()

    def _spin(self) -> None:
        """One spinner for all threads, as long as one of them is doing something."""
        if not self._console.is_terminal:
            return
        self._status.update(" | ".join(self._doing.values()))
        if self._doing:
            self._status.start()
        else:
            self._status.stop()
