"""
Back-tests that people ask for on a page: one at a time, a few in a queue, each in a process of its own.

The process is the command line's ``riskloom rules backtest``. It reads features and scores with the champion, which the
console's own process must not: it would need the memory for it, hold up every page meanwhile, and import what training
imports. What came out is kept by the command, in the ledger; here is only what waits and what has failed.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal, Protocol

from riskloom.errors import RefusedStepError, ServiceError

MOST_WAITING = 4
_KEPT = 50
_MOST_SECONDS = 900.0
_GRACE_SECONDS = 5.0
_MOST_WORDS = 4_000
_log = logging.getLogger("services.console")
TrialState = Literal["waiting", "running", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Order:
    """
    What is to be tried.

    Attributes:
        domain: The rule's.
        rule_id: Which rule.
        version: Which version of it.
        actor: Who wants to know.
        start: First day; by default as far back as a training looks.
        end: First day after; by default up to the newest event.
        with_model: Whether it is set beside the champion's flag.
    """

    domain: str
    rule_id: str
    version: int
    actor: str
    start: date | None = None
    end: date | None = None
    with_model: bool = True


@dataclass(frozen=True, slots=True)
class Trial:
    """
    A back-test that was asked for.

    Attributes:
        trial_id: What it is called.
        order: What is tried.
        state: How far it is.
        at: When it came to this state.
        ahead: How many come before it.
        problem: Why it failed.
    """

    trial_id: str
    order: Order
    state: TrialState
    at: datetime
    ahead: int = 0
    problem: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state in {"done", "failed"}


class Runner(Protocol):
    """Tries a version and keeps the report."""

    def run(self, order: Order) -> None:
        """
        Try it; comes back once the report is kept.

        Raises:
            ServiceError: It cannot be tried; says why.
        """
        ...

    def stop(self) -> None:
        """End what runs; nobody asks for more."""
        ...


class Trials:
    """
    The queue and the one worker behind it; both are gone with the process.

    Args:
        runner: Tries a version.
        clock: The time, timezone-aware.
        most_waiting: How many may wait.
    """

    def __init__(self, runner: Runner, *, clock: Callable[[], datetime], most_waiting: int = MOST_WAITING) -> None:
        self._runner = runner
        self._clock = clock
        self._most_waiting = most_waiting
        self._lock = threading.Lock()
        self._known: dict[str, Trial] = {}
        self._waiting: deque[str] = deque()
        self._worker: threading.Thread | None = None

    def ask(self, trial_id: str, order: Order) -> Trial:
        """
        Put a back-test into the queue; one of the same that waits or runs is the answer.

        Raises:
            RefusedStepError: Too many wait.
        """
        with self._lock:
            for known in self._known.values():
                if known.order == order and not known.is_over:
                    return known
            if len(self._waiting) >= self._most_waiting:
                raise RefusedStepError(
                    f"expected at most {self._most_waiting} back-tests that wait, found as many; ask again later"
                )
            self._waiting.append(trial_id)
            self._forget()
            asked = self._known[trial_id] = Trial(trial_id, order, "waiting", self._clock())
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="back-tests", daemon=True)
                self._worker.start()
        return asked

    def find(self, trial_id: str) -> Trial | None:
        """A back-test; None where this process was never asked for it, or long ago."""
        with self._lock:
            found = self._known.get(trial_id)
            if found is not None and found.state == "waiting":
                is_busy = any(known.state == "running" for known in self._known.values())
                return replace(found, ahead=self._waiting.index(trial_id) + is_busy)
            return found

    def open_of(self, domain: str, rule_id: str) -> Trial | None:
        """What waits or runs for a rule."""
        with self._lock:
            names = [
                name
                for name, known in self._known.items()
                if (known.order.domain, known.order.rule_id) == (domain, rule_id) and not known.is_over
            ]
        return self.find(names[0]) if names else None

    def close(self) -> None:
        """Forget what waits and end what runs."""
        with self._lock:
            self._waiting.clear()
        self._runner.stop()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._worker = None
                    return
                trial_id = self._waiting.popleft()
                order = self._known[trial_id].order
                self._move(trial_id, "running")
            problem = self._tried(order)
            with self._lock:
                self._move(trial_id, "failed" if problem else "done", problem)

    def _tried(self, order: Order) -> str | None:
        """Why it failed; None where it did not."""
        try:
            self._runner.run(order)
        except (ServiceError, OSError) as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - the worker lives on, and the page says that it failed
            _log.exception("back-test of %s version %d", order.rule_id, order.version)
            return f"the console made a mistake ({type(error).__name__}); its log says where"
        return None

    def _move(self, trial_id: str, state: TrialState, problem: str | None = None) -> None:
        known = self._known[trial_id]
        self._known[trial_id] = replace(known, state=state, at=self._clock(), problem=problem)

    def _forget(self) -> None:
        """Keep the newest of those that are over."""
        over = [name for name, known in self._known.items() if known.is_over]
        for name in over[: max(len(over) - _KEPT, 0)]:
            del self._known[name]


class CommandRunner:
    """
    Tries a version with the command line, at low priority and for so long at most.

    Args:
        program: The command and what stands before it.
        environment: Its whole environment; it says where the home is, and how much DuckDB may take.
        most_seconds: After these it is ended.
    """

    def __init__(
        self, program: Sequence[str], environment: Mapping[str, str], *, most_seconds: float = _MOST_SECONDS
    ) -> None:
        self._program = tuple(program)
        self._environment = dict(environment)
        self._most_seconds = most_seconds
        self._running: subprocess.Popen[str] | None = None

    def run(self, order: Order) -> None:
        """Run the command; raises ServiceError with its last words where it did not end well."""
        with subprocess.Popen(
            ["nice", *self._program, *_arguments(order)], env=self._environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True,
        ) as process:  # fmt: skip
            self._running = process
            try:
                _, said = process.communicate(timeout=self._most_seconds)
            except subprocess.TimeoutExpired as error:
                _end(process)
                raise ServiceError(f"it took longer than {self._most_seconds:.0f} s and was ended") from error
            finally:
                self._running = None
        if process.returncode:
            words = said.strip().removeprefix("riskloom: ")[-_MOST_WORDS:]
            raise ServiceError(words or f"the command ended with code {process.returncode} and said nothing")

    def stop(self) -> None:
        """End the command that runs, if one does."""
        process = self._running
        if process is not None:
            _end(process)


def _arguments(order: Order) -> list[str]:
    period = [f"--{name}={day}" for name, day in (("from", order.start), ("to", order.end)) if day is not None]
    model = "--model" if order.with_model else "--no-model"
    given = [f"--version={order.version}", f"--by={order.actor}", *period, model]
    return ["rules", "backtest", *given, "--", order.domain, order.rule_id]


def _end(process: subprocess.Popen[str]) -> None:
    """End a command and whatever it has started, which is its session."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
            return
