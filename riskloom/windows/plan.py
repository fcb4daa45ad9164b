"""What is kept and computed for the windowed features of a domain: streams, views, features and their spans."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Aggregate = Literal[
    "count",
    "sum",
    "mean",
    "min",
    "max",
    "std",
    "distinct",
    "last",
    "time_since_last",
    "time_since_first",
    "rate",
]
FeatureType = Literal["double", "bigint"]

#: A field holds a number with so many decimals, or a text of which only the identity counts.
Scale = int | Literal["key"]

#: Of the bytes that state is kept in; with another version the keys are others, and history is brought in anew.
STATE_VERSION = 2
EVENT_ID = "event_id"
EFFECTIVE = "effective_us"
OBSERVED = "observed_us"
EVENT_TIMESTAMP = "event_timestamp"
CREATED_TIMESTAMP = "created_timestamp"


@dataclass(frozen=True, slots=True)
class Span:
    """A window's width and the hop by which its tail moves, in microseconds."""

    width_us: int
    hop_us: int

    def tail(self, at_us: int) -> int:
        """The first instant of the window that is read at ``at_us``: its tail moves by whole hops."""
        return at_us - at_us % self.hop_us - self.width_us


@dataclass(frozen=True, slots=True)
class Derived:
    """
    A field that is made of one column of the stream's table: the column's value, or 1 where it is among some values.

    Attributes:
        column: Of the table.
        one_of: The field is 1 where the column has one of these values, else 0.
        none_of: The field is 0 where the column has one of these values, else 1.
    """

    column: str
    one_of: tuple[bool | int | str, ...] | None = None
    none_of: tuple[bool | int | str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Stream:
    """
    Events that windows aggregate, each known from its ``observed_at``.

    Attributes:
        name: Of the stream, once in a domain.
        table: The contract table whose rows it holds; the subject's event table makes the decisions.
        model: The mart that publishes it: ``event_id``, entities, fields, ``effective_us``, ``observed_us``.
        event_id: The key under which an event bears its id.
        entities: Columns whose values events are kept under.
        fields: What is aggregated, with its number of decimals; ``key`` for texts.
        dedupe_us: So long an event id that was accepted is a duplicate.
        live: The fields that are not columns of the table under their own names, where each row of the table is an
            event; None where it is not, or where an event is made of more than its row.
    """

    name: str
    table: str
    model: str
    event_id: str
    entities: tuple[str, ...]
    fields: Mapping[str, Scale]
    dedupe_us: int
    live: Mapping[str, Derived] | None = None


@dataclass(frozen=True, slots=True)
class WindowFeature:
    """An aggregate over the events of a stream within a span; ``delay_us`` puts an event's axis time later."""

    name: str
    aggregate: Aggregate
    stream: str
    field: str | None
    span: str
    delay_us: int
    cap: int | None
    data_type: FeatureType


@dataclass(frozen=True, slots=True)
class Smoothing:
    """So many events of a prior rate are added to a ratio, which keeps small counts from extremes."""

    weight: float
    prior: float


@dataclass(frozen=True, slots=True)
class RatioFeature:
    """One feature of the same view divided by another."""

    name: str
    numerator: str
    denominator: str
    smoothing: Smoothing | None
    data_type: FeatureType


@dataclass(frozen=True)
class WindowView:
    """The windowed features of one entity, computed together; ``name`` is the mart's without the domain's prefix."""

    name: str
    mart: str
    entity: str
    join_key: str
    spans: Mapping[str, Span]
    features: tuple[WindowFeature | RatioFeature, ...]

    @cached_property
    def windows(self) -> tuple[WindowFeature, ...]:
        """The features that are aggregates, in their order."""
        return tuple(feature for feature in self.features if isinstance(feature, WindowFeature))


@dataclass(frozen=True)
class WindowPlan:
    """Everything that is windowed in a domain, in the order of the names of the models."""

    domain: str
    streams: tuple[Stream, ...]
    views: tuple[WindowView, ...]

    def stream(self, name: str) -> Stream:
        """The stream of this name; there must be one."""
        return next(stream for stream in self.streams if stream.name == name)

    @cached_property
    def fingerprint(self) -> str:
        """
        Hexadecimal SHA-256 of what determines how state is laid out.

        Names and descriptions of features and ratios between them take no part: they are computed from the same state.
        """
        content = {
            "format": STATE_VERSION,
            "domain": self.domain,
            "streams": [
                [stream.name, stream.entities, list(stream.fields.items()), stream.dedupe_us] for stream in self.streams
            ],
            "windows": sorted(
                {json.dumps(_layout_of(view, feature)) for view in self.views for feature in view.windows}
            ),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    @cached_property
    def state_name(self) -> str:
        """What the keys of the state bear of the fingerprint."""
        return self.fingerprint[:12]


def _layout_of(view: WindowView, feature: WindowFeature) -> list[object]:
    span = view.spans[feature.span]
    where = [view.join_key, feature.stream, feature.field, feature.delay_us, span.width_us, span.hop_us]
    return [feature.aggregate, feature.cap, *where]
