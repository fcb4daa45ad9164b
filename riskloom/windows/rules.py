"""
What a window is, in three rules (bitemporal sawtooth windows). Reading and folding state both go by them; machine code
(:mod:`riskloom.windows.kernel`) has two of them once more, as all it is compiled from stands in one file.

All times are integer microseconds. An event that happened at ``effective`` lies on the axis at ``effective + delay``,
and enters when it is both there and known. It counts at T if it entered before T and lies at or after the tail.
Comparing strictly keeps a decision from seeing itself, and ties from seeing each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Any

#: A raw event: tag, mask of nulls, effective, values, observed, checksum.
Record = tuple[Any, ...]

TAG, NULLS, EFFECTIVE, FIRST_VALUE = 0, 1, 2, 3
OBSERVED = -2

_by_effective = itemgetter(EFFECTIVE)


def tail(at_us: int, width_us: int, hop_us: int) -> int:
    """The first axis time of the window read at ``at_us``: the tail moves by whole hops, so tiles never split."""
    return at_us - at_us % hop_us - width_us


def enters(observed_us: int, effective_us: int, delay_us: int) -> int:
    """When an event starts to count: when it is known, but not before its time on the axis."""
    axis_us = effective_us + delay_us
    return observed_us if observed_us >= axis_us else axis_us


def entered(records: Iterable[Record], tag: int, delay_us: int, since_us: int, at_us: int) -> list[Record]:
    """The records of a stream that entered at or after ``since_us`` and before ``at_us``, oldest effective first."""
    found = [
        record
        for record in records
        if record[TAG] == tag
        and since_us
        <= (known if (known := record[OBSERVED]) >= (axis := record[EFFECTIVE] + delay_us) else axis)
        < at_us
    ]
    if len(found) > 1:
        found.sort(key=_by_effective)
    return found
