"""What a store of window state does: one atomic exchange for an event, and a few calls around it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple, Protocol

from riskloom.windows.state import RESIDUE, Later, Parcel, sealed

#: A fence so far ahead of the clock is no clock that was set back: the state or the clock is wrong.
MAX_AHEAD_US = 86_400_000_000
_STAMP_BYTES = 8
_NOTHING: Mapping[int, Later] = MappingProxyType({})

#: What became of an event: counted, counted before, or refused.
Outcome = Literal["counted", "duplicate", "future", "ahead"]


class Touch(NamedTuple):
    """
    A key that an event touches.

    Attributes:
        key: Under which the state lies.
        record: What is appended, without its stamp; empty where the key is only read.
        base: What a key begins with that nothing happened to.
        keep_us: So long the key is kept after this.
    """

    key: bytes
    record: bytes
    base: bytes
    keep_us: int


class Exchange(NamedTuple):
    """
    One event for the store.

    Attributes:
        event_key: Under which the event's stamp is kept; events with one id and stream have one.
        dedupe_us: So long after its stamp the same event is a duplicate; whole seconds.
        now_us: The least the stamp may be: the clock, or when a log has it that the event was observed.
        earliest_us: With an earlier stamp the event would lie too far in the future.
        latest_us: A later stamp is none that the clock gave.
        touches: The keys.
    """

    event_key: bytes
    dedupe_us: int
    now_us: int
    earliest_us: int
    latest_us: int
    touches: Sequence[Touch]


class Answer(NamedTuple):
    """
    What the store did.

    Attributes:
        outcome: Only with ``counted`` anything was written.
        stamp_us: The event's stamp; of a duplicate the one it was counted with.
        blobs: What lay under each key before; empty where there was nothing.
        laters: By the place of a key, what lay beside it and is needed at the stamp; only of keys that need some.
    """

    outcome: Outcome
    stamp_us: int
    blobs: Sequence[bytes]
    laters: Mapping[int, Later] = _NOTHING


class Found(NamedTuple):
    """What was read: the blobs, and beside them what is needed, as in an answer."""

    blobs: Sequence[bytes]
    laters: Mapping[int, Later] = _NOTHING


class Swap(NamedTuple):
    """
    A folded state for the store.

    Attributes:
        key: Under which it lies.
        old: The blob that was folded.
        base: What takes its place.
        folded_to_us: Up to this stamp what lay beside the blob was folded too; None where nothing was.
        parcels: What was put aside.
    """

    key: bytes
    old: bytes
    base: bytes
    folded_to_us: int | None = None
    parcels: Sequence[Parcel] = ()


class Entry(NamedTuple):
    """The whole state of a key: its blob, what lies beside it, and how long it is kept in microseconds."""

    key: bytes
    blob: bytes
    parcels: Sequence[Parcel]
    keep_us: int


class StateStore(Protocol):
    """
    Keeps the state of keys. Every method raises StateUnavailableError where the store does not answer.

    ``exchange`` is atomic: the stamp is the clock or the last stamp of any key touched, whichever is later; keys that
    are only read are touched too, or an event could be stamped before a decision that did not see it.
    """

    def exchange(self, exchange: Exchange) -> Answer:
        """Count an event once: stamp it, append its records, advance the fences, and give what was there before."""

    def read(self, keys: Sequence[bytes], at_us: int) -> Found:
        """What lies under each key, empty where there is nothing; as of the latest of ``at_us`` and their stamps."""

    def swap(self, swap: Swap) -> bool:
        """Put a folded base in the place of what ``old`` held, unless somebody else did already."""

    def write(self, entries: Iterable[Entry]) -> int:
        """Write whole states over what is there; how many."""

    def remember(self, events: Iterable[tuple[bytes, int]], dedupe_us: int) -> None:
        """Note events as counted, each with its stamp, so that they are not counted again."""

    def mark(self, key: bytes, value: bytes) -> None:
        """Write a marker, which is kept for good."""

    def marker(self, key: bytes) -> bytes | None:
        """A marker; None where there is none."""

    def close(self) -> None:
        """Let go of connections."""


def stamped(record: bytes, stamp_us: int) -> bytes:
    """A record with its stamp and checksum, ready to be appended."""
    return sealed(record + stamp_us.to_bytes(_STAMP_BYTES, "little"), RESIDUE)
