"""
From a row of a stream's table to the event of the stream, where the stream says that this can be done row by row.

The marts do it in SQL, for all streams and with whatever else is known; what is declared ``live`` must give the same,
and a test compares the two for every landed row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from riskloom.windows.plan import Derived, Stream


def event_of(stream: Stream, row: Mapping[str, Any]) -> dict[str, Any]:
    """
    The event of a stream that is live, as the engine takes events.

    Args:
        stream: Whose event; ``live`` is not None.
        row: The table's columns in natural types, the joined ones among them.
    """
    derived = stream.live or {}
    event = {name: row[name] for name in (stream.event_id, *stream.entities)}
    for name in stream.fields:
        event[name] = _value(derived[name], row) if name in derived else row[name]
    return event


def _value(derived: Derived, row: Mapping[str, Any]) -> Any:
    value = row[derived.column]
    if derived.one_of is not None:
        return int(value in derived.one_of)
    if derived.none_of is not None:
        return int(value not in derived.none_of)
    return value
