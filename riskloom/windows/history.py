"""History as state: what the published streams' Parquet holds, aggregated by DuckDB into the rows of each key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riskloom.sql import quoted
from riskloom.windows import fold
from riskloom.windows.events import hash_of
from riskloom.windows.layout import HIGHEST, LOWEST, EntityLayout, Lane, Slot
from riskloom.windows.plan import EFFECTIVE, EVENT_ID, OBSERVED, Stream, WindowPlan
from riskloom.windows.rules import Record
from riskloom.windows.state import LaneState, Parcel, empty_lanes, fence_of

if TYPE_CHECKING:
    import duckdb

_FETCHED = 2_000


@dataclass(frozen=True, slots=True)
class Part:
    """Which keys to look at: those of one hash bucket, or a single one."""

    bucket: int = 0
    buckets: int = 1
    key: str | None = None


@dataclass(slots=True)
class KeyState:
    """The state of a key while it is put together."""

    lanes: list[LaneState]
    pending: list[Record] = field(default_factory=list)


class History:
    """
    Reads the state of keys as of an instant.

    Args:
        plan: What is windowed.
        folder: Where the streams' marts lie, as ``<model>.parquet``.
        connection: DuckDB in memory, with the limits it shall keep.
        as_of_us: What was observed before this instant is history.
    """

    def __init__(self, plan: WindowPlan, folder: Path, connection: duckdb.DuckDBPyConnection, as_of_us: int) -> None:
        self._plan, self._folder, self._connection, self._as_of_us = plan, folder, connection, as_of_us
        self._hashed = lru_cache(maxsize=1_000_000)(hash_of)

    def events(self, stream: Stream) -> int:
        """How many events of a stream are history."""
        counted = f"select count(*) from {self._source(stream)} where {OBSERVED} < $as_of"  # noqa: S608
        return int(self._rows(counted, {"as_of": self._as_of_us})[0][0])

    def accepted(self, stream: Stream) -> Iterator[tuple[str, int]]:
        """Ids with their stamps that are still within the stream's dedupe time."""
        query = f"""
            select event_id, {OBSERVED} from {self._source(stream)}
            where {OBSERVED} < $as_of and {OBSERVED} > $since
        """  # noqa: S608
        yield from self._fetched(query, {"as_of": self._as_of_us, "since": self._as_of_us - stream.dedupe_us})

    def states(self, layout: EntityLayout, part: Part) -> Iterator[tuple[str, bytes, Sequence[Parcel]]]:
        """The state of every key of a part that has any."""
        keys: dict[str, KeyState] = {}

        def state(key: str) -> KeyState:
            return keys.setdefault(key, KeyState(empty_lanes(layout)))

        for place, lane in enumerate(layout.lanes):
            lane_of = partial(_lane_of, state, place)
            self._add_rows(layout, lane, part, lane_of)
            self._add_newest(layout, lane, part, lane_of)
            self._add_distinct(layout, lane, part, lane_of)
        for tag in layout.slots:
            self._add_pending(layout, tag, part, state)
        fence = fence_of(self._as_of_us)
        generation = self._as_of_us // 1_000_000
        for key, found in keys.items():
            base, parcels = fold.laid_out(
                layout,
                found.lanes,
                found.pending,
                generation=generation,
                horizon_us=self._as_of_us,
                at_us=self._as_of_us,
            )
            yield key, fence + base, parcels

    def _add_rows(self, layout: EntityLayout, lane: Lane, part: Part, state: Callable[[str], LaneState]) -> None:
        if not lane.width:
            return
        columns = self._columns(lane)
        tiles = ", ".join(f"{column} as c{place}" for place, (column, _, _) in enumerate(columns))
        running = ", ".join(
            f"coalesce({together}(c{place}) over newer, {nothing})::hugeint as c{place}"
            for place, (_, together, nothing) in enumerate(columns)
        )
        lists = ", ".join(f"list(c{place} order by start)" for place, _ in enumerate(columns))
        query = f"""
            with events as ({self._events(layout, lane, part)}),
            tiles as (select key, start, {tiles} from events group by key, start),
            rows as (
                select key, start, {running} from tiles
                window newer as (partition by key order by start desc)
            )
            select key, list(start order by start), {lists} from rows group by key
        """  # noqa: S608 - names come from the checked declaration and are quoted, values are bound
        for key, starts, *found in self._fetched(query, self._values(lane, part)):
            lane_state = state(key)
            lane_state.starts, lane_state.columns = starts, found

    def _add_newest(self, layout: EntityLayout, lane: Lane, part: Part, state: Callable[[str], LaneState]) -> None:
        if not lane.newest and not lane.lasts:
            return
        newest = [f"max(effective){_filter(slot)}" for slot in lane.newest]
        lasts = [f"max(row(effective, enters, v{slot})){_filter(slot)}" for slot in lane.lasts]
        query = f"""
            select key, {", ".join(newest + lasts)} from ({self._events(layout, lane, part)}) group by key
        """  # noqa: S608
        for key, *found in self._fetched(query, self._values(lane, part)):
            lane_state = state(key)
            for place, time in enumerate(found[: len(newest)]):
                lane_state.newest[place] = lane_state.newest[place] if time is None else time
            for place, last in enumerate(found[len(newest) :]):
                if last is not None:
                    effective, enters, value = last.values() if isinstance(last, dict) else last
                    lane_state.lasts[place] = (effective, enters, value)

    def _add_distinct(self, layout: EntityLayout, lane: Lane, part: Part, state: Callable[[str], LaneState]) -> None:
        for place, (slot, cap) in enumerate(lane.distinct):
            query = f"""
                with seen as (
                    select key, v{slot} as value, max(axis) // $hop as hop
                    from ({self._events(layout, lane, part)}) where v{slot} is not null group by key, v{slot}
                ),
                ranked as (select *, row_number() over (partition by key order by hop desc, value) as place from seen)
                select key, list(value), list(hop) from ranked where place <= $cap group by key
            """  # noqa: S608
            values = {**self._values(lane, part), "cap": cap, "hop": lane.hop_us}
            for key, seen, hops in self._fetched(query, values):
                state(key).distinct[place] = dict(zip(map(self._number, seen), hops, strict=True))

    def _add_pending(self, layout: EntityLayout, tag: int, part: Part, state: Callable[[str], KeyState]) -> None:
        """Events that are known but whose delay is not over, as raw records in the order in which they came."""
        fields = layout.slots[tag]
        delay_us = max(lane.delay_us for lane in layout.lanes if lane.tag == tag)
        names = "".join(f", {quoted(name)}" for name in fields)
        query = f"""
            select {quoted(layout.join_key)}, {EFFECTIVE}, {OBSERVED}{names}
            from {self._source(self._plan.streams[tag])}
            where {OBSERVED} < $as_of and {EFFECTIVE} + $delay >= $as_of and {_chosen(layout, part)}
            order by {OBSERVED}, {EFFECTIVE}, {EVENT_ID}
        """  # noqa: S608
        values = {"as_of": self._as_of_us, "delay": delay_us, **_bound(part)}
        for key, effective_us, observed_us, *found in self._fetched(query, values):
            nulls = sum(1 << slot for slot, value in enumerate(found) if value is None)
            numbers = [0 if value is None else self._number(value) for value in found]
            numbers += [0] * (layout.values - len(numbers))
            state(key).pending.append((tag, nulls, effective_us, *numbers, observed_us, 0))

    def _events(self, layout: EntityLayout, lane: Lane, part: Part) -> str:
        """Events that entered before the instant, each with the row it belongs to by its age."""
        hop_us = lane.hop_us
        levels = fold.levels(lane, self._as_of_us)
        cases = " ".join(f"when place >= {tail} then place - place % {hop}" for tail, hop in levels)
        names = "".join(f", {quoted(name)} as v{slot}" for slot, name in enumerate(layout.slots[lane.tag]))
        return f"""
            select *, axis // {hop_us} as place, case {cases} end as start
            from (
                select {quoted(layout.join_key)} as key, {EFFECTIVE} as effective, {EFFECTIVE} + $delay as axis,
                    greatest({OBSERVED}, {EFFECTIVE} + $delay) as enters{names}
                from {self._source(self._plan.streams[lane.tag])}
                where {OBSERVED} < $as_of and {_chosen(layout, part)}
            )
            where enters < $as_of and axis // {hop_us} >= {levels[-1][0]}
        """  # noqa: S608

    def _columns(self, lane: Lane) -> list[tuple[str, str, int]]:
        """Each column's aggregate over events, how tiles are put together, and what it is without events."""
        columns = [(f"count({_of(slot)})", "sum", 0) for slot in lane.counts]
        columns += [(f"sum(v{slot})", "sum", 0) for slot in lane.sums]
        columns += [(f"sum(v{slot}::hugeint * v{slot}::hugeint)", "sum", 0) for slot in lane.squares]
        columns += [(f"min(v{slot})", "min", HIGHEST) for slot in lane.minima]
        columns += [(f"max(v{slot})", "max", LOWEST) for slot in lane.maxima]
        columns += [(f"min(effective){_filter(slot)}", "min", HIGHEST) for slot in lane.firsts]
        return columns

    def _values(self, lane: Lane, part: Part) -> dict[str, Any]:
        return {"as_of": self._as_of_us, "delay": lane.delay_us, **_bound(part)}

    def _number(self, value: str | int) -> int:
        return self._hashed(value) if isinstance(value, str) else value

    def _source(self, stream: Stream) -> str:
        path = str(self._folder / f"{stream.model}.parquet").replace("'", "''")
        return f"read_parquet('{path}')"

    def _rows(self, query: str, values: Mapping[str, Any]) -> list[Any]:
        return self._connection.execute(query, dict(values)).fetchall()

    def _fetched(self, query: str, values: Mapping[str, Any]) -> Iterator[Any]:
        result = self._connection.execute(query, dict(values))
        while rows := result.fetchmany(_FETCHED):
            yield from rows


def _lane_of(state: Callable[[str], KeyState], place: int, key: str) -> LaneState:
    return state(key).lanes[place]


def _chosen(layout: EntityLayout, part: Part) -> str:
    key = quoted(layout.join_key)
    if part.key is not None:
        return f"{key} = $key"
    return f"{key} is not null and hash({key}) % $buckets = $bucket"


def _bound(part: Part) -> dict[str, Any]:
    return {"key": part.key} if part.key is not None else {"bucket": part.bucket, "buckets": part.buckets}


def _of(slot: Slot) -> str:
    return "*" if slot is None else f"v{slot}"


def _filter(slot: Slot) -> str:
    return "" if slot is None else f" filter (v{slot} is not null)"
