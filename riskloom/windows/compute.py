"""
The values of an entity's features at an instant, from the bytes of its state.

What is read and combined is known from the plan, so it is written out once as straight Python code: a loop over lanes,
spans and columns would take several times as long for each event. The code is made of whole numbers and the names of
features, which the declaration has checked.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import add, mul
from typing import Any

from riskloom.windows import rules
from riskloom.windows.arithmetic import as_double, deviation, ratio, smoothed_ratio
from riskloom.windows.layout import HIGHEST, LOWEST, EntityLayout, Join, Lane, Slot
from riskloom.windows.plan import RatioFeature, Span, WindowFeature, WindowPlan
from riskloom.windows.rules import EFFECTIVE, FIRST_VALUE, NULLS, OBSERVED, Record
from riskloom.windows.state import NEVER, numbers, row_of, widened

Value = float | None

#: ``(blob, where its lanes begin, records, horizon, T)`` → the value of every feature, by name.
Compute = Callable[[bytes, int, Sequence[Record], int, int], dict[str, Value]]

_SIGNS: dict[Join, str] = {min: "<", max: ">"}
_EXACT = 2**53  # every whole number up to it is a double


def compiled(plan: WindowPlan, layout: EntityLayout) -> Compute:
    """The function that computes all features of an entity at T, from events that entered strictly before T."""
    names: dict[str, Any] = {
        "rules": rules,
        "bisect_left": bisect_left,
        "numbers": numbers,
        "row_of": row_of,
        "widened": widened,
        "mul": mul,
        "as_double": as_double,
        "deviation": deviation,
        "ratio": ratio,
        "smoothed_ratio": smoothed_ratio,
        "none": (-1, 0, 0),
        "heads": [lane.head.unpack_from for lane in layout.lanes],
    }
    code = compile("\n".join(_function(plan, layout)), f"<windows of {layout.join_key}>", "exec")
    exec(code, names)  # noqa: S102 - written below, from a checked plan
    function: Compute = names["compute"]
    return function


def _function(plan: WindowPlan, layout: EntityLayout) -> Iterator[str]:
    features = [feature for view in layout.views for feature in view.features]
    variable = {feature.name: f"f{place}" for place, feature in enumerate(features)}
    yield "def compute(blob, at, records, horizon, T):"
    for place, lane in enumerate(layout.lanes):
        fields, scales = layout.slots[lane.tag], plan.streams[lane.tag].fields
        yield from _indented(_lane(lane, place))
        for position, span in enumerate(lane.spans):
            values: dict[str, tuple[str, str]] = {}
            for feature in features:
                if isinstance(feature, WindowFeature) and layout.places[feature.name] == (place, position):
                    slot = None if feature.field is None else fields.index(feature.field)
                    scale = 0 if feature.field is None else scales[feature.field]
                    factor = 1 if scale == "key" else 10**scale
                    values[variable[feature.name]] = (_value(lane, feature, slot, factor), _empty(feature, factor))
            yield from _indented(_span(lane, span, values))
    for feature in features:
        if isinstance(feature, RatioFeature):
            yield f"    {variable[feature.name]} = {_ratio(feature, variable)}"
    yield "    return {" + ", ".join(f"{name!r}: {where}" for name, where in variable.items()) + "}"


def _lane(lane: Lane, place: int) -> Iterator[str]:
    """Read a lane's head, find its parts, and choose the raw records that count."""
    kept = 1 + lane.width
    times = kept + len(lane.distinct)
    yield f"head = heads[{place}](blob, at)"
    yield f"at += {lane.head.size}"
    yield "n = head[0]"
    yield "starts = ()"
    yield "if n:"
    yield "    starts = numbers(n, 'I').unpack_from(blob, at)"
    yield f"    row = row_of(head[1:{kept}])"
    yield "    size, unpack, rows_at = row.size, row.unpack_from, at + 4 * n"
    yield f"    is_wide = max(head[1:{kept}]) > 8"
    yield "    at = rows_at + n * size"
    for place_of, _ in enumerate(lane.distinct):
        yield f"m = head[{kept + place_of}]"
        yield f"hops{place_of} = numbers(m, 'I').unpack_from(blob, at) if m else ()"
        yield f"hashes{place_of} = numbers(m, 'q').unpack_from(blob, at + 4 * m) if m else ()"
        yield "at += 12 * m"
    for place_of, _ in enumerate(lane.newest):
        yield f"newest{place_of} = head[{times + place_of}]"
    for place_of, _ in enumerate(lane.lasts):
        first = times + len(lane.newest) + 3 * place_of
        yield f"last{place_of} = head[{first}:{first + 3}]"
    yield f"seen = rules.entered(records, {lane.tag}, {lane.delay_us}, horizon, T)"
    yield f"times = [record[{EFFECTIVE}] for record in seen]"
    for slot in lane.slots:
        yield from _raw_values(slot)
    for place_of, (slot, _) in enumerate(lane.distinct):
        yield from _last_seen(lane, place_of, slot)
    yield "before = -1"


