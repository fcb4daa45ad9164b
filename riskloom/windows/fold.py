"""
Compaction: raw records become rows, and rows become coarser as they age.

A row's start follows from the shortest span that an event of its age can still be in, and tails move by whole hops, so
no window ever ends inside a row: folding loses nothing that a later read could tell apart.

What waits for its delay to end cannot be folded, as windows begin at the microsecond. Where much waits, what enters
last is put aside: an event of a busy shop would else move every one of its shop that waits.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from itertools import repeat, zip_longest
from operator import mul
from typing import NamedTuple

from riskloom.windows import rules
from riskloom.windows.layout import HIGHEST, LOWEST, EntityLayout, Lane, Slot
from riskloom.windows.rules import EFFECTIVE, FIRST_VALUE, NULLS, OBSERVED, TAG, Record
from riskloom.windows.state import (
    ENDLESS_US,
    FENCE_SIZE,
    HEADER,
    LaneState,
    Later,
    Parcel,
    base_of,
    lanes_of,
    opened,
    records_bytes,
)

#: Compaction is due when so many records came after the last one …
DUE_AFTER = 24
#: … and leaves so many of the newest, so that a stamp of a moment ago can be read again.
LEFT = 3
#: With more records that wait, some are put aside …
MOST_CARRIED = 24
#: … until so many are left, those that enter next …
NEAR = 8
#: … in parcels of so many at most.
PARCEL = 64


class Folded(NamedTuple):
    """A state after folding, without its fence, and what was put aside of it."""

    base: bytes
    parcels: tuple[Parcel, ...]


def is_due(layout: EntityLayout, blob: bytes) -> bool:
    """Whether enough records came since the last compaction."""
    if not blob:
        return False
    *_, carried, size, _ = HEADER.unpack_from(blob, FENCE_SIZE)
    raw = len(blob) - FENCE_SIZE - size
    return bool(raw >= (carried + DUE_AFTER) * layout.record.size)


def folded(layout: EntityLayout, blob: bytes, at_us: int, later: Later | None = None) -> Folded:
    """
    The state with its older records folded.

    Args:
        layout: Of the key.
        blob: What lay under it.
        at_us: The stamp as of which it lay there.
        later: What lay beside it and is needed after that stamp; None of what was not needed.

    Raises:
        StateCorruptError: The blob is not as it was written.
    """
    beside = b"" if later is None else later.records
    state = opened(layout, blob + beside)
    newest = state.records[: len(state.records) - len(beside) // layout.record.size][-LEFT:]
    lanes = lanes_of(layout, blob, state.lanes_at)
    horizon_us = max(state.horizon_us, min((record[OBSERVED] for record in newest), default=0))
    for lane, content in zip(layout.lanes, lanes, strict=True):
        fold(lane, content, state.records, since_us=state.horizon_us, horizon_us=horizon_us)
    waiting = [record for record in state.records if is_needed(layout, record, horizon_us)]
    left_us = state.until_us if later is None else later.next_us
    return laid_out(
        layout, lanes, waiting, generation=state.generation + 1, horizon_us=horizon_us, at_us=at_us, left_us=left_us
    )


def laid_out(
    layout: EntityLayout,
    lanes: Sequence[LaneState],
    waiting: Sequence[Record],
    *,
    generation: int,
    horizon_us: int,
    at_us: int,
    left_us: int = ENDLESS_US,
) -> Folded:
    """
    What is folded, with what waits: some of it carried behind the base, and what enters last put aside.

    Args:
        layout: Of the key.
        lanes: What is folded.
        waiting: Records that some lane has not folded yet.
        generation: Of the base.
        horizon_us: What entered before it is folded.
        at_us: What entered up to it is not put aside.
        left_us: After which stamp the parcels are needed that lie beside the key already.
    """
    carried, aside = _put_aside(layout, waiting, horizon_us, at_us)
    parcels = tuple(Parcel(enters_us, records_bytes(layout, records)) for enters_us, records in aside)
    until_us = min([left_us, *(parcel.from_us for parcel in parcels)])
    base = base_of(layout, lanes, generation=generation, horizon_us=horizon_us, carried=carried, until_us=until_us)
    return Folded(base, parcels)


def _put_aside(
    layout: EntityLayout, waiting: Sequence[Record], horizon_us: int, at_us: int
) -> tuple[Sequence[Record], list[tuple[int, list[Record]]]]:
    """What is carried, in the order in which it came, and the rest by when it enters: the first instant of each."""
    if len(waiting) <= MOST_CARRIED:
        return waiting, []
    enters = [enters_next(layout, record, horizon_us) for record in waiting]
    order = sorted(range(len(waiting)), key=enters.__getitem__)
    near = max(NEAR, sum(one <= at_us for one in enters))
    far = order[near:]
    portions = [far[place : place + PARCEL] for place in range(0, len(far), PARCEL)]
    carried = [waiting[place] for place in sorted(order[:near])]
    return carried, [(enters[portion[0]], [waiting[place] for place in portion]) for portion in portions]


def fold(lane: Lane, state: LaneState, records: Sequence[Record], *, since_us: int, horizon_us: int) -> None:
    """Bring what entered from ``since_us`` to before ``horizon_us`` into the rows, and age them to the horizon."""
    events = rules.entered(records, lane.tag, lane.delay_us, since_us, horizon_us)
    age(lane, state, horizon_us)
    if lane.width:
        add(lane, state, _grouped(lane, events, horizon_us))
    for place, slot in enumerate(lane.newest):
        times = [record[EFFECTIVE] for record in events if not _is_null(record, slot)]
        state.newest[place] = max([state.newest[place], *times])
    for place, field in enumerate(lane.lasts):
        state.lasts[place] = max([state.lasts[place], *_lasts(lane, events, field)])
    for place, (field, cap) in enumerate(lane.distinct):
        state.distinct[place] = seen_values(lane, state.distinct[place], events, field, cap, horizon_us)


def levels(lane: Lane, horizon_us: int) -> list[tuple[int, int]]:
    """For each span, by width: where its window begins at the horizon, and its hop; both in hops of the lane."""
    hop_us = lane.hop_us
    return [
        (rules.tail(horizon_us, span.width_us, span.hop_us) // hop_us, span.hop_us // hop_us) for span in lane.spans
    ]


def age(lane: Lane, state: LaneState, horizon_us: int) -> None:
    """Drop rows that no window reaches any more, and put those together that no window tells apart any more."""
    starts = state.starts
    coarse: list[int] = []
    last = len(starts)
    for tail, hop in levels(lane, horizon_us):
        first = bisect_left(starts, tail, 0, last)
        coarse[:0] = starts[first:last] if hop == 1 else [start - start % hop for start in starts[first:last]]
        last = first
    # of rows that fall together the oldest stays: it holds the others too
    chosen = [place for place, start in enumerate(coarse) if not place or start != coarse[place - 1]]
    if len(chosen) < len(starts):
        state.starts = [coarse[place] for place in chosen]
        state.columns = [[column[last + place] for place in chosen] for column in state.columns]
    else:
        state.starts = coarse


def add(lane: Lane, state: LaneState, fresh: Mapping[int, Sequence[int]]) -> None:
    """Add the columns of events, by the start of their row, to their rows and to all older rows: they hold them too."""
    starts, columns, nothing = state.starts, state.columns, lane.nothing
    for start in fresh:
        place = bisect_left(starts, start)
        if place == len(starts) or starts[place] != start:
            for column, empty in zip(columns, nothing, strict=True):
                column.insert(place, column[place] if place < len(starts) else empty)
            starts.insert(place, start)
    carried: Sequence[int] = nothing
    newest_first = sorted(fresh, reverse=True)
    for start, older in zip_longest(newest_first, newest_first[1:]):
        carried = together(lane, carried, fresh[start])
        rows = slice(0 if older is None else bisect_right(starts, older), bisect_right(starts, start))
        for column, join, more in zip(columns, lane.joins, carried, strict=True):
            column[rows] = map(join, column[rows], repeat(more))


def together(lane: Lane, one: Sequence[int], other: Sequence[int]) -> list[int]:
    """The columns of two sets of events as those of one."""
    return [join(left, right) for join, left, right in zip(lane.joins, one, other, strict=True)]


def _grouped(lane: Lane, events: Sequence[Record], horizon_us: int) -> dict[int, list[int]]:
    """The events' columns by the start of the row of their age; those too old for every window are left out."""
    groups: dict[int, list[Record]] = {}
    steps = levels(lane, horizon_us)
    for record in events:
        place = (record[EFFECTIVE] + lane.delay_us) // lane.hop_us
        for tail, hop in steps:
            if place >= tail:
                groups.setdefault(place - place % hop, []).append(record)
                break
    return {start: _columns(lane, group) for start, group in groups.items()}


