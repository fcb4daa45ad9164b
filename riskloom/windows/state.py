"""
The bytes that a key's state is kept in.

``fence`` (the last stamp, 24 characters) · ``base`` (folded rows, written by compaction) · raw records, appended.

Where many events wait for their delay to end, those that enter last lie beside the blob in parcels; the base says from
when on they are needed. A parcel is raw records, so a blob with parcels behind it is a blob.

Every checksum continues where the one before it ended, so one CRC over base and records tells that each is as it was
written, while a store can append a record without reading what is there. Stores compare and copy the fence as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import starmap
from operator import itemgetter
from struct import Struct
from struct import error as StructError  # noqa: N812 - it is a class, though its name does not look like one
from typing import NamedTuple
from zlib import crc32

from riskloom.errors import StateCorruptError
from riskloom.windows.layout import EntityLayout, Lane
from riskloom.windows.plan import STATE_VERSION
from riskloom.windows.rules import Record

FENCE_SIZE = 24
_DIGITS = 16
_MAGIC = b"RW"
_VERSION = STATE_VERSION
#: What a base begins with.
FORMAT = _MAGIC + bytes([_VERSION])
#: Magic, version, generation, horizon, records carried over by the last compaction, length of the base, and after
#: which stamp the blob is not all there is: sixteen digits, as stores compare them with stamps.
HEADER = Struct("<2sBIqII16s")
#: Where in a blob these digits stand.
UNTIL = slice(FENCE_SIZE + HEADER.size - _DIGITS, FENCE_SIZE + HEADER.size)
#: After which stamp a key's parcels are needed that has none.
ENDLESS_US = 10**_DIGITS - 1
_CRC = Struct("<I")
#: The checksum of anything followed by its own checksum.
RESIDUE = 0x2144DF1C
_WIDTHS = {1: "b", 2: "h", 4: "i", 8: "q", 16: "16s", 32: "32s"}
_NATIVE = 8
#: No event: before every instant that is accepted.
NEVER = -1


@dataclass(slots=True)
class LaneState:
    """
    What is folded of a lane.

    A row holds counts, sums, squares, minima, maxima and first times of all folded events at or after its start (in
    hops), so what is folded of a window is one row and needs no adding up. Rows are kept as columns, ascending by
    start. ``newest`` are effective times, ``lasts`` (effective, enter, value), ``distinct`` the hop each value was last
    seen in.
    """

    starts: list[int]
    columns: list[list[int]]
    newest: list[int]
    lasts: list[tuple[int, int, int]]
    distinct: list[dict[int, int]]


class Parcel(NamedTuple):
    """Raw records that lie beside a blob: they are needed for stamps after ``from_us``."""

    from_us: int
    records: bytes


class Later(NamedTuple):
    """
    What of a key's parcels is needed at a stamp.

    Attributes:
        records: Their content, to be read behind the blob.
        next_us: After which stamp a further one is needed; ENDLESS_US where there is none.
    """

    records: bytes
    next_us: int


@dataclass(slots=True)
class Opened:
    """A checked blob: its header's content, where the lanes begin, and the raw records."""

    generation: int
    horizon_us: int
    carried: int
    until_us: int
    records: list[Record]
    lanes_at: int = field(default=FENCE_SIZE + HEADER.size)


def fence_of(stamp_us: int) -> bytes:
    """A stamp as stores keep it: sixteen digits, which compare like numbers, and their checksum."""
    return _with_checksum(b"%016d" % stamp_us)


def _with_checksum(digits: bytes) -> bytes:
    return digits + b"%08x" % crc32(digits)


def stamp_of(fence: bytes, key: str) -> int:
    """
    The stamp of a fence.

    Raises:
        StateCorruptError: The fence is not as it was written.
    """
    digits = fence[:_DIGITS]
    if fence[:FENCE_SIZE] != _with_checksum(digits) or not digits.isdigit():
        raise StateCorruptError(key, "fence", "sixteen digits with their checksum")
    return int(digits)


def sealed(body: bytes, start: int = 0) -> bytes:
    """Bytes followed by their checksum; ``start`` is zero for a base and RESIDUE for what is appended to it."""
    return body + _CRC.pack(crc32(body, start))


def is_whole(blob: bytes) -> bool:
    """Whether a blob's fence and content are as they were written."""
    fence = blob[:FENCE_SIZE]
    return fence == _with_checksum(blob[:_DIGITS]) and crc32(memoryview(blob)[FENCE_SIZE:]) == RESIDUE


def opened(layout: EntityLayout, blob: bytes) -> Opened:
    """
    Check a blob and read its header and records.

    Raises:
        StateCorruptError: Anything about it is not as it was written.
    """
    key = layout.join_key
    if crc32(memoryview(blob)[FENCE_SIZE:]) != RESIDUE:
        raise StateCorruptError(key, "checksum", "that of its content")
    stamp_of(blob, key)
    try:
        magic, version, generation, horizon_us, carried, size, until = HEADER.unpack_from(blob, FENCE_SIZE)
        records = list(layout.record.iter_unpack(memoryview(blob)[FENCE_SIZE + size :]))
    except StructError as error:
        raise StateCorruptError(key, "length", f"a header and records of {layout.record.size} bytes") from error
    if magic != _MAGIC or version != _VERSION:
        raise StateCorruptError(key, "format", f"{_MAGIC.decode()} version {_VERSION}")
    return Opened(generation, horizon_us, carried, int(until), records)


