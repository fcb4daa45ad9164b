"""What window declarations say that does not fit together, their marts or their domain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from riskloom.catalog import Domain
from riskloom.contracts import TableContract
from riskloom.windows.manifest import Node
from riskloom.windows.plan import (
    EFFECTIVE,
    EVENT_ID,
    OBSERVED,
    Derived,
    RatioFeature,
    Stream,
    WindowFeature,
    WindowView,
)

Misfit = tuple[str, str, str]

_FIELD_FREE = {"count", "time_since_last", "time_since_first"}
_WHOLE = {"count", "distinct"}
_OF_FIELD = {"sum", "min", "max", "last"}
_VIEW = "config.meta.feature_view"


def misfits_of_stream(domain: Domain, stream: Stream, columns: Mapping[str, Mapping[str, Any]]) -> Iterator[Misfit]:
    """What a stream says that its mart or its domain does not bear out."""
    key = "config.meta.stream"
    if not stream.model.startswith(f"{domain.name}__"):
        yield "name", f"a name that starts with {domain.name}__", repr(stream.model)
    if stream.table not in domain.tables:
        yield f"{key}.table", f"one of the domain's tables ({', '.join(domain.tables)})", repr(stream.table)
    if len(set(stream.entities)) < len(stream.entities):
        yield f"{key}.entities", "each entity once", repr(stream.entities)
    for name in stream.entities:
        if stream.fields.get(name, "key") != "key":
            yield f"{key}.fields.{name}", "key, as an entity is a text", repr(stream.fields[name])
    if stream.live is not None and stream.table in domain.tables and stream.table != domain.subject.event_table:
        yield from _misfits_of_live(stream, stream.live, domain.tables[stream.table])
    yield from _misfits_of_columns(stream, columns)


def _misfits_of_live(stream: Stream, live: Mapping[str, Derived], table: TableContract) -> Iterator[Misfit]:
    """What rows of the table do not have, though each is to be an event by itself."""
    columns = f"a column of {table.name} ({', '.join(table.columns)})"
    for name in live:
        if name not in stream.fields:
            yield f"config.meta.stream.live.{name}", f"one of the fields ({', '.join(stream.fields)})", repr(name)
    read = {name: live[name].column if name in live else name for name in stream.fields}
    for name, column in {name: name for name in (stream.event_id, *stream.entities)}.items() | read.items():
        if column not in table.columns:
            yield f"config.meta.stream.live.{name}", columns, repr(column)


def _misfits_of_columns(stream: Stream, columns: Mapping[str, Mapping[str, Any]]) -> Iterator[Misfit]:
    wanted = {EVENT_ID: "string", **dict.fromkeys(stream.entities, "string")}
    wanted |= {name: "string" if scale == "key" else "bigint" for name, scale in stream.fields.items()}
    wanted |= {EFFECTIVE: "bigint", OBSERVED: "bigint"}
    for name, data_type in wanted.items():
        if name not in columns:
            yield f"columns.{name}", f"a column of type {data_type}", "nothing"
        elif columns[name].get("data_type") != data_type:
            yield f"columns.{name}.data_type", data_type, repr(columns[name].get("data_type"))
    for name in columns:
        if name not in wanted:
            yield f"columns.{name}", f"only {', '.join(wanted)}", repr(name)


def misfits_of_view(
    view: WindowView, streams: Mapping[str, Stream], *, names: set[str], plain: Sequence[str]
) -> Iterator[Misfit]:
    """
    What a view says that its streams do not bear out.

    Args:
        view: The view.
        streams: The streams that could be read, by name.
        names: Every declared stream, those that could not be read included.
        plain: The view's columns that are features without a window.
    """
    yield from ((f"columns.{name}", "config.meta.window, as on the view's other features", "none") for name in plain)
    yield from _misfits_of_spans(view)
    windows = {feature.name: feature for feature in view.windows}
    for window in view.windows:
        yield from _misfits_of_window(view, window, streams, names)
    for feature in view.features:
        if isinstance(feature, RatioFeature):
            yield from _misfits_of_ratio(feature, windows)


def misfits_of_plan(
    domain: Domain, streams: Sequence[tuple[Node, Stream]], views: Sequence[tuple[Node, WindowView]]
) -> Iterator[tuple[Node, Misfit]]:
    """What streams and views say that does not go together in one domain, each with the model that says it."""
    owners: dict[str, str] = {}
    for node, stream in streams:
        if owners.setdefault(stream.name, stream.model) != stream.model:
            yield node, ("config.meta.stream.name", "a name once in a domain", f"it in {owners[stream.name]} too")
    bearers: dict[str, str] = {}
    for node, view in views:
        for feature in view.features:
            if bearers.setdefault(feature.name, view.mart) != view.mart:
                found = f"it in {bearers[feature.name]} too"
                yield node, (f"columns.{feature.name}", "a name once in a domain", found)
    subject = domain.subject.event_table
    deciding = [stream for _, stream in streams if stream.table == subject]
    for node, stream in streams:
        if stream.table == subject and subject in domain.tables:
            yield from ((node, misfit) for misfit in _misfits_of_deciding(stream, domain.event_table))
    if views and len(deciding) != 1:
        found = ", ".join(stream.model for stream in deciding) or "none"
        yield views[0][0], (_VIEW, f"one stream of {subject}, whose events are the decisions", found)


def _misfits_of_deciding(stream: Stream, table: TableContract) -> Iterator[Misfit]:
    """What a decision's stream takes from the event must be there under the same name while it is decided."""
    taken = {"event_id": (stream.event_id,), "entities": stream.entities, "fields": stream.fields}
    for key, names in taken.items():
        for name in names:
            if name not in table.columns:
                expected = f"a column of {table.name}, whose rows are decided ({', '.join(table.columns)})"
                yield f"config.meta.stream.{key}", expected, repr(name)


