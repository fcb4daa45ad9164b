"""The feature views of a domain, as the marts' YAML declares them and dbt's manifest repeats them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from riskloom.catalog import Domain
from riskloom.contracts import Duration, mistakes_from
from riskloom.errors import CatalogError, FeatureError, Mistake
from riskloom.windows import load_plan

FeatureType = Literal["double", "bigint"]

EVENT_TIMESTAMP = "event_timestamp"
CREATED_TIMESTAMP = "created_timestamp"
_FEATURE_TYPES: tuple[str, ...] = get_args(FeatureType)


@dataclass(frozen=True, slots=True)
class FeatureView:
    """
    Features of one entity that are computed, published and looked up together.

    ``descriptions`` says what each feature is, by name, as the mart's YAML does. Those of a view that ``is_windowed``
    can be computed at any instant; of others there are the rows of the mart.
    """

    name: str
    entity: str
    join_key: str
    ttl: timedelta
    features: Mapping[str, FeatureType]
    description: str
    mart: str
    descriptions: Mapping[str, str] = field(default_factory=dict)
    is_windowed: bool = False


class _Declaration(BaseModel):
    """What stands under ``config.meta.feature_view`` in a mart's YAML."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    domain: str
    entity: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")
    join_key: str
    ttl: Duration
    spans: dict[str, str] | None = None  # of a windowed view; what windows say is checked as the plan they make


def mart_path(marts: Path, domain: Domain, mart: str) -> Path:
    """Where dbt publishes a mart of a domain; ``mart`` without the domain's prefix, such as ``subjects``."""
    return marts / domain.name / f"{domain.name}__{mart}.parquet"


def load_views(domain: Domain, manifest: Path) -> tuple[FeatureView, ...]:
    """
    Read the feature views of a domain from dbt's manifest, in the order of their names.

    Raises:
        FeatureError: There is no manifest, or it declares no view for the domain.
        CatalogError: A view or, where the views are right, a window is declared wrongly; every mistake is listed.
    """
    views: list[FeatureView] = []
    files: dict[str, str] = {}
    mistakes: list[Mistake] = []
    for node in sorted(_models(manifest), key=lambda node: str(node["name"])):
        meta = node.get("config", {}).get("meta", {}).get("feature_view")
        if meta is None or (isinstance(meta, Mapping) and meta.get("domain") != domain.name):
            continue
        file = str(node.get("patch_path") or node.get("original_file_path")).split("://")[-1]
        key = f"models.{node['name']}"
        try:
            declaration = _Declaration.model_validate(meta)
        except ValidationError as error:
            mistakes.extend(
                Mistake(item.file, f"{key}.config.meta.feature_view.{item.key}", item.expected, item.found)
                for item in mistakes_from(error, file)
            )
            continue
        mistakes.extend(Mistake(file, f"{key}.{where}", *rest) for where, *rest in _misfits(domain, declaration, node))
        views.append(_view(domain, declaration, node))
        files[node["name"]] = file
    mistakes.extend(_repeated(domain, views, files))
    if mistakes:
        raise CatalogError(mistakes)
    if not views:
        raise FeatureError(f"{manifest}: no model with config.meta.feature_view for domain {domain.name!r}")
    load_plan(domain, manifest)
    return tuple(views)


def _models(manifest: Path) -> Iterator[dict[str, Any]]:
    try:
        nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"]
    except FileNotFoundError as error:
        raise FeatureError(f"{manifest}: no such file; run `riskloom features parse` first") from error
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise FeatureError(f"{manifest}: expected dbt's manifest, found something else ({error})") from error
    return (node for node in nodes.values() if node["resource_type"] == "model")


def _view(domain: Domain, declaration: _Declaration, node: dict[str, Any]) -> FeatureView:
    other = {declaration.join_key, EVENT_TIMESTAMP, CREATED_TIMESTAMP}
    return FeatureView(
        name=str(node["name"]).removeprefix(f"{domain.name}__"),
        entity=declaration.entity,
        join_key=declaration.join_key,
        ttl=declaration.ttl,
        features={name: column["data_type"] for name, column in node["columns"].items() if name not in other},
        description=str(node["description"]).strip(),
        mart=str(node["name"]),
        descriptions={
            name: " ".join(str(column.get("description", "")).split())
            for name, column in node["columns"].items()
            if name not in other
        },
        is_windowed=declaration.spans is not None,
    )


def _misfits(domain: Domain, declaration: _Declaration, node: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """What a view says that its mart or its domain does not bear out: key, expected, found."""
    columns: dict[str, dict[str, Any]] = node["columns"]
    if not str(node["name"]).startswith(f"{domain.name}__"):
        yield "name", f"a name that starts with {domain.name}__", repr(node["name"])
    if not node["config"].get("contract", {}).get("enforced"):
        yield "config.contract", "an enforced contract", "none"
    if declaration.join_key not in domain.event_table.columns:
        known = ", ".join(domain.event_table.columns)
        yield (
            "config.meta.feature_view.join_key",
            f"a column of {domain.event_table.name} ({known})",
            repr(declaration.join_key),
        )
    types = {declaration.join_key: ("string",), EVENT_TIMESTAMP: ("timestamp",), CREATED_TIMESTAMP: ("timestamp",)}
    for name in types:
        if name not in columns:
            yield f"columns.{name}", f"a column of type {types[name][0]}", "nothing"
    for name, column in columns.items():
        expected = types.get(name, _FEATURE_TYPES)
        if column.get("data_type") not in expected:
            yield f"columns.{name}.data_type", " or ".join(expected), repr(column.get("data_type"))
        if not column.get("description"):
            yield f"columns.{name}.description", "a description", "nothing"
    if len(columns) == len(types):
        yield "columns", "at least one feature beside join key and timestamps", "none"


def _repeated(domain: Domain, views: list[FeatureView], files: Mapping[str, str]) -> Iterator[Mistake]:
    """Features whose name another view, or the event table's columns and request features, already bear."""
    owners = dict.fromkeys(domain.event_table.columns, domain.event_table.name)
    owners |= dict.fromkeys(domain.request_features, "request_features")
    for view in views:
        for name in view.features:
            if name in owners:
                key = f"models.{view.mart}.columns.{name}"
                yield Mistake(files[view.mart], key, "a name once in a domain", f"it in {owners[name]} too")
            owners.setdefault(name, view.mart)
