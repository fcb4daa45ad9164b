"""The dbt project as a whole: it fits the declarations, and every domain's models keep the same rules."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from riskloom.catalog import Domain, load_catalog
from riskloom.contracts import parse_duration
from riskloom.features import dbt
from riskloom.settings import PROJECT_ROOT, Settings, environment
from riskloom.wiring import dbt_project
from tests.dbt.conftest import END, Home, Steps

CATALOG = load_catalog()
PROJECT = PROJECT_ROOT / "dbt_project"
_PERIODS = {"minute": "m", "hour": "h", "day": "d"}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What dbt makes of the project without building anything."""
    settings = Settings(home=tmp_path_factory.mktemp("parsed"))
    found: dict[str, Any] = json.loads(dbt.parse(dbt_project(settings)).read_text())
    return found


@pytest.fixture(params=sorted(CATALOG))
def domain(request: pytest.FixtureRequest) -> Domain:
    """A declared domain."""
    return CATALOG[request.param]


def test_no_domain_is_named_outside_its_models() -> None:
    """A new domain is a folder: project file, profile, macros and generic tests know none."""
    shared = [
        PROJECT / "dbt_project.yml",
        PROJECT / "profiles.yml",
        *PROJECT.glob("macros/*"),
        *PROJECT.glob("tests/**/*.sql"),
    ]
    assert len(shared) > 8
    for path in shared:
        assert not any(name in path.read_text() for name in CATALOG), path.name


def test_sources_are_the_landed_tables(manifest: dict[str, Any], domain: Domain) -> None:
    """Each contract is a source of its system, read from the domain's landing folder, with the contract's freshness."""
    sources = {
        node["name"]: node
        for node in manifest["sources"].values()
        if node["config"]["meta"].get("domain") == domain.name
    }
    assert set(sources) == set(domain.tables)
    for name, table in domain.tables.items():
        node = sources[name]
        assert node["source_name"] == table.source
        assert node["loaded_at_field"] == "observed_at"
        assert node["description"]
        allowed = node["freshness"]["warn_after"]
        found = parse_duration(f"{allowed['count']}{_PERIODS[allowed['period']]}")
        assert found == parse_duration(table.freshness), name
        assert node["freshness"]["error_after"]["count"] is None, "old data warn and never stop a build"


def test_marts_keep_a_contract(manifest: dict[str, Any], domain: Domain) -> None:
    """Every mart is published under an enforced contract, explained column by column, and tested."""
    marts = [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["fqn"][1:3] == ["marts", domain.name]
    ]
    names = {node["name"] for node in marts}
    assert {f"{domain.name}__{name}" for name in ("subjects", "labels", "coverage")} <= names
    tested = {node["attached_node"] for node in manifest["nodes"].values() if node["resource_type"] == "test"}
    for node in marts:
        assert node["config"]["contract"]["enforced"], node["name"]
        assert node["config"]["materialized"] == "external"
        assert node["description"]
        assert node["unique_id"] in tested
        for column in node["columns"].values():
            assert column["data_type"], column["name"]
            assert len(column["description"]) > 10, column["name"]


def test_every_model_is_explained_and_in_its_place(manifest: dict[str, Any]) -> None:
    """Staging models bear their source's name, the others' their domain's; dates of days are UTC's."""
    for node in manifest["nodes"].values():
        if node["resource_type"] != "model":
            continue
        layer, folder = node["fqn"][1:3]
        prefix = {"staging": f"stg_{folder}__", "intermediate": f"int_{folder}__", "marts": f"{folder}__"}[layer]
        assert node["name"].startswith(prefix)
        assert node["description"], node["name"]


def test_what_was_built_is_noted_after_it_is_built(manifest: dict[str, Any], domain: Domain) -> None:
    """Coverage comes after every model of windows: noted before, a change would be taken for built and left out."""
    nodes = manifest["nodes"]
    coverage = next(node for node in nodes.values() if node["name"] == f"{domain.name}__coverage")
    windows = {name for name, node in nodes.items() if str(node["name"]).startswith(f"int_{domain.name}__")}
    windows = {name for name in windows if str(nodes[name]["name"]).endswith("_windows")}
    assert windows
    assert windows <= set(coverage["depends_on"]["nodes"])


def test_exposures_say_who_uses_the_marts(manifest: dict[str, Any], domain: Domain) -> None:
    """Training, the scoring service and the reports are exposures of each domain."""
    names = {node["name"] for node in manifest["exposures"].values()}
    assert {f"{domain.name}_{use}" for use in ("training", "scoring", "monitoring")} <= names


def test_documentation_is_generated(at_once: Home) -> None:
    """Dbt's documentation comes out in one page that anyone can open."""
    variables = json.dumps(dbt.variables(at_once.domain, END))
    done = subprocess.run(
        [*dbt.COMMAND, "docs", "generate", "--static", "--vars", variables],
        cwd=PROJECT,
        env={**os.environ, **environment(at_once.settings)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    page = (at_once.settings.dbt_target / "static_index.html").read_text()
    assert "What the marts were built from" in page


def test_unit_tests_run_where_they_are_asked_for(at_once: Home, in_steps: Steps, manifest: dict[str, Any]) -> None:
    """The logic of the windows has unit tests; the build that asked for them ran the domain's beside the data tests."""
    folders = {at_once.domain.name, *(table.source for table in at_once.domain.tables.values())}
    own = [one for one in manifest["unit_tests"].values() if Path(one["original_file_path"]).parent.name in folders]
    assert len(own) >= 4
    assert at_once.reports[0].tests - in_steps.home.reports[0].tests == len(own)
    assert at_once.reports[0].warnings == ()


def test_a_variable_that_is_missing_is_named(at_once: Home, tmp_path: Path) -> None:
    """Without as_of there is no honest state to publish; dbt stops and says which variable to pass."""
    done = subprocess.run(
        [
            *dbt.COMMAND,
            "compile",
            "--select",
            f"path:models/intermediate/{at_once.domain.name}",
            "--vars",
            "{maturity: 7d}",
        ],
        cwd=PROJECT,
        env={**os.environ, **environment(at_once.settings), "DBT_TARGET_PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "the variable as_of is missing" in done.stdout
