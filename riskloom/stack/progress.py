"""Show how far a long job is: a line for each thing that happened, and what is being done while nothing does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


class Progress:
    """Lines with the seconds since the start; on a terminal also a spinner with what is going on now."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()
        self._status = console.status("", spinner="dots")

    def say(self, text: str) -> None:
        """Print a line."""
        seconds = time.monotonic() - self._started
        self._console.print(f"{seconds:6.1f} s  {text}", markup=False, highlight=False, soft_wrap=True)

    def now(self, text: str) -> None:
        """Change what is said to be going on; seen on a terminal only, where it is overwritten."""
        self._status.update(text)

    @contextmanager
    def doing(self, text: str) -> Iterator[None]:
        """Say what is begun, and spin until it is done."""
        self.say(text)
        self.now(text)
        if not self._console.is_terminal:
            yield
            return
        with self._status:
            yield
