"""
Windowed features as the marts' YAML declares them.

``config.meta.stream`` stands on the mart that publishes a stream, ``spans`` in ``config.meta.feature_view`` of a view,
and ``config.meta.window`` on each of its columns. dbt's manifest repeats them; nothing else is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from riskloom.catalog import Domain
from riskloom.contracts import Duration, mistakes_from, parse_duration
from riskloom.errors import CatalogError, Mistake
from riskloom.windows.checks import misfits_of_plan, misfits_of_stream, misfits_of_view
from riskloom.windows.manifest import Node, file_of, meta_of, read_models
from riskloom.windows.plan import (
    CREATED_TIMESTAMP,
    EVENT_TIMESTAMP,
    Aggregate,
    Derived,
    RatioFeature,
    Scale,
    Smoothing,
    Span,
    Stream,
    WindowFeature,
    WindowPlan,
    WindowView,
)

MAX_DECIMALS = 9  # more would not leave enough of 64 bits for the number itself
MAX_CAP = 4096  # distinct values remembered for a key
_MICROSECOND = timedelta(microseconds=1)
_MATURITY = "maturity"


def _check_scale(value: object) -> object:
    is_number = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_DECIMALS
    if is_number or value == "key":
        return value
    raise ValueError(f"the number of decimals, 0 to {MAX_DECIMALS}, or key")


def _check_delay(value: object) -> object:
    if value == _MATURITY:
        return value
    try:
        return parse_duration(value)
    except ValueError as error:
        raise ValueError(f"{error}, or {_MATURITY}") from error


def _check_span(name: str) -> str:
    parse_duration(name)
    return name


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
_Scale = Annotated[Scale, BeforeValidator(_check_scale)]
_SpanName = Annotated[str, AfterValidator(_check_span)]
_Delay = Annotated[timedelta | Literal["maturity"], BeforeValidator(_check_delay)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Derived(_Section):
    """A field under ``config.meta.stream.live``."""

    column: Name
    one_of: tuple[bool | int | str, ...] | None = Field(default=None, min_length=1)
    none_of: tuple[bool | int | str, ...] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _is_one_way(self) -> Self:
        if self.one_of is not None and self.none_of is not None:
            raise ValueError("one_of or none_of, not both")
        return self


class _Stream(_Section):
    """``config.meta.stream``."""

    domain: str
    name: Name
    table: str
    event_id: Name
    entities: tuple[Name, ...] = Field(min_length=1)
    fields: dict[Name, _Scale] = Field(default_factory=dict)
    dedupe: Duration
    live: dict[Name, _Derived] | None = None


class _View(BaseModel):
    """The part of ``config.meta.feature_view`` that windows need; the rest is checked where all views are read."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    entity: Name
    join_key: Name
    spans: dict[_SpanName, Duration] = Field(min_length=1)


class _Smoothing(_Section):
    weight: float = Field(gt=0, allow_inf_nan=False)
    prior: float = Field(ge=0, le=1)


class _Window(_Section):
    """``config.meta.window`` of an aggregate."""

    aggregate: Aggregate
    stream: str
    span: str
    field: str | None = None
    delay: _Delay = timedelta()
    cap: int | None = Field(default=None, ge=1, le=MAX_CAP)


class _Ratio(_Section):
    """``config.meta.window`` of a ratio."""

    aggregate: Literal["ratio"]
    of: tuple[str, str]
    smoothing: _Smoothing | None = None


_Model = TypeVar("_Model", bound=BaseModel)


class _Reader:
    """Reads declarations and gathers what is wrong with them."""

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.mistakes: list[Mistake] = []

    def parsed(self, model: type[_Model], meta: object, node: Node, key: str) -> _Model | None:
        """A section, or None where it is wrong."""
        try:
            return model.model_validate(meta)
        except ValidationError as error:
            for item in mistakes_from(error, file_of(node)):
                where = "" if item.key == "(whole file)" else f".{item.key.removesuffix('.[key]')}"
                self.mistakes.append(Mistake(item.file, f"{_key(node)}.{key}{where}", item.expected, item.found))
            return None

    def wrong(self, node: Node, misfits: Iterator[tuple[str, str, str]]) -> None:
        """Note what a model says that does not fit together: key, expected, found."""
        self.mistakes.extend(Mistake(file_of(node), f"{_key(node)}.{key}", *rest) for key, *rest in misfits)