def _columns(lane: Lane, events: Sequence[Record]) -> list[int]:
    values = {
        slot: [record[FIRST_VALUE + slot] for record in events if not record[NULLS] & (1 << slot)]
        for slot in lane.slots
    }
    return [
        *(len(events) if slot is None else len(values[slot]) for slot in lane.counts),
        *(sum(values[slot]) for slot in lane.sums),
        *(sum(map(mul, values[slot], values[slot])) for slot in lane.squares),
        *(min(values[slot], default=HIGHEST) for slot in lane.minima),
        *(max(values[slot], default=LOWEST) for slot in lane.maxima),
        *(min((r[EFFECTIVE] for r in events if not _is_null(r, slot)), default=HIGHEST) for slot in lane.firsts),
    ]


def _lasts(lane: Lane, events: Sequence[Record], slot: int) -> list[tuple[int, int, int]]:
    return [
        (
            record[EFFECTIVE],
            rules.enters(record[OBSERVED], record[EFFECTIVE], lane.delay_us),
            record[FIRST_VALUE + slot],
        )
        for record in events
        if not _is_null(record, slot)
    ]


def seen_values(
    lane: Lane, seen: dict[int, int], events: Sequence[Record], slot: int, cap: int, horizon_us: int
) -> dict[int, int]:
    """The hop each value was last seen in; the ``cap`` most recent give every count up to the cap."""
    oldest, _ = levels(lane, horizon_us)[-1]
    for record in events:
        if not _is_null(record, slot):
            value, hop = record[FIRST_VALUE + slot], (record[EFFECTIVE] + lane.delay_us) // lane.hop_us
            seen[value] = max(seen.get(value, hop), hop)
    recent = sorted(((hop, value) for value, hop in seen.items() if hop >= oldest), reverse=True)
    return {value: hop for hop, value in recent[:cap]}


def is_needed(layout: EntityLayout, record: Record, horizon_us: int) -> bool:
    """Whether some lane has not folded a record yet."""
    return bool(enters_next(layout, record, horizon_us) < ENDLESS_US)


def enters_next(layout: EntityLayout, record: Record, horizon_us: int) -> int:
    """When a record enters the next lane that has not folded it yet; ENDLESS_US where all have."""
    lanes = (lane for lane in layout.lanes if lane.tag == record[TAG])
    enters = (rules.enters(record[OBSERVED], record[EFFECTIVE], lane.delay_us) for lane in lanes)
    return min((enters_us for enters_us in enters if enters_us >= horizon_us), default=ENDLESS_US)


def _is_null(record: Record, slot: Slot) -> bool:
    return slot is not None and bool(record[NULLS] >> slot & 1)
