"""Which fields of which keys hold an entity's features online, worked out once, and what is found there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from riskloom.errors import FeatureError
from riskloom.features.read_plan import PlannedView, Reads
from riskloom.online import layout

Status = Literal["fresh", "stale", "missing"]

#: How far a clock may run behind the one that stamped a value before the value counts as one from the future.
CLOCK_TOLERANCE = timedelta(minutes=5)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class OnlineRow:
    """
    What is known of the entities of one decision.

    ``at`` is the instant the row is about: the decision's. ``values`` has every feature of every view, its default
    (NaN where there is none) where it is empty and where the view is missing or stale; ``observed`` when each view's
    values held, None where there are none; ``status`` which of the three it is.
    """

    at: datetime
    values: dict[str, float]
    observed: dict[str, datetime | None]
    status: dict[str, Status]


@dataclass(frozen=True, slots=True)
class _Part:
    """A view's place among the fields that are read of an entity."""

    name: str
    features: tuple[str, ...]
    nothing: Mapping[str, float]
    ttl: timedelta
    at: int


@dataclass(frozen=True, slots=True)
class _Entity:
    join_key: str
    fields: tuple[bytes, ...]
    parts: tuple[_Part, ...]
    queries: list[tuple[str, tuple[str, ...]]]


class Lookup:
    """
    The materialised and the windowed views of a domain, as one reading sees them.

    Args:
        reads: Which they are and where they lie.
        is_live: Whether windowed views are computed from the live state; else they too are looked up.
    """

    def __init__(self, reads: Reads, *, is_live: bool) -> None:
        self._project = reads.project
        self._windowed = tuple(view for view in reads.views if is_live and view.is_windowed)
        looked_up = [view for view in reads.views if not (is_live and view.is_windowed)]
        keys = dict.fromkeys(view.join_key for view in looked_up)
        self._entities = tuple(_entity(key, [view for view in looked_up if view.join_key == key]) for key in keys)
        self._nothing = {view.name: _nothing(view) for view in self._windowed}
        self._empty = {name: value for nothing in self._nothing.values() for name, value in nothing.items()}

    def commands(self, row: Mapping[str, Any]) -> list[list[bytes]]:
        """For Redis: what reads all looked-up features of the entities that a row names, one command a named entity."""
        return [
            [b"HMGET", layout.redis_key(entity.join_key, row[entity.join_key], self._project), *entity.fields]
            for entity in self._entities
            if row.get(entity.join_key) is not None
        ]

    def queries(self, row: Mapping[str, Any]) -> list[tuple[bytes, list[tuple[str, tuple[str, ...]]]]]:
        """For SQLite: the key of each entity that a row names, and for each of its views a query and its features."""
        return [
            (layout.entity_key(entity.join_key, row[entity.join_key]), entity.queries)
            for entity in self._entities
            if row.get(entity.join_key) is not None
        ]

    def row(
        self,
        row: Mapping[str, Any],
        at: datetime,
        windowed: Mapping[str, float | int | None],
        replies: Sequence[Sequence[bytes | None]],
    ) -> OnlineRow:
        """
        Everything that is known.

        Args:
            row: Names the entities.
            at: The decision's instant.
            windowed: Every windowed feature.
            replies: Those of ``commands``, in their order.

        Raises:
            FeatureError: Redis refused to read, or a value is none of Feast's.
        """
        found = OnlineRow(at, {}, {}, {})
        for view in self._windowed:
            is_known = row.get(view.join_key) is not None
            found.observed[view.name], found.status[view.name] = (at, "fresh") if is_known else (None, "missing")
        for name, value in windowed.items():
            found.values[name] = self._empty[name] if value is None else value
        for name, nothing in self._nothing.items():
            if found.status[name] == "missing":
                found.values.update(nothing)
        answers = iter(replies)
        for entity in self._entities:
            values = next(answers) if row.get(entity.join_key) is not None else None
            if isinstance(values, Exception):
                raise FeatureError(f"the online store does not answer for {entity.join_key}: {values}") from values
            for part in entity.parts:
                _take(part, values, found)
        return found


def _entity(join_key: str, views: Sequence[PlannedView]) -> _Entity:
    fields: list[bytes] = []
    parts = []
    for view in views:
        names = tuple(view.features)
        parts.append(_Part(view.name, names, _nothing(view), view.ttl, len(fields)))
        fields.append(view.time_field.encode())
        fields += (bytes.fromhex(feature.field) for feature in view.planned)
    queries = [(_query(view.table), tuple(view.features)) for view in views]
    return _Entity(join_key, tuple(fields), tuple(parts), queries)


def _nothing(view: PlannedView) -> dict[str, float]:
    """What a view's features are where none of its values may be used."""
    return {feature.name: feature.nothing for feature in view.planned}


def _query(table: str) -> str:
    quoted = table.replace('"', '""')
    return f'select feature_name, value, event_ts from "{quoted}" where entity_key = ?'  # noqa: S608 - our own names


def _take(part: _Part, values: Sequence[bytes | None] | None, found: OnlineRow) -> None:
    held_us = None if values is None else layout.time_of(values[part.at])
    if values is None or not held_us:
        found.observed[part.name], found.status[part.name] = None, "missing"
        found.values.update(part.nothing)
        return
    held = found.observed[part.name] = _EPOCH + timedelta(microseconds=held_us)
    if not held - CLOCK_TOLERANCE <= found.at <= held + part.ttl:
        found.status[part.name] = "stale"
        found.values.update(part.nothing)
        return
    found.status[part.name] = "fresh"
    for place, name in enumerate(part.features, part.at + 1):
        value = layout.value_of(values[place])
        found.values[name] = part.nothing[name] if value is None else float(value)
