"""
Take events from a domain's Redis stream through the door, until told to stop.

A message is finished after the door has taken its event, so what a consumer leaves behind when it is killed is taken
by another: at least once, and by the event's key exactly once in effect. What the contract refuses goes to the dead
letters at once; what nobody finishes, after some attempts; while the store is gone nothing does.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from riskloom.contracts.json_text import JsonTextError, parse_json
from riskloom.intake.door import Door, Receipt, Status
from riskloom.intake.kept import KeptDoor
from riskloom.intake.queue import EventQueue, Message

#: A consumer asks again every second; one that was silent for so long is no more.
_FORGOTTEN_MS = 3_600_000
_log = logging.getLogger(__name__)

#: What became of a message: its event's status, or ``dead`` where it went to the dead letters for another reason.
Outcome = Status | str
Report = Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class Pace:
    """
    How a consumer works.

    Attributes:
        batch: Messages at once.
        wait_ms: How long to wait for new ones.
        idle_ms: After so long a message is taken from whoever has it; longer than a batch ever takes.
        claim_seconds: How often it is looked for such messages.
        deliveries: Handed out so often and never finished, a message is dead.
        first_pause: The longest first pause after a failure in seconds; each further one may be twice as long.
        longest_pause: No pause is longer.
    """

    batch: int = 200
    wait_ms: int = 1_000
    idle_ms: int = 30_000
    claim_seconds: float = 5.0
    deliveries: int = 5
    first_pause: float = 0.1
    longest_pause: float = 10.0


class Consumer:
    """
    A consumer of one domain's stream.

    Args:
        queue: The streams.
        door: Opened anew where its store failed.
        name: Of this consumer among those of the group; never that of another process.
        report: Told what became of each message.
        pace: How it works.
        ticks: Seconds that only go forward.
    """

    def __init__(
        self,
        queue: EventQueue,
        door: KeptDoor,
        *,
        name: str,
        report: Report,
        pace: Pace | None = None,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue, self._door, self._name, self._report = queue, door, name, report
        self._pace, self._ticks = pace or Pace(), ticks
        self._left: list[Message] = []  # read and neither finished nor buried: they come first
        self._attempts: dict[str, int] = {}
        self._claim_at = ticks()
        self._failures = 0

    @property
    def is_working(self) -> bool:
        """Whether the last round succeeded."""
        return self._failures == 0

    def follow(self, stop: threading.Event) -> None:
        """Work until told to stop; whatever fails is tried again, with growing pauses."""
        is_prepared = False
        while not stop.is_set():
            try:
                if not is_prepared:
                    self._queue.prepare()
                    is_prepared = True
                is_done = self.round()
            except Exception as error:  # noqa: BLE001 - Redis is gone, or a mistake of ours: it must not end later rounds
                # Not its message: a client's may hold a password, and an event's values are nobody's to read.
                _log.error("a round failed: %s", type(error).__name__)
                is_prepared = is_done = False
            self._failures = 0 if is_done else self._failures + 1
            if not is_done:
                self._door.leave()
                stop.wait(self._pause())
        self._leave()

    def round(self) -> bool:
        """
        Take what is there; False where the store did not answer, and what is left comes first in the next round.

        Raises:
            RedisError: Redis did not answer.
            RiskloomError: The door cannot be opened.
        """
        messages = self._left or self._claimed()
        if not messages:
            messages = self._queue.read(self._name, count=self._pace.batch, wait_ms=self._pace.wait_ms)
        self._left = messages
        events: list[tuple[Message, object]] = []
        for message in messages:
            wrong = self._wrong(message)
            if isinstance(wrong, str):
                self._bury(message, wrong)
            else:
                events.append((message, parse_json(message.event or b"")))
        self._left = [message for message, _ in events]
        if not events:
            return True
        return self._take(events)

    def _claimed(self) -> list[Message]:
        if self._ticks() < self._claim_at:
            return []
        found = self._queue.claim(self._name, count=self._pace.batch, idle_ms=self._pace.idle_ms)
        if len(found) < self._pace.batch:
            self._queue.forget(idle_ms=_FORGOTTEN_MS)
            self._claim_at = self._ticks() + self._pace.claim_seconds
        return found

    def _wrong(self, message: Message) -> str | None:
        """Why a message cannot be an event; None where it may be one."""
        if message.deliveries > self._pace.deliveries:
            return f"handed out {message.deliveries} times and never finished"
        if message.event is None:
            return "expected the fields table and event, found others"
        try:
            parse_json(message.event)
        except JsonTextError as error:
            return f"event: expected JSON, found {error}"
        return None

    def _take(self, events: Sequence[tuple[Message, object]]) -> bool:
        door = self._door.get()
        done: list[tuple[Message, Receipt]] = []
        left: list[Message] = []
        is_reachable = True
        for message, content in events:
            receipt = self._accepted(door, message, content, is_reachable=is_reachable)
            if receipt is None or receipt.status == "unavailable":
                is_reachable = receipt is None and is_reachable
                left.append(message)
            elif receipt.status == "refused":
                self._bury(message, _reason(receipt), "refused")
            else:
                done.append((message, receipt))
        self._queue.finish([message.id for message, _ in done])
        for message, receipt in done:
            self._attempts.pop(message.id, None)
            self._report(receipt.status)
        self._left = self._without_hopeless(left)
        # each time they change hands is counted, and an outage must not make dead letters of them
        self._queue.hold(self._name, [message.id for message in self._left])
        return not self._left

    def _accepted(self, door: Door, message: Message, content: object, *, is_reachable: bool) -> Receipt | None:
        """What the door says; None where that was a mistake of ours, which must not stop what comes behind it."""
        try:
            return door.accept(message.table, content, is_reachable=is_reachable)
        except Exception as error:  # noqa: BLE001 - it is counted, logged, and in the end buried with its message
            self._attempts[message.id] = self._attempts.get(message.id, 0) + 1
            _log.error("a message failed: %s", type(error).__name__)
            return None

    def _without_hopeless(self, left: Sequence[Message]) -> list[Message]:
        """Bury what has failed too often; what only waits for the store has not."""
        hopeless = [message for message in left if self._attempts.get(message.id, 0) >= self._pace.deliveries]
        for message in hopeless:
            self._bury(message, f"failed {self._attempts.pop(message.id)} times; the log says how")
        return [message for message in left if message not in hopeless]

    def _bury(self, message: Message, reason: str, outcome: Outcome = "dead") -> None:
        self._queue.bury(message, reason)
        self._report(outcome)

    def _pause(self) -> float:
        """Exponential back-off with full jitter: many consumers must not come back at once."""
        longest = min(self._pace.longest_pause, self._pace.first_pause * 2 ** min(self._failures, 16))
        return random.uniform(0, longest)  # noqa: S311 - jitter, not a secret

    def _leave(self) -> None:
        from redis.exceptions import RedisError  # noqa: PLC0415

        self._door.leave()
        try:
            self._queue.leave(self._name)
        except (RedisError, OSError) as error:  # the group remembers a name more
            _log.warning("could not leave the group: %s", type(error).__name__)


def _reason(receipt: Receipt) -> str:
    return "; ".join(f"{one.field}: expected {one.expected}, found {one.found}" for one in receipt.errors)
