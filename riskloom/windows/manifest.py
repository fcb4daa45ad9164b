"""The models of dbt's manifest, as far as window declarations need them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from riskloom.errors import FeatureError

Node = dict[str, Any]


def read_models(manifest: Path) -> list[Node]:
    """
    Every model of the manifest, in the order of the names.

    Raises:
        FeatureError: There is no manifest, or the file is none.
    """
    try:
        nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"].values()
        return sorted((node for node in nodes if node["resource_type"] == "model"), key=lambda node: str(node["name"]))
    except FileNotFoundError as error:
        raise FeatureError(f"{manifest}: no such file; run `riskloom features parse` first") from error
    except (AttributeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise FeatureError(f"{manifest}: expected dbt's manifest, found something else ({error})") from error


def file_of(node: Node) -> str:
    """The YAML file that declares a model, within the dbt project."""
    return str(node.get("patch_path") or node.get("original_file_path")).split("://")[-1]


def meta_of(item: Mapping[str, Any], key: str) -> Any:
    """What stands under ``config.meta.<key>`` (or dbt's older ``meta.<key>``) of a model or column; None without."""
    for meta in ((item.get("config") or {}).get("meta"), item.get("meta")):
        if isinstance(meta, Mapping) and key in meta:
            return meta[key]
    return None
