"""
How the state of an entity is laid out, worked out once from the plan.

All streams of an entity share one blob. A *lane* is one stream with one delay and the spans used of it: its rows hold
what the features need, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import add
from struct import Struct

from riskloom.windows.plan import Span, Stream, WindowFeature, WindowPlan, WindowView

#: What a minimum and a maximum start from.
HIGHEST, LOWEST = 2**63 - 1, -(2**63)

Join = Callable[[int, int], int]

#: Which field a column is of: its place among the record's values; None for the event itself.
Slot = int | None

_COUNTED = {"count", "sum", "mean", "rate", "std", "min", "max", "time_since_first"}
_SUMMED = {"sum", "mean", "rate", "std"}


@dataclass(frozen=True)
class Lane:
    """
    One stream with one delay, as far as the views of an entity need it.

    Attributes:
        tag: The stream's place in the plan; records bear it.
        delay_us: How much later than it happened an event is placed.
        spans: By width; hops nest.
        counts: Slots whose values that are not null are counted.
        sums: Slots whose values are summed; ``squares``, ``minima`` and ``maxima`` likewise.
        firsts: Slots of which the oldest event is known.
        newest: Slots of which the newest event is known.
        lasts: Slots of which the newest value is known.
        distinct: Slots whose different values are remembered, each with how many at most.
    """

    tag: int
    delay_us: int
    spans: tuple[Span, ...]
    counts: tuple[Slot, ...]
    sums: tuple[int, ...]
    squares: tuple[int, ...]
    minima: tuple[int, ...]
    maxima: tuple[int, ...]
    firsts: tuple[Slot, ...]
    newest: tuple[Slot, ...]
    lasts: tuple[int, ...]
    distinct: tuple[tuple[int, int], ...]

    @cached_property
    def hop_us(self) -> int:
        """The finest hop; times in rows are whole numbers of it."""
        return self.spans[0].hop_us

    @cached_property
    def width(self) -> int:
        """Columns in a row."""
        return sum(map(len, (self.counts, self.sums, self.squares, self.minima, self.maxima, self.firsts)))

    @cached_property
    def added(self) -> int:
        """Columns that add up: counts, sums and squares, which come first."""
        return len(self.counts) + len(self.sums) + len(self.squares)

    @cached_property
    def joins(self) -> tuple[Join, ...]:
        """For each column, how two sets of events become one: counts and sums add up, the further extreme stays."""
        extremes: list[tuple[Join, int]] = [(min, len(self.minima)), (max, len(self.maxima)), (min, len(self.firsts))]
        return (add,) * self.added + tuple(join for join, times in extremes for _ in range(times))

    @cached_property
    def slots(self) -> tuple[int, ...]:
        """The slots whose values columns or distinct values are made of."""
        used = (*self.counts, *self.sums, *self.minima, *self.maxima, *self.firsts, *self.newest)
        return tuple(sorted({slot for slot in (*used, *(slot for slot, _ in self.distinct)) if slot is not None}))

    @cached_property
    def nothing(self) -> tuple[int, ...]:
        """The columns of no events: extremes begin at the far end, and the count tells that there is no value."""
        ends: dict[Join, int] = {add: 0, min: HIGHEST, max: LOWEST}
        return tuple(ends[join] for join in self.joins)

    @cached_property
    def head(self) -> Struct:
        """Number of rows, bytes a column takes, distinct values kept, then axis times and last values."""
        times = len(self.newest) + 3 * len(self.lasts)
        return Struct(f"<H{self.width}B{len(self.distinct)}H{times}q")

    @cached_property
    def retention_us(self) -> int:
        """So long after an event happened it may still count."""
        return self.spans[-1].width_us + self.spans[-1].hop_us + self.delay_us


@dataclass(frozen=True)
class EntityLayout:
    """
    The state of one join key.

    Attributes:
        join_key: Column whose values state is kept under.
        lanes: What is kept; features refer to lanes by place.
        slots: For each stream that is kept, by tag: its fields in the order of a record's values.
        views: The views computed from it, in the plan's order.
        places: For each window feature: its lane and the place of its span there.
    """

    join_key: str
    lanes: tuple[Lane, ...]
    slots: Mapping[int, tuple[str, ...]]
    views: tuple[WindowView, ...]
    places: Mapping[str, tuple[int, int]]

    @cached_property
    def values(self) -> int:
        """Values in a record; streams with fewer fields leave the rest at zero."""
        return max((len(fields) for fields in self.slots.values()), default=0)

    @cached_property
    def record(self) -> Struct:
        """A raw event: tag, which values are null, when it happened, values, when we knew, checksum."""
        return Struct(f"<BIq{self.values}qqI")

    @cached_property
    def retention_us(self) -> int:
        """So long after its last event a key may still have a value that is not empty."""
        return max((lane.retention_us for lane in self.lanes), default=0)


def layouts_of(plan: WindowPlan) -> dict[str, EntityLayout]:
    """The layout of each join key, in the order of the views."""
    keys = dict.fromkeys(view.join_key for view in plan.views)
    return {key: _layout(plan, key, [view for view in plan.views if view.join_key == key]) for key in keys}


def _layout(plan: WindowPlan, join_key: str, views: list[WindowView]) -> EntityLayout:
    tags = {stream.name: tag for tag, stream in enumerate(plan.streams)}
    used = [(view, feature) for view in views for feature in view.windows]
    slots = {
        tags[stream.name]: _fields([feature for _, feature in used if feature.stream == stream.name], stream)
        for stream in plan.streams
        if any(feature.stream == stream.name for _, feature in used)
    }
    groups: dict[tuple[int, int, tuple[Span, ...]], list[WindowFeature]] = {}
    spans_of: dict[str, tuple[Span, ...]] = {}
    for view, feature in used:
        near = [other for other in view.windows if (other.stream, other.delay_us) == (feature.stream, feature.delay_us)]
        spans = tuple(span for name, span in view.spans.items() if any(other.span == name for other in near))
        groups.setdefault((tags[feature.stream], feature.delay_us, spans), []).append(feature)
        spans_of[feature.name] = spans
    order = list(groups)
    places = {
        feature.name: (
            order.index((tags[feature.stream], feature.delay_us, spans_of[feature.name])),
            spans_of[feature.name].index(view.spans[feature.span]),
        )
        for view, feature in used
    }
    lanes = tuple(_lane(key, features, slots[key[0]]) for key, features in groups.items())
    return EntityLayout(join_key, lanes, slots, tuple(views), places)


def _fields(features: list[WindowFeature], stream: Stream) -> tuple[str, ...]:
    wanted = {feature.field for feature in features}
    return tuple(name for name in stream.fields if name in wanted)


def _lane(key: tuple[int, int, tuple[Span, ...]], features: list[WindowFeature], fields: tuple[str, ...]) -> Lane:
    def slots(*aggregates: str) -> list[Slot]:
        found = (
            None if one.field is None else fields.index(one.field) for one in features if one.aggregate in aggregates
        )
        return sorted(set(found), key=lambda slot: -1 if slot is None else slot)

    def of_fields(*aggregates: str) -> tuple[int, ...]:
        return tuple(slot for slot in slots(*aggregates) if slot is not None)

    caps: dict[int, int] = {}
    for feature in features:
        if feature.aggregate == "distinct" and feature.field is not None and feature.cap is not None:
            slot = fields.index(feature.field)
            caps[slot] = max(caps.get(slot, 0), feature.cap)
    tag, delay_us, spans = key
    return Lane(
        tag=tag,
        delay_us=delay_us,
        spans=spans,
        counts=tuple(slots(*_COUNTED)),
        sums=of_fields(*_SUMMED),
        squares=of_fields("std"),
        minima=of_fields("min"),
        maxima=of_fields("max"),
        firsts=tuple(slots("time_since_first")),
        newest=tuple(slots("time_since_last")),
        lasts=of_fields("last"),
        distinct=tuple(sorted(caps.items())),
    )