def _misfits_of_spans(view: WindowView) -> Iterator[Misfit]:
    for name, span in view.spans.items():
        if span.width_us % span.hop_us:
            yield f"{_VIEW}.spans.{name}", "a hop that divides the span", f"{span.hop_us // 1_000_000} s"
    for (shorter, inner), (longer, outer) in pairwise(view.spans.items()):
        if inner.width_us == outer.width_us:
            yield f"{_VIEW}.spans.{longer}", "each span once", f"it as {shorter} too"
        if outer.hop_us % inner.hop_us:
            expected = f"a multiple of the hop of {shorter}, {inner.hop_us // 1_000_000} s"
            yield f"{_VIEW}.spans.{longer}", expected, f"{outer.hop_us // 1_000_000} s"


def _misfits_of_window(
    view: WindowView, feature: WindowFeature, streams: Mapping[str, Stream], names: set[str]
) -> Iterator[Misfit]:
    key = f"columns.{feature.name}.config.meta.window"
    if feature.span not in view.spans:
        yield f"{key}.span", f"one of the view's spans ({', '.join(view.spans)})", repr(feature.span)
    if (feature.aggregate == "distinct") != (feature.cap is not None):
        expected = "a cap" if feature.cap is None else "no cap, which only distinct has"
        yield f"{key}.cap", expected, repr(feature.cap) if feature.cap is not None else "nothing"
    if feature.stream not in names:
        yield f"{key}.stream", f"one of the streams ({', '.join(sorted(names)) or 'none'})", repr(feature.stream)
    stream = streams.get(feature.stream)
    if stream is not None:
        if view.join_key not in stream.entities:
            expected = f"a stream that is kept by {view.join_key}"
            yield f"{key}.stream", expected, f"{stream.name}, kept by {', '.join(stream.entities)}"
        yield from _misfits_of_field(feature, stream, key)


def _misfits_of_field(feature: WindowFeature, stream: Stream, key: str) -> Iterator[Misfit]:
    aggregate, name = feature.aggregate, feature.field
    if name is None:
        if aggregate not in _FIELD_FREE:
            yield f"{key}.field", f"the field that {aggregate} is of", "nothing"
        elif feature.data_type != (expected := "bigint" if aggregate in _WHOLE else "double"):
            yield f"columns.{feature.name}.data_type", expected, repr(feature.data_type)
        return
    if name not in stream.fields:
        yield f"{key}.field", f"one of the fields of {stream.name} ({', '.join(stream.fields) or 'none'})", repr(name)
        return
    scale = stream.fields[name]
    if scale == "key" and aggregate not in _FIELD_FREE | {"distinct"}:
        yield f"{key}.field", f"a number, to take the {aggregate} of", f"{name}, a key"
        return
    if aggregate == "rate" and scale != 0:
        yield f"{key}.field", "a field of 0 and 1, without decimals", f"{name} with {scale} decimals"
    is_whole = aggregate in _WHOLE or (aggregate in _OF_FIELD and scale == 0)
    expected = "bigint" if is_whole else "double"
    if feature.data_type != expected:
        yield f"columns.{feature.name}.data_type", expected, repr(feature.data_type)


def _misfits_of_ratio(feature: RatioFeature, windows: Mapping[str, WindowFeature]) -> Iterator[Misfit]:
    for name in (feature.numerator, feature.denominator):
        if name not in windows:
            expected = f"columns of this view that are no ratios ({', '.join(windows)})"
            yield f"columns.{feature.name}.config.meta.window.of", expected, repr(name)
    if feature.data_type != "double":
        yield f"columns.{feature.name}.data_type", "double", repr(feature.data_type)
