"""
The Redis stream of a domain through which services push events, and the stream of those that nobody could take.

A message has two fields: ``table``, and ``event``, its columns as a JSON object. One that is finished is deleted, so
what the stream holds is what is to be done. A message moves between the streams in one step: it is never in both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import redis

GROUP = "riskloom"
_TABLE, _EVENT, _REASON, _FIRST_ID = b"table", b"event", b"reason", b"first_id"
_MILLISECONDS = 1_000
_MOST_PENDING = 10_000  # of one consumer that are looked at
#: Moves an entry, unless somebody else did. KEYS: from, to. ARGV: the group or nothing, the entry's id, its new fields.
_MOVE = """
if ARGV[1] ~= '' then redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) end
if redis.call('XDEL', KEYS[1], ARGV[2]) == 0 then return 0 end
redis.call('XADD', KEYS[2], '*', unpack(ARGV, 3))
return 1
"""


@dataclass(frozen=True, slots=True)
class Message:
    """
    A message as it lies in a stream; ``deliveries`` counts how often it was handed to a consumer, where that is known.

    ``event`` is None where the fields are not those of a message.
    """

    id: str
    table: str
    event: bytes | None
    fields: Mapping[bytes, bytes]
    deliveries: int = 1


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that nobody could take, its place among them, why, and its first place in the stream."""

    id: str
    table: str
    event: bytes
    reason: str
    first_id: str


@dataclass(frozen=True, slots=True)
class Lag:
    """
    How a domain's stream stands.

    Attributes:
        waiting: Messages that no consumer has yet.
        pending: Messages that a consumer has and has not finished.
        oldest_seconds: The age of the oldest of both; 0 without any.
        dead: Dead letters.
        consumers: Consumers that the group knows.
    """

    waiting: int
    pending: int
    oldest_seconds: float
    dead: int
    consumers: int


