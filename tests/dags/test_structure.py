"""What the DAG files hold, for every declared domain."""

from __future__ import annotations

from typing import Any

import pytest

from riskloom.catalog import Domain
from riskloom.settings import Settings
from tests.dags.conftest import CATALOG, describe

#: Stages that every domain has; others it has where it declares what they work on.
STAGES = ("features", "training", "monitoring", "rules")
#: What a file that is read every half minute must not import.
HEAVY = {"bentoml", "dbt", "duckdb", "evidently", "feast", "lightgbm", "pandas", "pyarrow", "scipy", "sklearn"}


def uri(domain: Domain, name: str) -> str:
    return f"riskloom://{domain.name}/{name}"


def stages_of(domain: Domain) -> tuple[str, ...]:
    declared = {"watch": domain.watch, "assessment": domain.assessment}
    return (*STAGES, *(stage for stage, subjects in declared.items() if subjects))


@pytest.fixture
def dags(described: dict[str, Any], domain: Domain) -> dict[str, dict[str, Any]]:
    """The DAGs of a domain by stage, described."""
    return {stage: described["dags"][f"{domain.name}__{stage}"] for stage in stages_of(domain)}


def test_every_file_loads_quickly_and_lightly(described: dict[str, Any]) -> None:
    """No file has an import error, nothing heavy is imported, and all of them take seconds."""
    assert described["import_errors"] == {}
    assert HEAVY & set(described["modules"]) == set()
    assert described["seconds"] < 30


def test_there_is_a_dag_for_every_domain_and_stage(described: dict[str, Any], domain: Domain) -> None:
    """A declared domain has its DAGs without a line of code, in the file of the stage."""
    files = {name: dag["file"] for name, dag in described["dags"].items() if name.startswith(f"{domain.name}__")}
    assert files == {f"{domain.name}__{stage}": f"{stage}.py" for stage in stages_of(domain)}


def test_a_dag_says_what_it_is(dags: dict[str, dict[str, Any]], domain: Domain) -> None:
    """Title, tags, owner and documentation come from the declaration."""
    for stage, dag in dags.items():
        assert dag["tags"] == sorted([domain.name, stage])
        assert domain.title in dag["title"]
        assert dag["owner"] == domain.owner
        assert domain.title in dag["doc"]
        assert len(dag["doc"]) > 200


def test_runs_do_not_overlap_nor_pile_up(dags: dict[str, dict[str, Any]]) -> None:
    """One run at a time, none for the past, none for ever."""
    for stage, dag in dags.items():
        assert (dag["catchup"], dag["max_active_runs"]) == (False, 1), stage
        assert dag["dagrun_timeout"] <= 86_400, stage


def test_the_form_explains_itself(dags: dict[str, dict[str, Any]]) -> None:
    """Each field has a title, a description and a type; the instant is a date with time, or empty."""
    for stage, dag in dags.items():
        for name, field in dag["params"].items():
            assert field["schema"]["title"], (stage, name)
            assert field["description"], (stage, name)
            assert field["schema"]["type"], (stage, name)
        as_of = dag["params"]["as_of"]
        assert as_of["value"] is None
        assert (as_of["schema"]["format"], as_of["schema"]["type"]) == ("date-time", ["null", "string"])


def test_tasks_end_and_are_tried_again(dags: dict[str, dict[str, Any]]) -> None:
    """What may hang has a time limit, and whatever does not run dbt is tried again."""
    for stage, dag in dags.items():
        for name, task in dag["tasks"].items():
            if task["operator"] not in {"ApprovalOperator", "EmptyOperator"} and not name.endswith("_done"):
                assert task["timeout"], (stage, name)
            if not name.startswith("dbt"):
                assert task["retries"] == 2, (stage, name)


def test_assets_wire_the_stages(dags: dict[str, dict[str, Any]], domain: Domain) -> None:
    """Features start all that works on them, a new model starts monitoring; each stage announces what it made."""
    assert dags["features"]["starts_from"] == []
    assert dags["training"]["starts_from"] == [uri(domain, "features")]
    assert dags["monitoring"]["starts_from"] == [uri(domain, "features"), uri(domain, "model")]
    outlets = {
        stage: {name: task["outlets"] for name, task in dag["tasks"].items() if task["outlets"]}
        for stage, dag in dags.items()
    }
    for stage in {"watch", "assessment"} & set(dags):
        assert dags[stage]["starts_from"] == [uri(domain, "features")]
    entities = [assessment.entity for assessment in domain.assessment]
    expected: dict[str, dict[str, list[str]]] = {
        "features": {"publish": [uri(domain, "features")]},
        "training": {"promote": [uri(domain, "model")]},
        "monitoring": {"verdict": [uri(domain, "verdict")]},
        "watch": {},
        "rules": {},
        "assessment": {f"{entity}.answer": [uri(domain, f"assessment/{entity}")] for entity in entities},
    }
    assert outlets == {stage: expected[stage] for stage in stages_of(domain)}