def _raw_values(slot: int) -> Iterator[str]:
    """Values of the raw records that count, ascending by effective time: with ``times``, or without nulls."""
    bit = 1 << slot
    yield f"values{slot} = [record[{FIRST_VALUE + slot}] for record in seen if not record[{NULLS}] & {bit}]"
    yield f"times{slot} = times"
    yield f"if len(values{slot}) != len(times):"
    yield f"    times{slot} = [record[{EFFECTIVE}] for record in seen if not record[{NULLS}] & {bit}]"


def _last_seen(lane: Lane, place: int, slot: int) -> Iterator[str]:
    """The hops that different values were last seen in, folded or raw, ascending."""
    yield f"if values{slot}:"
    yield f"    last_seen = dict(zip(hashes{place}, hops{place}))"
    yield f"    for value, time in dict(zip(values{slot}, times{slot})).items():"
    yield f"        hop = (time + {lane.delay_us}) // {lane.hop_us}"
    yield "        if last_seen.get(value, -1) < hop: last_seen[value] = hop"
    yield f"    hops{place} = sorted(last_seen.values())"


def _span(lane: Lane, span: Span, values: dict[str, tuple[str, str]]) -> Iterator[str]:
    """The values of a span, each given with what it is where the span is empty, as short ones mostly are."""
    yield f"tail = rules.tail(T, {span.width_us}, {span.hop_us})"
    yield f"oldest = tail - {lane.delay_us}"
    yield "first = bisect_left(times, oldest)"
    if not lane.width:
        yield from _together(lane)
        yield from (f"{variable} = {value}" for variable, (value, _) in values.items())
        return
    yield f"row_place = bisect_left(starts, tail // {lane.hop_us})"
    yield "if row_place < n or first < len(times):"
    yield from _indented(_together(lane))
    yield from (f"    {variable} = {value}" for variable, (value, _) in values.items())
    yield "else:"
    yield from (f"    {variable} = {empty}" for variable, (_, empty) in values.items())


def _together(lane: Lane) -> Iterator[str]:
    """Everything of a lane within a span: what is folded (``c…``) and what is raw (``r…``), put together."""
    yield "if first != before:"
    yield "    before = first"
    yield from _indented(_raw(lane))
    if lane.width:
        columns = ", ".join(f"c{place}" for place in range(lane.width))
        nothing = ", ".join(map(str, lane.nothing))
        yield "if row_place < n:"
        yield "    found = unpack(blob, rows_at + row_place * size)"
        yield f"    {columns}, = widened(found) if is_wide else found"
        yield "else:"
        yield f"    {columns}, = {nothing},"
    for place, join in enumerate(lane.joins):
        if join is add:
            yield f"c{place} += r{place}"
        else:
            yield f"if r{place} {_SIGNS[join]} c{place}: c{place} = r{place}"
    for place, _ in enumerate(lane.newest):
        yield f"t{place} = max(newest{place} if newest{place} >= oldest else -1, rt{place})"
    for place, _ in enumerate(lane.lasts):
        yield f"l{place} = max(last{place} if last{place}[0] >= oldest else none, rl{place})"
    for place, _ in enumerate(lane.distinct):
        yield f"d{place} = len(hops{place}) - bisect_left(hops{place}, tail // {lane.hop_us})"


