"""Feature views: what the marts' YAML declares."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from riskloom.errors import CatalogError, FeatureError
from riskloom.features import load_views
from tests.features.conftest import Built


@pytest.fixture
def changed(built: Built, tmp_path: Path) -> Callable[[Callable[[dict[str, Any]], None]], Path]:
    """Writes the manifest with the first view's node changed."""

    def write(change: Callable[[dict[str, Any]], None]) -> Path:
        manifest = json.loads(built.settings.dbt_manifest.read_text())
        name = built.views[0].mart
        change(next(node for node in manifest["nodes"].values() if node["name"] == name))
        path = tmp_path / "manifest.json"
        path.write_text(json.dumps(manifest))
        return path

    return write


def test_a_view_has_the_columns_of_its_mart(built: Built) -> None:
    """What is declared is what the mart holds: join key, the two timestamps, then the features in order, by type."""
    for view in built.views:
        found = duckdb.execute("describe select * from read_parquet($1)", [str(built.mart(view.name))]).fetchall()
        columns = {name: kind for name, kind, *_ in found}
        assert list(columns) == [view.join_key, "event_timestamp", "created_timestamp", *view.features]
        for name, kind in view.features.items():
            assert columns[name] == kind.upper()
        assert view.ttl >= timedelta(hours=1)
        assert view.description


def test_views_come_in_one_order(built: Built) -> None:
    """The order of the views, and so of a model's features, follows their names."""
    assert [view.name for view in built.views] == sorted(view.name for view in built.views)


def test_every_mistake_is_reported_at_once(built: Built, changed: Callable[..., Path]) -> None:
    """A wrong declaration names the file, each key, what was expected there and what was found."""
    feature = next(iter(built.views[0].features))

    def spoil(node: dict[str, Any]) -> None:
        node["config"]["meta"]["feature_view"]["join_key"] = "nobody"
        node["config"]["contract"]["enforced"] = False
        node["columns"][feature] |= {"data_type": "string", "description": ""}

    with pytest.raises(CatalogError) as caught:
        load_views(built.domain, changed(spoil))
    found = {mistake.key.split(".", 2)[2]: mistake for mistake in caught.value.mistakes}
    assert set(found) == {
        "config.contract",
        "config.meta.feature_view.join_key",
        "columns.nobody",
        f"columns.{built.views[0].join_key}",
        f"columns.{built.views[0].join_key}.data_type",
        f"columns.{feature}.data_type",
        f"columns.{feature}.description",
    }
    assert found[f"columns.{feature}.data_type"].expected == "double or bigint"
    assert all(mistake.file.endswith(".yml") for mistake in caught.value.mistakes)


def test_a_wrong_ttl_is_refused(built: Built, changed: Callable[..., Path]) -> None:
    """How long a value holds is a duration, as everywhere in declarations."""

    def spoil(node: dict[str, Any]) -> None:
        node["config"]["meta"]["feature_view"]["ttl"] = "for ever"

    with pytest.raises(CatalogError, match=r"feature_view\.ttl: expected a duration such as"):
        load_views(built.domain, changed(spoil))


def test_a_name_is_used_once_in_a_domain(built: Built, changed: Callable[..., Path]) -> None:
    """A feature must not bear the name of a column of the event table: one of them would hide the other."""
    taken = built.domain.subject.amount

    def spoil(node: dict[str, Any]) -> None:
        node["columns"][taken] = {"name": taken, "data_type": "double", "description": "The same name again."}

    with pytest.raises(CatalogError, match=f"columns.{taken}: expected a name once in a domain"):
        load_views(built.domain, changed(spoil))


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "run `riskloom features parse` first"), ("{", "expected dbt's manifest"), ('{"nodes": {}}', "no model")],
)
def test_without_a_manifest_nothing_is_guessed(built: Built, tmp_path: Path, content: str | None, message: str) -> None:
    """A manifest that is missing, broken or silent about the domain is an error that says so."""
    path = tmp_path / "manifest.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(FeatureError, match=message):
        load_views(built.domain, path)


def test_importing_features_imports_nothing_heavy() -> None:
    """The command line and the DAG files import this package, and must start at once."""
    heavy = ["feast", "pandas", "duckdb", "pyarrow", "numpy"]
    code = f"import riskloom.features, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