def test_rules_are_kept_before_they_are_tried(dags: dict[str, dict[str, Any]]) -> None:
    """Each night, whatever else has run; what proved itself in shadow is proposed also where a back-test fails."""
    tasks = dags["rules"]["tasks"]
    assert {name: task["upstream"] for name, task in tasks.items()} == {
        "keep": [], "backtest": ["keep"], "propose": [],
    }  # fmt: skip
    assert dags["rules"]["starts_from"] == []


def test_an_assessment_is_trained_before_it_answers(described: dict[str, Any], domain: Domain) -> None:
    """Its DAG starts from the features and has two tasks for each subject; without a subject there is none."""
    dag = described["dags"].get(f"{domain.name}__assessment")
    assert (dag is None) == (not domain.assessment)
    if dag is not None:
        assert dag["starts_from"] == [uri(domain, "features")]
        upstream = {name: task["upstream"] for name, task in dag["tasks"].items()}
        entities = [assessment.entity for assessment in domain.assessment]
        answers = {f"{entity}.answer": [f"{entity}.train"] for entity in entities}
        assert upstream == {f"{entity}.train": [] for entity in entities} | answers


def test_only_dbt_takes_the_pool(described: dict[str, Any], domain: Domain) -> None:
    """What runs dbt, which writes DuckDB, holds the one slot; the tasks that wait for its models hold none."""
    pooled = {
        name
        for dag_id, dag in described["dags"].items()
        if dag_id.startswith(f"{domain.name}__")
        for name, task in dag["tasks"].items()
        if task["pool"] == "duckdb"
    }
    assert pooled == {"dbt.dbt_producer_watcher", "publish"}


def test_there_is_a_task_for_each_model(described: dict[str, Any], domain: Domain) -> None:
    """Every mart of the domain is a task, dbt's tests run in the same process, and publishing waits for all of them."""
    tasks = described["dags"][f"{domain.name}__features"]["tasks"]
    models = {name for name in tasks if name.startswith("dbt.") and name.endswith("_run")}
    assert f"dbt.{domain.name}__subjects_run" in models
    assert f"dbt.{domain.name}__labels_run" in models
    flags = set(tasks["dbt.dbt_producer_watcher"]["flags"])
    assert {"test", "model"} <= flags
    assert "unit_test" not in flags, "they say nothing of data"
    assert "dbt.dbt_producer_watcher_done" in tasks["publish"]["upstream"]
    assert all(tasks[name]["retries"] == 0 for name in models)


def test_no_secret_is_stored_with_a_task(described: dict[str, Any], domain: Domain) -> None:
    """Airflow keeps and shows a task's environment, so it names folders, limits and the build's two variables only."""
    tasks = described["dags"][f"{domain.name}__features"]["tasks"]
    given = {name for task in tasks.values() for name in task["environment"] or {}}
    limits = {"RISKLOOM_DUCKDB_THREADS", "RISKLOOM_DUCKDB_MEMORY"}
    folders = {"RISKLOOM_HOME", "DBT_LOG_PATH", "DBT_TARGET_PATH"}
    assert given == {"RISKLOOM_AS_OF", "RISKLOOM_MATURITY"} | folders | limits


def test_a_task_reads_its_own_domain_while_dbt_writes(parsed: Settings) -> None:
    """
    A task's process reads its file again: DAGs of other domains would delay it, and the manifest that dbt writes in
    place at the end of each run, perhaps at this moment, would hide its own.
    """
    name = next(iter(CATALOG))
    written = parsed.dbt_target / "manifest.json"
    whole = written.read_bytes()
    written.write_bytes(whole[: len(whole) // 2])
    try:
        read = describe(parsed, _AIRFLOW_PARSING_CONTEXT_DAG_ID=f"{name}__features")
    finally:
        written.write_bytes(whole)
    assert read["import_errors"] == {}
    assert set(read["dags"]) == {f"{name}__{stage}" for stage in stages_of(CATALOG[name])}
    assert f"dbt.{name}__subjects_run" in read["dags"][f"{name}__features"]["tasks"]


def test_without_a_manifest_the_dag_is_there_and_stops(
    described_without_manifest: dict[str, Any], domain: Domain
) -> None:
    """Before dbt's project was parsed the file loads, and one task stands where the models will be."""
    assert described_without_manifest["import_errors"] == {}
    tasks = described_without_manifest["dags"][f"{domain.name}__features"]["tasks"]
    assert {name: task["upstream"] for name, task in tasks.items()} == {
        "take_verdicts": [],
        "check_landing": ["take_verdicts"],
        "dbt": ["check_landing"],
        "publish": ["check_landing", "dbt"],
        "verify_served": ["publish"],
    }