def _raw(lane: Lane) -> Iterator[str]:
    """The columns of the raw records from ``first`` on."""
    timed = {*lane.firsts, *lane.newest}
    counted = {*lane.counts, *lane.sums, *lane.minima, *lane.maxima, *timed}
    for slot in lane.slots:
        if slot not in counted:
            continue
        yield f"start = first if times{slot} is times else bisect_left(times{slot}, oldest)"
        yield f"v{slot} = values{slot}[start:]"
        if slot in timed:
            yield f"t{slot} = times{slot}[start:]"
    columns = [f"len({'times) - first' if slot is None else f'v{slot})'}" for slot in lane.counts]
    columns += [f"sum(v{slot})" for slot in lane.sums]
    columns += [f"sum(map(mul, v{slot}, v{slot}))" for slot in lane.squares]
    columns += [f"min(v{slot}) if v{slot} else {HIGHEST}" for slot in lane.minima]
    columns += [f"max(v{slot}) if v{slot} else {LOWEST}" for slot in lane.maxima]
    columns += [_edge(slot, 0, HIGHEST) for slot in lane.firsts]
    yield from (f"r{place} = {column}" for place, column in enumerate(columns))
    yield from (f"rt{place} = {_edge(slot, -1, NEVER)}" for place, slot in enumerate(lane.newest))
    for place, field in enumerate(lane.lasts):
        enters = f"rules.enters(record[{OBSERVED}], record[{EFFECTIVE}], {lane.delay_us})"
        value = f"(record[{EFFECTIVE}], {enters}, record[{FIRST_VALUE + field}])"
        some = f"for record in seen[first:] if not record[{NULLS}] & {1 << field}"
        yield f"rl{place} = max([{value} {some}], default=none)"


def _edge(slot: Slot, place: int, nothing: int) -> str:
    """The first or last effective time of the raw records in the span."""
    if slot is None:
        return f"times[{place or 'first'}] if first < len(times) else {nothing}"
    return f"t{slot}[{place}] if t{slot} else {nothing}"


def _value(lane: Lane, feature: WindowFeature, slot: Slot, factor: int) -> str:
    """The expression of a feature's value, over the columns of its span."""
    match feature.aggregate:
        case "count":
            return _count(lane, slot)
        case "distinct":
            place = next(place for place, (other, _) in enumerate(lane.distinct) if other == slot)
            return f"d{place} if d{place} < {feature.cap} else {feature.cap}"
        case "time_since_last":
            place = lane.newest.index(slot)
            return f"(T - t{place}) / 1e6 if t{place} >= 0 else None"
        case "time_since_first":
            place = lane.added + len(lane.minima) + len(lane.maxima) + lane.firsts.index(slot)
            return f"(T - c{place}) / 1e6 if {_count(lane, slot)} else None"
    return _of_field(lane, feature, _field(slot), factor)


def _empty(feature: WindowFeature, factor: int) -> str:
    """The value of a span in which nothing happened, of the type that it has otherwise."""
    if feature.aggregate in {"count", "distinct"}:
        return "0"
    return ("0" if factor == 1 else "0.0") if feature.aggregate == "sum" else "None"


def _of_field(lane: Lane, feature: WindowFeature, slot: int, factor: int) -> str:
    match feature.aggregate:
        case "last":
            place = lane.lasts.index(slot)
            return f"{_scaled(f'l{place}[2]', factor)} if l{place}[0] >= 0 else None"
        case "min":
            found = f"c{lane.added + lane.minima.index(slot)}"
            return f"{_scaled(found, factor)} if {_count(lane, slot)} else None"
        case "max":
            found = f"c{lane.added + len(lane.minima) + lane.maxima.index(slot)}"
            return f"{_scaled(found, factor)} if {_count(lane, slot)} else None"
    return _of_sums(lane, feature, slot, factor)


def _of_sums(lane: Lane, feature: WindowFeature, slot: int, factor: int) -> str:
    count = _count(lane, slot)
    total = f"c{len(lane.counts) + lane.sums.index(slot)}"
    if feature.aggregate == "std":
        squares = f"c{len(lane.counts) + len(lane.sums) + lane.squares.index(slot)}"
        return f"deviation({count}, {total}, {squares}, {float(factor)!r}) if {count} else None"
    if feature.aggregate == "sum":
        return _scaled(total, factor)
    divided = "" if factor == 1 else f" / {float(factor)!r}"
    return f"{_double(total)} / {count}{divided} if {count} else None"


def _count(lane: Lane, slot: Slot) -> str:
    return f"c{lane.counts.index(slot)}"


def _ratio(feature: RatioFeature, variable: dict[str, str]) -> str:
    numerator, denominator = variable[feature.numerator], variable[feature.denominator]
    if feature.smoothing is None:
        return f"ratio({numerator}, {denominator})"
    return f"smoothed_ratio({numerator}, {denominator}, {feature.smoothing.weight!r}, {feature.smoothing.prior!r})"


def _double(name: str) -> str:
    return f"({name} if {-_EXACT} <= {name} <= {_EXACT} else as_double({name}))"


def _scaled(name: str, factor: int) -> str:
    return name if factor == 1 else f"{_double(name)} / {float(factor)!r}"


def _field(slot: Slot) -> int:
    """The slot of an aggregate that always has a field, as the declaration checks."""
    if slot is None:
        raise AssertionError("an aggregate of values without a field")
    return slot


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"    {line}" for line in lines)
