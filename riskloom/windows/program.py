"""What :mod:`riskloom.windows.kernel` is told to compute for an entity, and what its answer means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from struct import Struct, calcsize, pack, unpack

import numpy as np

from riskloom.windows import kernel
from riskloom.windows.compute import Value
from riskloom.windows.layout import EntityLayout, Lane, Slot
from riskloom.windows.plan import RatioFeature, WindowFeature, WindowPlan
from riskloom.windows.state import FENCE_SIZE, FORMAT, HEADER

#: Masks of missing values that are remembered; there are as many as there are ways for short spans to be empty.
_MASKS = 1024
_COUNTED, _SCALED = {"count", "distinct"}, {"sum", "min", "max", "last"}
_KINDS = {
    "count": kernel.COUNT,
    "sum": kernel.SUM,
    "mean": kernel.MEAN,
    "rate": kernel.MEAN,
    "std": kernel.STD,
    "min": kernel.EXTREME,
    "max": kernel.EXTREME,
    "distinct": kernel.DISTINCT,
    "last": kernel.LAST,
    "time_since_last": kernel.SINCE_LAST,
    "time_since_first": kernel.SINCE_FIRST,
}
#: The columns of a row, in their order, and which of them a feature is made of where that is not a sum.
_COLUMNS = ("counts", "sums", "squares", "minima", "maxima", "firsts")
_COLUMN_OF = {"min": "minima", "max": "maxima", "time_since_first": "firsts"}


class Program:
    """
    The features of entities that are read together, written down as numbers once.

    Args:
        plan: Declares them.
        layouts: Where their state lies.
    """

    def __init__(self, plan: WindowPlan, layouts: Sequence[EntityLayout]) -> None:
        self._layouts = layouts
        self._features = [feature for layout in layouts for view in layout.views for feature in view.features]
        self._names = [feature.name for feature in self._features]
        self._factors = {
            feature.name: _factor(plan, feature) for feature in self._features if isinstance(feature, WindowFeature)
        }
        self._size = len(self._features) + -(-len(self._features) // kernel.BITS)
        kinds = "".join("q" if self._is_whole(feature.name) else "d" for feature in self._features)
        self._values = Struct(f"={kinds}{self._size - len(self._features)}q")
        self._sizes = Struct(f"<{len(layouts)}q")
        self._numbers = np.array(list(self._written()), dtype=np.int64)
        self._missing: dict[tuple[int, ...], dict[str, Value]] = {}

    def values(self, blobs: Sequence[bytes], at_us: int) -> dict[str, Value] | None:
        """Every feature by name at T, from blobs whose checksums were looked at; None where it cannot tell."""
        out = np.empty(self._size, np.int64)
        states = np.frombuffer(b"".join((self._sizes.pack(*map(len, blobs)), *blobs)), np.uint8)
        if kernel.compute(states, self._numbers, at_us, out) != kernel.DONE:
            return None
        found = self._values.unpack(out.data)
        values: dict[str, Value] = dict(zip(self._names, found, strict=False))
        masks = found[len(self._names) :]
        if any(masks):
            values.update(self._missing.get(masks) or self._remembered(masks))
        return values

    def _remembered(self, masks: tuple[int, ...]) -> dict[str, Value]:
        """The features that a mask says are missing; few masks ever occur."""
        names = enumerate(self._names)
        missing: dict[str, Value] = {
            name: None for place, name in names if masks[place // kernel.BITS] >> place % kernel.BITS & 1
        }
        if len(self._missing) < _MASKS:
            self._missing[masks] = missing
        return missing

    def _is_whole(self, name: str) -> bool:
        feature = next(feature for feature in self._features if feature.name == name)
        if isinstance(feature, RatioFeature):
            return False
        return feature.aggregate in _COUNTED or (feature.aggregate in _SCALED and self._factors[name] == 1)

    def _written(self) -> Iterator[int]:
        horizon_at, size_at = calcsize("<2sBI"), calcsize("<2sBIqI")
        yield from (FENCE_SIZE + HEADER.size, int.from_bytes(FORMAT, "little"), FENCE_SIZE)
        yield from (FENCE_SIZE + horizon_at, FENCE_SIZE + size_at, len(self._features), len(self._layouts))
        for layout in self._layouts:
            yield from (layout.record.size, layout.values, len(layout.lanes))
            for place, lane in enumerate(layout.lanes):
                yield from self._lane(layout, place, lane)
        ratios = [feature for feature in self._features if isinstance(feature, RatioFeature)]
        yield len(ratios)
        for feature in ratios:
            yield from self._ratio(feature)

    def _lane(self, layout: EntityLayout, place: int, lane: Lane) -> Iterator[int]:
        columns = (lane.counts, lane.sums, lane.squares, lane.minima, lane.maxima, lane.firsts)
        distinct = tuple(slot for slot, _ in lane.distinct)
        yield from (lane.tag, lane.delay_us, lane.hop_us)
        yield from map(len, (*columns, lane.newest, lane.lasts, distinct, lane.spans))
        for slots in (*columns, lane.newest, lane.lasts, distinct):
            yield from (-1 if slot is None else slot for slot in slots)
        fields = layout.slots[lane.tag]
        for position, span in enumerate(lane.spans):
            chosen = [
                (nth, feature)
                for nth, feature in enumerate(self._features)
                if isinstance(feature, WindowFeature) and layout.places.get(feature.name) == (place, position)
            ]
            yield from (span.width_us, span.hop_us, len(chosen))
            for nth, feature in chosen:
                slot = None if feature.field is None else fields.index(feature.field)
                columns_of = [*_columns(lane, feature, slot), 0, 0][:3]
                yield from (_KINDS[feature.aggregate], nth, *columns_of)
                yield from (self._factors[feature.name], feature.cap or 0)

    def _ratio(self, feature: RatioFeature) -> Iterator[int]:
        top, bottom = feature.numerator, feature.denominator
        yield from (self._names.index(feature.name), self._names.index(top), self._names.index(bottom))
        yield from (self._is_whole(top), self._is_whole(bottom), feature.smoothing is not None)
        smoothing = (0.0, 0.0) if feature.smoothing is None else (feature.smoothing.weight, feature.smoothing.prior)
        yield from unpack("=2q", pack("=2d", *smoothing))


def _columns(lane: Lane, feature: WindowFeature, slot: Slot) -> list[int]:
    """Where in a lane's state a feature's numbers stand: its own, how many values there were, their squares."""
    match feature.aggregate:
        case "distinct":
            return [[field for field, _ in lane.distinct].index(slot or 0)]
        case "time_since_last":
            return [lane.newest.index(slot)]
        case "last":
            return [lane.lasts.index(slot or 0)]
        case "count":
            return [lane.counts.index(slot)]
    kinds = (lane.counts, lane.sums, lane.squares, lane.minima, lane.maxima, lane.firsts)
    begin = dict(zip(_COLUMNS, accumulate(map(len, kinds), initial=0), strict=False))
    of_kind = dict(zip(_COLUMNS, kinds, strict=True))
    kind = _COLUMN_OF.get(feature.aggregate, "sums")
    places = [begin[kind] + of_kind[kind].index(slot), lane.counts.index(slot)]
    if feature.aggregate == "std":
        places.append(begin["squares"] + lane.squares.index(slot or 0))
    return places


def _factor(plan: WindowPlan, feature: WindowFeature) -> int:
    """What an aggregate of a field's values is divided by: ten to the field's decimals."""
    is_counted = feature.field is None or feature.aggregate in _COUNTED
    scale = 0 if is_counted else plan.stream(feature.stream).fields[feature.field or ""]
    return 1 if scale == "key" else int(10**scale)
