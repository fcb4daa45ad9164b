"""The dbt project as a whole: it fits the declarations, and every domain's models keep the same rules."""

from __future__ import annotations

import json
from typing import Any

import pytest

from riskloom.catalog import Domain, load_catalog
from riskloom.contracts import parse_duration
from riskloom.features import dbt
from riskloom.settings import PROJECT_ROOT, Settings
from riskloom.wiring import dbt_project

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


def test_what_columns_expect_is_tested(manifest: dict[str, Any]) -> None:
    """``config.meta.expect`` means nothing without the model's test, and the test nothing without it."""
    nodes = manifest["nodes"].values()
    expecting = {
        node["unique_id"]
        for node in nodes
        if node["resource_type"] in {"model", "seed"}
        and any(column["config"]["meta"].get("expect") for column in node["columns"].values())
    }
    tested = {
        node["attached_node"] for node in nodes if (node.get("test_metadata") or {}).get("name") == "columns_hold"
    }
    assert expecting == tested
    generic = {f"test_{node['test_metadata']['name']}" for node in nodes if node.get("test_metadata")}
    assert generic <= {macro["name"] for macro in manifest["macros"].values()}, "dbt itself finds out when it runs them"
    assert len(tested) > len(CATALOG)


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
    """Staging models bear their source's name, the others their domain's, and all lie in a folder of their domain."""
    for node in manifest["nodes"].values():
        if node["resource_type"] != "model":
            continue
        layer, domain, folder = node["fqn"][1:4]
        prefix = {"staging": f"stg_{folder}__", "intermediate": f"int_{domain}__", "marts": f"{domain}__"}[layer]
        assert domain in CATALOG, node["name"]
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
    """Training, scoring, reports and what judges in batch are exposures of each domain; each batch reads its mart."""
    exposures = {node["name"]: node for node in manifest["exposures"].values()}
    assert {f"{domain.name}_{use}" for use in ("training", "scoring", "monitoring")} <= set(exposures)
    for use, subjects in (("watch", domain.watch), ("assessment", domain.assessment)):
        read = exposures[f"{domain.name}_{use}"]["depends_on"]["nodes"] if subjects else []
        assert {f"model.riskloom.{domain.name}__{subject.mart}" for subject in subjects} <= set(read)