class EventQueue:
    """
    The two streams of a domain; every method raises what redis-py raises where Redis does not answer.

    Args:
        connection: To Redis, answers as bytes.
        domain: The domain's name.
    """

    def __init__(self, connection: redis.Redis, domain: str) -> None:
        self._redis: Any = connection
        self.stream, self.dead_letters = f"riskloom:pushed:{domain}", f"riskloom:pushed:{domain}:dead"

    def prepare(self) -> None:
        """Make the stream and its group, unless they are there."""
        from redis.exceptions import ResponseError  # noqa: PLC0415 - the command line need not wait for it

        try:
            self._redis.xgroup_create(self.stream, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def push(self, table: str, event: bytes) -> str:
        """Add an event; gives the message's id."""
        found: bytes = self._redis.xadd(self.stream, {_TABLE: table, _EVENT: event})
        return found.decode()

    def read(self, consumer: str, *, count: int, wait_ms: int) -> list[Message]:
        """New messages, which are this consumer's from now on; none after some time without any."""
        found = self._redis.xreadgroup(GROUP, consumer, {self.stream: ">"}, count=count, block=wait_ms)
        return [_message(*entry) for _, entries in found or () for entry in entries]

    def claim(self, consumer: str, *, count: int, idle_ms: int) -> list[Message]:
        """Messages of consumers that did not finish them in time: they are this one's from now on."""
        _, entries, *_ = self._redis.xautoclaim(
            self.stream, GROUP, consumer, min_idle_time=idle_ms, start_id="0-0", count=count
        )
        held = [_message(*entry) for entry in entries if entry[1] is not None]
        if not held:
            return []
        times = {
            item["message_id"].decode(): int(item["times_delivered"])
            for item in self._redis.xpending_range(
                self.stream, GROUP, min=held[0].id, max=held[-1].id, count=_MOST_PENDING, consumername=consumer
            )
        }
        return [Message(one.id, one.table, one.event, one.fields, times.get(one.id, 1)) for one in held]

    def hold(self, consumer: str, ids: Sequence[str]) -> None:
        """Say that a consumer still works on its messages, so that they are not claimed from it as left behind."""
        if ids:
            self._redis.xclaim(self.stream, GROUP, consumer, min_idle_time=0, message_ids=list(ids), justid=True)

    def finish(self, ids: Sequence[str]) -> None:
        """Say that messages are done."""
        if ids:
            with self._redis.pipeline(transaction=True) as together:
                together.xack(self.stream, GROUP, *ids)
                together.xdel(self.stream, *ids)
                together.execute()

    def bury(self, message: Message, reason: str) -> None:
        """Put a message among the dead letters, with the reason."""
        fields = {**message.fields, _REASON: reason.encode("utf-8", "replace"), _FIRST_ID: message.id.encode()}
        self._move(self.stream, self.dead_letters, GROUP, message.id, fields)

    def dead(self, *, count: int, identifier: str | None = None) -> list[DeadLetter]:
        """The oldest dead letters, or the one of an id."""
        first, last = (identifier, identifier) if identifier else ("-", "+")
        return [_dead_letter(*entry) for entry in self._redis.xrange(self.dead_letters, first, last, count=count)]

    def replay(self, letters: Sequence[DeadLetter]) -> int:
        """Put dead letters back into the stream; gives how many were still there."""
        moved = 0
        for letter in letters:
            found = self._redis.xrange(self.dead_letters, min=letter.id, max=letter.id)
            if not found:
                continue
            fields = {name: value for name, value in found[0][1].items() if name not in {_REASON, _FIRST_ID}}
            moved += self._move(self.dead_letters, self.stream, "", letter.id, fields or {_TABLE: b""})
        return moved

    def lag(self, *, now_seconds: float) -> Lag:
        """How the streams stand."""
        length, dead = int(self._redis.xlen(self.stream)), int(self._redis.xlen(self.dead_letters))
        groups = self._redis.xinfo_groups(self.stream) if self._redis.exists(self.stream) else []
        group = next((one for one in groups if one["name"] == GROUP.encode()), None)
        pending = int(group["pending"]) if group else 0
        oldest = self._redis.xrange(self.stream, count=1)
        age = now_seconds - int(oldest[0][0].split(b"-")[0]) / _MILLISECONDS if oldest else 0.0
        return Lag(max(length - pending, 0), pending, max(age, 0.0), dead, int(group["consumers"]) if group else 0)

    def forget(self, *, idle_ms: int) -> None:
        """Let the group forget consumers that were silent for so long and hold nothing."""
        for one in self._redis.xinfo_consumers(self.stream, GROUP):
            if one["pending"] == 0 and one["idle"] > idle_ms:
                self._redis.xgroup_delconsumer(self.stream, GROUP, one["name"])

    def leave(self, consumer: str) -> None:
        """Let the group forget a consumer that holds nothing."""
        held = self._redis.xpending_range(self.stream, GROUP, min="-", max="+", count=1, consumername=consumer)
        if not held:
            self._redis.xgroup_delconsumer(self.stream, GROUP, consumer)

    def _move(self, source: str, target: str, group: str, name: str, fields: Mapping[bytes, bytes]) -> int:
        flat = [part for field in fields.items() for part in field]
        return int(self._redis.eval(_MOVE, 2, source, target, group, name, *flat))


def _message(name: bytes, fields: Mapping[bytes, bytes]) -> Message:
    return Message(name.decode(), fields.get(_TABLE, b"").decode("utf-8", "replace"), fields.get(_EVENT), fields)


def _dead_letter(name: bytes, fields: Mapping[bytes, bytes]) -> DeadLetter:
    return DeadLetter(
        name.decode(),
        fields.get(_TABLE, b"").decode("utf-8", "replace"),
        fields.get(_EVENT, b""),
        fields.get(_REASON, b"").decode("utf-8", "replace"),
        fields.get(_FIRST_ID, b"").decode(),
    )