def load_plan(domain: Domain, manifest: Path) -> WindowPlan:
    """
    Read what is windowed in a domain from dbt's manifest.

    A view without any ``window`` column is not windowed and not part of the plan.

    Raises:
        FeatureError: There is no manifest.
        CatalogError: Something is declared wrongly; every mistake is listed.
    """
    reader, models = _Reader(domain), read_models(manifest)
    declared = [(node, meta_of(node, "stream")) for node in models if _is_of(domain, meta_of(node, "stream"))]
    names = {str(meta.get("name")) for _, meta in declared}
    streams = [(node, stream) for node, meta in declared for stream in _streams(reader, node, meta)]
    windowed = [node for node in models if _is_of(domain, meta_of(node, "feature_view")) and _window_columns(node)]
    known = {stream.name: stream for _, stream in streams}
    views = [(node, view) for node in windowed for view in _views(reader, node, known, names)]
    for node, misfit in misfits_of_plan(domain, streams, views):
        reader.wrong(node, iter([misfit]))
    if reader.mistakes:
        raise CatalogError(reader.mistakes)
    return WindowPlan(
        domain=domain.name,
        streams=tuple(stream for _, stream in streams),
        views=tuple(view for _, view in views),
    )


def _streams(reader: _Reader, node: Node, meta: Mapping[str, Any]) -> Iterator[Stream]:
    """The stream of a model, if it can be read."""
    section = reader.parsed(_Stream, meta, node, "config.meta.stream")
    if section is None:
        return
    stream = Stream(
        name=section.name,
        table=section.table,
        model=str(node["name"]),
        event_id=section.event_id,
        entities=section.entities,
        fields=section.fields,
        dedupe_us=section.dedupe // _MICROSECOND,
        live=_live(reader.domain, section),
    )
    reader.wrong(node, misfits_of_stream(reader.domain, stream, node["columns"]))
    yield stream


def _live(domain: Domain, section: _Stream) -> Mapping[str, Derived] | None:
    """How rows become events; what is decided is always live, under the names of its columns."""
    if section.table == domain.subject.event_table:
        return {}
    if section.live is None:
        return None
    return {name: Derived(item.column, item.one_of, item.none_of) for name, item in section.live.items()}


def _views(reader: _Reader, node: Node, streams: Mapping[str, Stream], names: set[str]) -> Iterator[WindowView]:
    """The view of a model, if it can be read."""
    section = reader.parsed(_View, meta_of(node, "feature_view"), node, "config.meta.feature_view")
    features = [feature for column in _window_columns(node) for feature in _features(reader, node, column)]
    if section is None:
        return
    spans = sorted(section.spans.items(), key=lambda item: parse_duration(item[0]))
    view = WindowView(
        name=str(node["name"]).removeprefix(f"{reader.domain.name}__"),
        mart=str(node["name"]),
        entity=section.entity,
        join_key=section.join_key,
        spans={name: Span(parse_duration(name) // _MICROSECOND, hop // _MICROSECOND) for name, hop in spans},
        features=tuple(features),
    )
    others = set(node["columns"]) - {column["name"] for column in _window_columns(node)}
    plain = others - {view.join_key, EVENT_TIMESTAMP, CREATED_TIMESTAMP}
    reader.wrong(node, misfits_of_view(view, streams, names=names, plain=sorted(plain)))
    yield view


def _features(reader: _Reader, node: Node, column: Mapping[str, Any]) -> Iterator[WindowFeature | RatioFeature]:
    """The feature of a column, if it can be read."""
    meta, key = meta_of(column, "window"), f"columns.{column['name']}.config.meta.window"
    if isinstance(meta, Mapping) and meta.get("aggregate") == "ratio":
        ratio = reader.parsed(_Ratio, meta, node, key)
        if ratio is not None:
            given = ratio.smoothing
            smoothing = None if given is None else Smoothing(given.weight, given.prior)
            yield RatioFeature(str(column["name"]), *ratio.of, smoothing=smoothing, data_type=column["data_type"])
        return
    window = reader.parsed(_Window, meta, node, key)
    if window is not None:
        delay = window.delay if isinstance(window.delay, timedelta) else reader.domain.label.maturity
        yield WindowFeature(
            name=str(column["name"]),
            aggregate=window.aggregate,
            stream=window.stream,
            field=window.field,
            span=window.span,
            delay_us=delay // _MICROSECOND,
            cap=window.cap,
            data_type=column["data_type"],
        )


def _window_columns(node: Node) -> Sequence[Mapping[str, Any]]:
    return [column for column in node["columns"].values() if meta_of(column, "window") is not None]


def _is_of(domain: Domain, meta: object) -> bool:
    return isinstance(meta, Mapping) and meta.get("domain") == domain.name


def _key(node: Node) -> str:
    return f"models.{node['name']}"