def base_of(
    layout: EntityLayout,
    lanes: Sequence[LaneState],
    *,
    generation: int,
    horizon_us: int,
    carried: Sequence[Record],
    until_us: int = ENDLESS_US,
) -> bytes:
    """The bytes of folded lanes, followed by the records that are carried over."""
    content = b"".join(_lane_bytes(lane, state) for lane, state in zip(layout.lanes, lanes, strict=True))
    size = HEADER.size + len(content) + _CRC.size
    header = HEADER.pack(_MAGIC, _VERSION, generation, horizon_us, len(carried), size, b"%016d" % until_us)
    return sealed(header + content) + records_bytes(layout, carried)


def records_bytes(layout: EntityLayout, records: Iterable[Record]) -> bytes:
    """Raw records as they lie behind a base."""
    pack = layout.record.pack
    return b"".join(sealed(pack(*record[:-1], 0)[: -_CRC.size], RESIDUE) for record in records)


def empty_lanes(layout: EntityLayout) -> list[LaneState]:
    """The lanes of a key that nothing happened to."""
    return [
        LaneState(
            starts=[],
            columns=[[] for _ in range(lane.width)],
            newest=[NEVER] * len(lane.newest),
            lasts=[(NEVER, 0, 0)] * len(lane.lasts),
            distinct=[{} for _ in lane.distinct],
        )
        for lane in layout.lanes
    ]


def empty_base(layout: EntityLayout) -> bytes:
    """The base of a key that nothing happened to."""
    return base_of(layout, empty_lanes(layout), generation=0, horizon_us=0, carried=())


def lanes_of(layout: EntityLayout, blob: bytes, at: int) -> list[LaneState]:
    """Everything folded, in a form that can be changed; ``at`` is where the lanes begin."""
    states = []
    for lane in layout.lanes:
        state, at = _lane_state(lane, blob, at)
        states.append(state)
    return states


@lru_cache(maxsize=4096)
def row_of(widths: tuple[int, ...]) -> Struct:
    """A row whose columns take so many bytes."""
    return Struct("<" + "".join(_WIDTHS[width] for width in widths))


@lru_cache(maxsize=4096)
def numbers(count: int, kind: str) -> Struct:
    """So many numbers of a kind, one after the other."""
    return Struct(f"<{count}{kind}")


def widened(row: tuple[int | bytes, ...]) -> tuple[int, ...]:
    """A row with the columns that struct knows no number for turned into numbers."""
    return tuple(int.from_bytes(one, "little", signed=True) if isinstance(one, bytes) else one for one in row)


def _lane_state(lane: Lane, blob: bytes, at: int) -> tuple[LaneState, int]:
    head, at = lane.head.unpack_from(blob, at), at + lane.head.size
    count, widths = head[0], head[1 : 1 + lane.width]
    kept = head[1 + lane.width : 1 + lane.width + len(lane.distinct)]
    times = head[1 + lane.width + len(lane.distinct) :]
    starts = list(numbers(count, "I").unpack_from(blob, at))
    row, at = row_of(widths), at + 4 * count
    rows = row.iter_unpack(blob[at : at + count * row.size]) if count else ()
    columns = [list(column) for column in zip(*rows, strict=True)]
    for place, width in enumerate(widths):
        if width > _NATIVE and count:
            columns[place] = list(widened(tuple(columns[place])))
    at += count * row.size
    distinct = []
    for size in kept:
        hops, hashes = numbers(size, "I").unpack_from(blob, at), numbers(size, "q").unpack_from(blob, at + 4 * size)
        distinct.append(dict(zip(hashes, hops, strict=True)))
        at += 12 * size
    lasts = iter(times[len(lane.newest) :])
    state = LaneState(
        starts=starts,
        columns=columns or [[] for _ in range(lane.width)],
        newest=list(times[: len(lane.newest)]),
        lasts=list(zip(lasts, lasts, lasts, strict=True)),
        distinct=distinct,
    )
    return state, at


def _lane_bytes(lane: Lane, state: LaneState) -> bytes:
    # where nothing but the newest and the last values is kept, rows would be empty
    starts, widths = state.starts if lane.width else [], tuple(map(_width, state.columns))
    times = [*state.newest, *(one for last in state.lasts for one in last)]
    parts = [
        lane.head.pack(len(starts), *widths, *map(len, state.distinct), *times),
        numbers(len(starts), "I").pack(*starts),
    ]
    columns = [_narrowed(column, width) for column, width in zip(state.columns, widths, strict=True)]
    parts += starmap(row_of(widths).pack, zip(*columns, strict=True))
    for seen in state.distinct:
        oldest_first = sorted(seen.items(), key=itemgetter(1, 0))
        parts.append(numbers(len(seen), "I").pack(*(hop for _, hop in oldest_first)))
        parts.append(numbers(len(seen), "q").pack(*(value for value, _ in oldest_first)))
    return b"".join(parts)


def _narrowed(column: Sequence[int], width: int) -> Sequence[int | bytes]:
    """A column as struct takes it: it knows no numbers of more than eight bytes."""
    if width <= _NATIVE:
        return column
    return [one.to_bytes(width, "little", signed=True) for one in column]


def _width(column: Sequence[int]) -> int:
    """The fewest bytes that hold every number of a column."""
    if not column:
        return 1
    low, high = min(column), max(column)
    bits = max((~low if low < 0 else low).bit_length(), (~high if high < 0 else high).bit_length())
    return next(width for width in _WIDTHS if bits < 8 * width)
