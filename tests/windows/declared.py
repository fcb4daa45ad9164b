"""dbt manifests with window declarations of the tests' own, in the form that dbt writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from riskloom.catalog import Domain, load_catalog
from riskloom.contracts import TableContract
from riskloom.windows import WindowPlan, load_plan

Json = dict[str, Any]


def any_domain() -> Domain:
    """The first domain of the catalogue, whose events are payments here; of its own are its name and its label."""
    domain = next(iter(load_catalog().values()))
    name = domain.subject.event_table
    return domain.model_copy(update={"tables": {**domain.tables, name: _payments(name)}})


def _payments(name: str) -> TableContract:
    text, number = (
        {"type": "string", "description": "A text of a payment."},
        {"type": "decimal(18,2)", "description": "A number of a payment."},
    )
    time = {"type": "timestamp", "description": "A time of a payment."}
    columns = {
        **dict.fromkeys(("payment", "card", "shop", "terminal"), text),
        **dict.fromkeys(("amount", "is_paid", "fraud"), number),
        **dict.fromkeys(("effective_at", "observed_at"), time),
    }
    contract = {"name": name, "description": "Payments by card.", "key": ("payment",), "columns": columns}
    return TableContract.model_validate(contract)


def column(name: str, data_type: str, window: Mapping[str, Any] | None = None) -> Json:
    """A column of a model; a feature where it says what it is a window of."""
    meta = {} if window is None else {"window": dict(window)}
    return {"name": name, "data_type": data_type, "description": f"The {name}.", "config": {"meta": meta}}


def model(domain: Domain, name: str, meta: Mapping[str, Any], columns: Sequence[Json]) -> Json:
    """A model with its columns, as a node of the manifest."""
    return {
        "name": f"{domain.name}__{name}",
        "resource_type": "model",
        "patch_path": "riskloom://models/marts/_windows.yml",
        "original_file_path": f"models/marts/{name}.sql",
        "description": f"The {name}.",
        "config": {"meta": dict(meta), "contract": {"enforced": True}},
        "columns": {item["name"]: item for item in columns},
    }


def stream(
    domain: Domain,
    name: str,
    *,
    table: str | None = None,
    event_id: str = "payment",
    entities: Sequence[str] = ("card", "shop"),
    fields: Mapping[str, int | str] | None = None,
    dedupe: str = "1d",
) -> Json:
    """The mart that publishes a stream."""
    declared = {"amount": 2, "shop": "key"} if fields is None else dict(fields)
    types = {"event_id": "string", **dict.fromkeys(entities, "string")}
    types |= {field: "string" if scale == "key" else "bigint" for field, scale in declared.items()}
    types |= {"effective_us": "bigint", "observed_us": "bigint"}
    meta = {
        "domain": domain.name,
        "name": name,
        "table": table or domain.subject.event_table,
        "event_id": event_id,
        "entities": list(entities),
        "fields": declared,
        "dedupe": dedupe,
    }
    return model(domain, f"stream_{name}", {"stream": meta}, [column(*item) for item in types.items()])


def view(
    domain: Domain, name: str, *, join_key: str, spans: Mapping[str, str], features: Mapping[str, Mapping[str, Any]]
) -> Json:
    """A windowed view: features by name, each ``{"data_type": …, **window}``."""
    columns = [column(join_key, "string"), column("event_timestamp", "timestamp")]
    columns.append(column("created_timestamp", "timestamp"))
    for feature, window in features.items():
        rest = {key: value for key, value in window.items() if key != "data_type"}
        columns.append(column(feature, str(window["data_type"]), rest))
    meta = {"domain": domain.name, "entity": join_key, "join_key": join_key, "ttl": "30d", "spans": dict(spans)}
    return model(domain, name, {"feature_view": meta}, columns)


def manifest(path: Path, *models: Json) -> Path:
    """Write a manifest with these models."""
    path.write_text(json.dumps({"nodes": {f"model.riskloom.{item['name']}": item for item in models}}))
    return path


def plan_of(folder: Path, *models: Json) -> WindowPlan:
    """The plan that a manifest with these models declares."""
    return load_plan(any_domain(), manifest(folder / "manifest.json", *models))
