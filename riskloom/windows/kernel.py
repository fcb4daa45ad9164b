"""
The values of an entity's features as machine code: one function for every plan, told by numbers what to compute.

It counts with 64 bits, and with 128 in sums of squares. Where a number does not fit, or a blob is not what it should
be, it says so and :mod:`riskloom.windows.compute` answers, which knows no limit: two ways to the same value.

Compiled code is kept on disk for as long as this file does not change, so whatever it is made of stands in this file.
"""

# What is read from arrays has no type that mypy knows.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import NamedTuple, ParamSpec, TypeAlias, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

#: What a program begins with, by place; see :class:`riskloom.windows.program.Program`.
LANES_AT, MAGIC, HEADER_AT, HORIZON_AT, SIZE_AT, FEATURES, ENTITIES, BEGIN = range(8)
#: What an entity begins with: bytes a record takes, values it has, lanes.
RECORD, VALUES, LANES, ENTITY = range(4)
#: What a lane begins with: its stream, delay and hop, how many columns of each kind it has, its spans, then its slots.
TAG, DELAY, HOP, COUNTS, SUMS, SQUARES, MINIMA, MAXIMA, FIRSTS, NEWEST, LASTS, DISTINCTS, SPANS, SLOTS = range(14)
#: What a feature is made of: what it is, where it goes, up to three columns, what it is divided by, its cap.
KIND, PLACE, FIRST, SECOND, THIRD, FACTOR, CAP, FEATURE = range(8)
#: A ratio: where it goes, what is divided by what, whether these are whole, whether and how it is smoothed.
RESULT, TOP, BOTTOM, TOP_IS_WHOLE, BOTTOM_IS_WHOLE, IS_SMOOTHED, WEIGHT, PRIOR, RATIO = range(9)
COUNT, SUM, MEAN, STD, EXTREME, DISTINCT, LAST, SINCE_LAST, SINCE_FIRST = range(9)
#: Answers of ``compute``.
DONE, UNFIT = 0, 1
#: Missing values are told by one bit each, in whole numbers of so many bits.
BITS = 32

# where the parts of a lane lie in a blob
_ROWS, _WIDTHS_AT, _KEPT_AT, _TIMES_AT, _STARTS_AT, _ROWS_AT, _ROW_SIZE, _DISTINCT_AT, _FOUND, _PARTS = range(10)
_NULLS, _EFFECTIVE, _FIRST_VALUE = 1, 5, 13  # in a record
_NATIVE, _EXACT = 8, 2**53
_HIGHEST, _LOWEST = 2**63 - 1, -(2**63)
_ROOM = 9.2e18  # less than 2**63, by more than any rounding of what is compared with it
_LOW_HALF, _HALF, _TWO_TO_64 = np.uint64(0xFFFFFFFF), np.uint64(32), 18446744073709551616.0

Bytes: TypeAlias = NDArray[np.uint8]
Numbers: TypeAlias = NDArray[np.int64]
Doubles: TypeAlias = NDArray[np.float64]
Int: TypeAlias = int | np.int64
P = ParamSpec("P")
R = TypeVar("R")


def _jitted(function: Callable[P, R]) -> Callable[P, R]:
    """A function that is compiled when it is first called, or was before and lies on disk."""
    compiled: Callable[P, R] = njit(cache=True, error_model="numpy")(function)
    return compiled


class Answer(NamedTuple):
    """Where values go: ``out`` and ``doubles`` are the same bytes, ``missing`` is one where there is no value."""

    out: Numbers
    doubles: Doubles
    missing: Numbers


class Key(NamedTuple):
    """The blob of a key: where its records begin, their size, where in one it says when it was observed, horizon, T."""

    blob: Bytes
    records_at: Int
    record: Int
    observed_at: Int
    horizon_us: Int
    at_us: Int


