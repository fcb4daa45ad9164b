"""
Compaction: raw records become rows, and rows become coarser as they age.

A row's start follows from the shortest span that an event of its age can still be in, and tails move by whole hops, so
no window ever ends inside a row: folding loses nothing that a later read could tell apart.
"""

from __future__ import annotations

from collections.abc import Sequence

from riskloom.windows import rules
from riskloom.windows.layout import EntityLayout, Lane, Slot
from riskloom.windows.rules import EFFECTIVE, FIRST_VALUE, NULLS, OBSERVED, TAG, Record
from riskloom.windows.state import FENCE_SIZE, HEADER, LaneState, base_of, lanes_of, opened

#: Compaction is due when so many records came after the last one …
DUE_AFTER = 16
#: … and leaves so many of the newest, so that a stamp of a moment ago can be read again.
LEFT = 4


def is_due(layout: EntityLayout, blob: bytes) -> bool:
    """Whether enough records came since the last compaction."""
    if not blob:
        return False
    *_, carried, size = HEADER.unpack_from(blob, FENCE_SIZE)
    raw = len(blob) - FENCE_SIZE - size
    return bool(raw >= (carried + DUE_AFTER) * layout.record.size)


def folded(layout: EntityLayout, blob: bytes) -> bytes:
    """
    The state with its older records folded, without its fence.

    Raises:
        StateCorruptError: The blob is not as it was written.
    """
    state = opened(layout, blob)
    lanes = lanes_of(layout, blob, state.lanes_at)
    horizon_us = max(state.horizon_us, min((record[OBSERVED] for record in state.records[-LEFT:]), default=0))
    for lane, content in zip(layout.lanes, lanes, strict=True):
        fold(lane, content, state.records, since_us=state.horizon_us, horizon_us=horizon_us)
    carried = [record for record in state.records if _is_needed(layout, record, horizon_us)]
    return base_of(layout, lanes, generation=state.generation + 1, horizon_us=horizon_us, carried=carried)


def fold(lane: Lane, state: LaneState, records: Sequence[Record], *, since_us: int, horizon_us: int) -> None:
    """Bring what entered from ``since_us`` to before ``horizon_us`` into the rows, and age them to the horizon."""
    events = rules.entered(records, lane.tag, lane.delay_us, since_us, horizon_us)
    fresh = _grouped(lane, events, horizon_us)
    state.rows = _merged(lane, _aged(lane, state.rows, horizon_us), fresh)
    for place, slot in enumerate(lane.newest):
        times = [record[EFFECTIVE] for record in events if not _is_null(record, slot)]
        state.newest[place] = max([state.newest[place], *times])
    for place, slot in enumerate(lane.lasts):
        values = [
            (
                record[EFFECTIVE],
                rules.enters(record[OBSERVED], record[EFFECTIVE], lane.delay_us),
                record[FIRST_VALUE + slot],
            )
            for record in events
            if not _is_null(record, slot)
        ]
        state.lasts[place] = max([state.lasts[place], *values])
    for place, (slot, cap) in enumerate(lane.distinct):
        state.distinct[place] = _seen(lane, state.distinct[place], events, slot, cap, horizon_us)


def row_start(lane: Lane, axis_us: int, horizon_us: int) -> int | None:
    """The start, in hops of the lane, of the row that an event at this place of the axis folds into; None: too old."""
    for span in lane.spans:
        if axis_us >= rules.tail(horizon_us, span.width_us, span.hop_us):
            return (axis_us - axis_us % span.hop_us) // lane.hop_us
    return None


def _grouped(lane: Lane, events: Sequence[Record], horizon_us: int) -> dict[int, list[int]]:
    """The events' columns by the start of their row; none where the lane has no columns."""
    if not lane.width:
        return {}
    groups: dict[int, list[Record]] = {}
    for record in events:
        start = row_start(lane, record[EFFECTIVE] + lane.delay_us, horizon_us)
        if start is not None:
            groups.setdefault(start, []).append(record)
    return {start: _columns(lane, group) for start, group in groups.items()}


def _columns(lane: Lane, events: Sequence[Record]) -> list[int]:
    def values(slot: int) -> list[int]:
        return [record[FIRST_VALUE + slot] for record in events if not _is_null(record, slot)]

    return [
        *(sum(not _is_null(record, slot) for record in events) for slot in lane.counts),
        *(sum(values(slot)) for slot in lane.sums),
        *(sum(value * value for value in values(slot)) for slot in lane.squares),
        *(min(values(slot), default=0) for slot in lane.minima),
        *(max(values(slot), default=0) for slot in lane.maxima),
        *(min((r[EFFECTIVE] for r in events if not _is_null(r, slot)), default=0) for slot in lane.firsts),
    ]


def _aged(lane: Lane, rows: dict[int, list[int]], horizon_us: int) -> dict[int, list[int]]:
    """The rows under the starts of their age: of those that fall together the oldest, which holds the others too."""
    aged: dict[int, list[int]] = {}
    for start in sorted(rows, reverse=True):
        coarser = row_start(lane, start * lane.hop_us, horizon_us)
        if coarser is not None:
            aged[coarser] = rows[start]
    return aged


def _merged(lane: Lane, rows: dict[int, list[int]], fresh: dict[int, list[int]]) -> dict[int, list[int]]:
    """Rows to which events were added: each row holds everything at or after its start."""
    if not fresh:
        return rows
    merged, old, new = {}, None, None
    for start in sorted(rows.keys() | fresh.keys(), reverse=True):
        old = rows.get(start, old)
        new = together(lane, new, fresh.get(start))
        merged[start] = together(lane, old, new) or []
    return merged


def together(lane: Lane, one: list[int] | None, other: list[int] | None) -> list[int] | None:
    """Two sets of events as one: counts and sums add up, extremes are those of the sets that have a value."""
    if one is None or other is None:
        return one if other is None else other
    added = len(lane.counts) + len(lane.sums) + len(lane.squares)
    result = [left + right for left, right in zip(one[:added], other[:added], strict=True)]
    kinds = [(slot, min) for slot in lane.minima] + [(slot, max) for slot in lane.maxima]
    for place, (slot, better) in enumerate(kinds + [(slot, min) for slot in lane.firsts], start=added):
        counted = lane.counts.index(slot)
        values = [columns[place] for columns in (one, other) if columns[counted]]
        result.append(better(values) if values else 0)
    return result


def _seen(
    lane: Lane, seen: dict[int, int], events: Sequence[Record], slot: int, cap: int, horizon_us: int
) -> dict[int, int]:
    """The hop each value was last seen in; the ``cap`` most recent give every count up to the cap."""
    longest = lane.spans[-1]
    oldest = rules.tail(horizon_us, longest.width_us, longest.hop_us) // lane.hop_us
    for record in events:
        if not _is_null(record, slot):
            value, hop = record[FIRST_VALUE + slot], (record[EFFECTIVE] + lane.delay_us) // lane.hop_us
            seen[value] = max(seen.get(value, hop), hop)
    recent = sorted(((hop, value) for value, hop in seen.items() if hop >= oldest), reverse=True)
    return {value: hop for hop, value in recent[:cap]}


def _is_needed(layout: EntityLayout, record: Record, horizon_us: int) -> bool:
    """Whether some lane has not folded a record yet."""
    return any(
        rules.enters(record[OBSERVED], record[EFFECTIVE], lane.delay_us) >= horizon_us
        for lane in layout.lanes
        if lane.tag == record[TAG]
    )


def _is_null(record: Record, slot: Slot) -> bool:
    return slot is not None and bool(record[NULLS] >> slot & 1)