class Lane(NamedTuple):
    """A lane of a key: where in the program it stands, where its parts lie, the records that count, its columns."""

    blob: Bytes
    observed_at: Int
    at_us: Int
    program: Numbers
    step: Int
    parts: Numbers
    seen: Numbers
    columns: Numbers
    upper: Numbers


@_jitted
def compute(states: Bytes, program: Numbers, at_us: int, out: Numbers) -> int:
    """
    Compute every feature of some keys at T, from events that entered strictly before T.

    Args:
        states: The size of each key's blob in eight bytes, then the blobs; their checksums were looked at.
        program: What there is to compute.
        at_us: T.
        out: Takes a value of eight bytes a feature, then which of them are missing.

    Returns:
        DONE, or UNFIT where this function cannot tell; then ``out`` means nothing.
    """
    answer = Answer(out, out.view(np.float64), np.zeros(program[FEATURES], np.int64))
    begin = 8 * program[ENTITIES]
    step: Int = np.int64(BEGIN)
    for nth in range(program[ENTITIES]):
        end = begin + _signed(states, 8 * nth, 8)
        step = _entity(states[begin:end], program, step, np.int64(at_us), answer)
        if step < 0:
            return UNFIT
        begin = end
    if not _ratios(program, step, answer):
        return UNFIT
    for place in range(program[FEATURES], out.size):
        out[place] = 0
    for place in range(program[FEATURES]):
        out[program[FEATURES] + place // BITS] |= answer.missing[place] << (place % BITS)
    return DONE


@_jitted
def _entity(blob: Bytes, program: Numbers, step: Int, at_us: Int, answer: Answer) -> Int:
    """The features of one key; where the next entity stands in the program, or -1 of a blob that is unfit."""
    header, size, at = program[HEADER_AT], np.int64(blob.size), program[LANES_AT]
    if size < at or _unsigned(blob, header, 3) != program[MAGIC]:
        return np.int64(-1)
    record, lanes = program[step + RECORD], program[step + LANES]
    horizon_us, records_at = _signed(blob, program[HORIZON_AT], 8), header + _unsigned(blob, program[SIZE_AT], 4)
    if at_us < horizon_us or records_at < at or records_at > size or (size - records_at) % record:
        return np.int64(-1)
    key = Key(blob, records_at, record, _FIRST_VALUE + 8 * program[step + VALUES], horizon_us, at_us)
    seen, parts = np.empty((size - records_at) // record, np.int64), np.empty(_PARTS, np.int64)
    step += ENTITY
    for _ in range(lanes):
        at = _open(key, at, program, step, parts)
        if at < 0:
            return at
        parts[_FOUND] = _entered(key, program[step + TAG], program[step + DELAY], seen)
        width = _width(program, step)
        columns, upper = np.empty(width, np.int64), np.empty(width, np.int64)
        lane = Lane(blob, key.observed_at, at_us, program, step, parts, seen, columns, upper)
        step = _spans(lane, answer)
        if step < 0:
            return step
    return step


@_jitted
def _unsigned(blob: Bytes, at: Int, width: Int) -> Int:
    number = np.int64(0)
    for place in range(width):
        number |= np.int64(blob[at + place]) << np.int64(8 * place)
    return number


@_jitted
def _signed(blob: Bytes, at: Int, width: Int) -> Int:
    unused = np.int64(64 - 8 * width)
    return (_unsigned(blob, at, width) << unused) >> unused


@_jitted
def _width(program: Numbers, step: Int) -> Int:
    """Columns in a row of a lane."""
    width = np.int64(0)
    for kind in range(COUNTS, FIRSTS + 1):
        width += program[step + kind]
    return width


@_jitted
def _open(key: Key, at: Int, program: Numbers, step: Int, parts: Numbers) -> Int:
    """Find the parts of the lane that begins at ``at``; where the next one begins, or -1 of a lane that is unfit."""
    width, distinct, blob = _width(program, step), program[step + DISTINCTS], key.blob
    parts[_WIDTHS_AT] = at + 2
    parts[_KEPT_AT] = at + 2 + width
    parts[_TIMES_AT] = parts[_KEPT_AT] + 2 * distinct
    parts[_STARTS_AT] = parts[_TIMES_AT] + 8 * (program[step + NEWEST] + 3 * program[step + LASTS])
    if parts[_STARTS_AT] > key.records_at:
        return np.int64(-1)
    squares = program[step + COUNTS] + program[step + SUMS]
    parts[_ROWS], parts[_ROW_SIZE] = _unsigned(blob, at, 2), 0
    for place in range(width):
        size = np.int64(blob[at + 2 + place])
        is_square = squares <= place < squares + program[step + SQUARES]
        if size > _NATIVE and not (is_square and size == 2 * _NATIVE):
            return np.int64(-1)
        parts[_ROW_SIZE] += size
    parts[_ROWS_AT] = parts[_STARTS_AT] + 4 * parts[_ROWS]
    parts[_DISTINCT_AT] = end = parts[_ROWS_AT] + parts[_ROWS] * parts[_ROW_SIZE]
    for nth in range(distinct):
        end += 12 * _unsigned(blob, parts[_KEPT_AT] + 2 * nth, 2)
    return end if end <= key.records_at else np.int64(-1)


@_jitted
def _enters(observed_us: Int, effective_us: Int, delay_us: Int) -> Int:
    """As :func:`riskloom.windows.rules.enters`."""
    axis_us = effective_us + delay_us
    return observed_us if observed_us >= axis_us else axis_us


@_jitted
def _tail(at_us: Int, width_us: Int, hop_us: Int) -> Int:
    """As :func:`riskloom.windows.rules.tail`."""
    return at_us - at_us % hop_us - width_us


@_jitted
def _entered(key: Key, tag: Int, delay_us: Int, seen: Numbers) -> Int:
    """Put into ``seen`` where the records lie that count and are not folded, oldest effective first; how many."""
    found = 0
    for nth in range(seen.size):
        record = key.records_at + nth * key.record
        effective_us = _effective(key.blob, record)
        enters_us = _enters(_signed(key.blob, record + key.observed_at, 8), effective_us, delay_us)
        if key.blob[record] != tag or not key.horizon_us <= enters_us < key.at_us:
            continue
        place = found
        while place > 0 and _effective(key.blob, seen[place - 1]) > effective_us:
            seen[place] = seen[place - 1]
            place -= 1
        seen[place] = record
        found += 1
    return found


@_jitted
def _effective(blob: Bytes, record: Int) -> Int:
    return _signed(blob, record + _EFFECTIVE, 8)


@_jitted
def _is_null(blob: Bytes, record: Int, slot: Int) -> bool:
    return bool(slot >= 0 and (_unsigned(blob, record + _NULLS, 4) >> slot) & 1 == 1)


@_jitted
def _number(blob: Bytes, record: Int, slot: Int) -> Int:
    return _signed(blob, record + _FIRST_VALUE + 8 * slot, 8)


@_jitted
def _spans(lane: Lane, answer: Answer) -> Int:
    """The features of a lane, span by span; where the next lane stands in the program, or -1 where one is unfit."""
    program, step = lane.program, lane.step
    hops, ends = _hops(lane)
    at = step + SLOTS + lane.columns.size + program[step + NEWEST] + program[step + LASTS] + program[step + DISTINCTS]
    for _ in range(program[step + SPANS]):
        tail_us = _tail(lane.at_us, program[at], program[at + 1])
        oldest_us, tail = tail_us - program[step + DELAY], tail_us // program[step + HOP]
        first = 0
        while first < lane.parts[_FOUND] and _effective(lane.blob, lane.seen[first]) < oldest_us:
            first += 1
        if not _columns(lane, tail, first):
            return np.int64(-1)
        features, at = program[at + 2], at + 3
        for _ in range(features):
            kind, place = program[at + KIND], program[at + PLACE]
            if kind == DISTINCT:
                begin, end = ends[program[at + FIRST]], ends[program[at + FIRST] + 1]
                answer.out[place] = min(_at_least(hops, begin, end, tail), program[at + CAP])
            elif kind in (LAST, SINCE_LAST):
                _newest(lane, at, first, oldest_us, answer)
            elif not _of_columns(lane, at, answer):
                return np.int64(-1)
            at += FEATURE
    return at


@_jitted
def _columns(lane: Lane, tail: Int, first: Int) -> bool:
    """What is folded and what is raw of a span, together; False where a sum does not fit."""
    blob, parts, columns, upper = lane.blob, lane.parts, lane.columns, lane.upper
    row = np.int64(0)
    while row < parts[_ROWS] and _unsigned(blob, parts[_STARTS_AT] + 4 * row, 4) < tail:
        row += 1
    at, place = parts[_ROWS_AT] + row * parts[_ROW_SIZE], 0
    for kind in range(COUNTS, FIRSTS + 1):
        for _ in range(lane.program[lane.step + kind]):
            columns[place] = upper[place] = 0
            if row < parts[_ROWS]:
                size = np.int64(blob[parts[_WIDTHS_AT] + place])
                columns[place] = _signed(blob, at, _NATIVE if size > _NATIVE else size)
                upper[place] = _signed(blob, at + _NATIVE, 8) if size > _NATIVE else 0
                at += size
            elif kind in (MINIMA, FIRSTS):
                columns[place] = _HIGHEST
            elif kind == MAXIMA:
                columns[place] = _LOWEST
            if not _join(lane, kind, place, first):
                return False
            place += 1
    return True


@_jitted
def _join(lane: Lane, kind: Int, place: Int, first: Int) -> bool:
    """Bring the raw records from ``first`` on into a column; False where it does not fit."""
    slot, held = lane.program[lane.step + SLOTS + place], lane.columns[place]
    size = abs(np.float64(held))
    for nth in range(first, lane.parts[_FOUND]):
        record = lane.seen[nth]
        if _is_null(lane.blob, record, slot):
            continue
        if kind == COUNTS:
            held += 1
            continue
        number = _effective(lane.blob, record) if kind == FIRSTS else _number(lane.blob, record, slot)
        if kind == SUMS:
            held, size = held + number, size + abs(np.float64(number))
        elif kind == SQUARES:
            if not _add_square(number, lane.columns, lane.upper, place):
                return False
        else:
            held = max(held, number) if kind == MAXIMA else min(held, number)
    if kind != SQUARES:
        lane.columns[place] = held
    return bool(kind != SUMS or size < _ROOM)


@_jitted
def _product(one: np.uint64, other: np.uint64) -> tuple[np.uint64, np.uint64]:
    """The upper and the lower half of the product of two whole numbers of 64 bits, from those of their halves."""
    one_low, one_high, other_low, other_high = one & _LOW_HALF, one >> _HALF, other & _LOW_HALF, other >> _HALF
    bottom = one_low * other_low
    middle = one_high * other_low + (bottom >> _HALF)
    cross = one_low * other_high + (middle & _LOW_HALF)
    upper = one_high * other_high + (middle >> _HALF) + (cross >> _HALF)
    return upper, (cross << _HALF) | (bottom & _LOW_HALF)


@_jitted
def _squared(number: Int) -> tuple[np.uint64, np.uint64]:
    """The two halves of a number's square; the lowest number has no opposite, and its bits are its size."""
    size = np.uint64(number if number >= 0 or number == _LOWEST else -number)
    return _product(size, size)


@_jitted
def _add_square(number: Int, columns: Numbers, upper: Numbers, place: Int) -> bool:
    """Add a number's square to a column of 128 bits; False where it does not fit."""
    high, low = _squared(number)
    if np.float64(upper[place]) + np.float64(high) > _ROOM / 2:
        return False
    total = np.uint64(columns[place]) + low
    columns[place] = np.int64(total)
    upper[place] += np.int64(high) + (np.int64(1) if total < low else np.int64(0))
    return True


@_jitted
def _as_double(number: Int) -> np.float64:
    """As :func:`riskloom.windows.arithmetic.as_double`."""
    return np.float64(number) if number >= 0 else -np.float64(-(number + 1)) - 1.0


@_jitted
def _deviation(count: Int, total: Int, upper: Int, lower: Int, factor: Int) -> float:
    """As :func:`riskloom.windows.arithmetic.deviation`; -1 where the numbers do not fit."""
    if np.float64(upper) * np.float64(count) > _ROOM / 2:
        return -1.0
    high, low = _product(np.uint64(count), np.uint64(lower))
    high += np.uint64(upper) * np.uint64(count)
    square_high, square_low = _squared(total)
    high -= square_high + (np.uint64(1) if low < square_low else np.uint64(0))
    low -= square_low
    rounded = np.float64(low) + np.float64(high) * _TWO_TO_64 if high else np.float64(low)
    return sqrt(rounded) / np.float64(count) / np.float64(factor)


@_jitted
def _of_columns(lane: Lane, at: Int, answer: Answer) -> bool:
    """A feature that is made of columns: first what it is of, then how many values there were, then squares."""
    program, columns = lane.program, lane.columns
    kind, place, factor = program[at + KIND], program[at + PLACE], program[at + FACTOR]
    number, count = columns[program[at + FIRST]], columns[program[at + SECOND]]
    if kind in (COUNT, SUM):
        _scale(number, factor, place, answer)
    elif count == 0:
        answer.missing[place] = 1
    elif kind == EXTREME:
        _scale(number, factor, place, answer)
    elif kind == MEAN:
        answer.doubles[place] = _as_double(number) / np.float64(count) / np.float64(factor)
    elif kind == SINCE_FIRST:
        answer.doubles[place] = np.float64(lane.at_us - number) / 1e6
    else:
        squares = program[at + THIRD]
        answer.doubles[place] = _deviation(count, number, lane.upper[squares], columns[squares], factor)
        return bool(answer.doubles[place] >= 0.0)
    return True


@_jitted
def _scale(number: Int, factor: Int, place: Int, answer: Answer) -> None:
    if factor == 1:
        answer.out[place] = number
    else:
        answer.doubles[place] = _as_double(number) / np.float64(factor)


@_jitted
def _newest(lane: Lane, at: Int, first: Int, oldest_us: Int, answer: Answer) -> None:
    """The newest value of a span, or the time since there was one."""
    program, step, blob = lane.program, lane.step, lane.blob
    nth, place, is_value = program[at + FIRST], program[at + PLACE], program[at + KIND] == LAST
    kept, slots = lane.parts[_TIMES_AT] + 8 * nth, step + SLOTS + lane.columns.size
    if is_value:
        kept, slots = kept + 8 * program[step + NEWEST] + 16 * nth, slots + program[step + NEWEST]
    newest_us: Int = _signed(blob, kept, 8)
    enters_us: Int = np.int64(0)
    number: Int = np.int64(0)
    if newest_us < oldest_us:
        newest_us = np.int64(-1)
    elif is_value:
        enters_us, number = _signed(blob, kept + 8, 8), _signed(blob, kept + 16, 8)
    for nth_seen in range(first, lane.parts[_FOUND]):
        record = lane.seen[nth_seen]
        if _is_null(blob, record, program[slots + nth]):
            continue
        effective_us = _effective(blob, record)
        entered_us: Int = np.int64(0)
        value: Int = np.int64(0)
        if is_value:
            entered_us = _enters(_signed(blob, record + lane.observed_at, 8), effective_us, program[step + DELAY])
            value = _number(blob, record, program[slots + nth])
        is_newer = (effective_us, entered_us, value) > (newest_us, enters_us, number)
        if is_newer:
            newest_us, enters_us, number = effective_us, entered_us, value
    if newest_us < 0:
        answer.missing[place] = 1
    elif is_value:
        _scale(number, program[at + FACTOR], place, answer)
    else:
        answer.doubles[place] = np.float64(lane.at_us - newest_us) / 1e6


@_jitted
def _hops(lane: Lane) -> tuple[Numbers, Numbers]:
    """The hops that different values were last seen in, folded or raw, and where those of each field begin."""
    distinct, found = lane.program[lane.step + DISTINCTS], lane.parts[_FOUND]
    ends, most = np.zeros(distinct + 1, np.int64), np.int64(0)
    for nth in range(distinct):
        most += _unsigned(lane.blob, lane.parts[_KEPT_AT] + 2 * nth, 2) + found
    hops, hashes, at = np.empty(most, np.int64), np.empty(most, np.int64), lane.parts[_DISTINCT_AT]
    slots = lane.step + SLOTS + lane.columns.size + lane.program[lane.step + NEWEST] + lane.program[lane.step + LASTS]
    for nth in range(distinct):
        kept, begin = _unsigned(lane.blob, lane.parts[_KEPT_AT] + 2 * nth, 2), ends[nth]
        for place in range(kept):
            hops[begin + place] = _unsigned(lane.blob, at + 4 * place, 4)
            hashes[begin + place] = _signed(lane.blob, at + 4 * kept + 8 * place, 8)
        at += 12 * kept
        ends[nth + 1] = _with_raw(lane, lane.program[slots + nth], hops, hashes, begin, begin + kept)
    return hops, ends


@_jitted
def _with_raw(lane: Lane, slot: Int, hops: Numbers, hashes: Numbers, begin: Int, end: Int) -> Int:
    """Bring the values of raw records among those between ``begin`` and ``end``; the new end."""
    for nth in range(lane.parts[_FOUND]):
        record = lane.seen[nth]
        if _is_null(lane.blob, record, slot):
            continue
        value = _number(lane.blob, record, slot)
        hop = (_effective(lane.blob, record) + lane.program[lane.step + DELAY]) // lane.program[lane.step + HOP]
        same = begin
        while same < end and hashes[same] != value:
            same += 1
        if same == end:
            hops[same], hashes[same] = hop, value
            end += 1
        hops[same] = max(hops[same], hop)
    return end


@_jitted
def _at_least(hops: Numbers, begin: Int, end: Int, tail: Int) -> Int:
    count = np.int64(0)
    for place in range(begin, end):
        count += hops[place] >= tail
    return count


@_jitted
def _ratios(program: Numbers, step: Int, answer: Answer) -> bool:
    """The features that are one feature divided by another; False where a whole number is no double."""
    for nth in range(program[step]):
        at = step + 1 + nth * RATIO
        place, top_at, bottom_at = program[at + RESULT], program[at + TOP], program[at + BOTTOM]
        top = _operand(answer, top_at, program[at + TOP_IS_WHOLE])
        bottom = _operand(answer, bottom_at, program[at + BOTTOM_IS_WHOLE])
        if np.isnan(top) or np.isnan(bottom):
            return False
        if program[at + IS_SMOOTHED]:
            smoothing = program[at + WEIGHT : at + WEIGHT + 2].view(np.float64)
            top, bottom = top + smoothing[0] * smoothing[1], bottom + smoothing[0]
        elif answer.missing[top_at]:
            bottom = 0.0
        if bottom == 0.0:
            answer.missing[place] = 1
        else:
            answer.doubles[place] = top / bottom
    return True


@_jitted
def _operand(answer: Answer, place: Int, is_whole: Int) -> float:
    """A feature as a double, zero of one that is missing; NaN where it is a whole number that is no double."""
    if answer.missing[place]:
        return 0.0
    if not is_whole:
        return float(answer.doubles[place])
    return np.nan if abs(answer.out[place]) > _EXACT else float(answer.out[place])
