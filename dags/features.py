"""
Features: land what people found, check what has landed, build and test the marts with dbt, publish them to Feast and
online, and hold what was served yesterday against them.

One DAG for each declared domain. dbt runs once, in `dbt_producer_watcher`; the tasks beside it show each model as it is
built. The tests run in the same dbt process: one that fails fails it, by name, and nothing is published.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, TaskGroup, get_current_context, task
from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import ExecutionMode, InvocationMode, LoadMode, TestBehavior

from dags.blueprint import (
    DUCKDB_POOL,
    as_of_field,
    as_of_text,
    asset,
    dag_id_of,
    domains_to_build,
    flag_field,
    settings_of,
)
from riskloom.catalog import Domain
from riskloom.settings import DBT_PROFILE, DBT_TARGET, Settings, load_settings

log = logging.getLogger(__name__)


def build(domain: Domain) -> DAG:
    """The DAG of one domain."""
    manifest = (settings := load_settings()).dbt_manifest
    params = {
        "as_of": as_of_field(),
        "full_refresh": flag_field("Full refresh", "Build every model anew; needed after its SQL has changed."),
    }
    words = settings_of(domain, "features", __doc__ or "")
    with DAG(**words, schedule=domain.training.schedule, params=params) as dag:
        built = _dbt(domain, settings, manifest) if manifest.is_file() else parse_first(str(manifest))
        checked = check_landing(domain.name)
        take_verdicts(domain.name) >> checked >> built >> _publish(domain, checked) >> verify_served(domain.name)
    return dag


@task(execution_timeout=timedelta(minutes=30))
def take_verdicts(name: str) -> dict[str, int]:
    """Land the ledger's labels that have not landed yet; gives how many are new, known, and lack something."""
    from dataclasses import asdict

    from riskloom.catalog import load_domain
    from riskloom.wiring import land_labels

    found = land_labels(load_settings(), load_domain(name), on_incomplete=lambda error: log.error("%s", error))
    return asdict(found)


@task(execution_timeout=timedelta(minutes=10))
def check_landing(name: str) -> dict[str, str]:
    """Land what was pushed; refuse to build from nothing; say what the build is as of: dbt's variables."""
    from datetime import UTC, datetime

    from riskloom import ingest
    from riskloom.catalog import load_domain
    from riskloom.errors import ContractError
    from riskloom.features import dbt
    from riskloom.wiring import as_of_or_watermark, dbt_project, land_accepted

    settings, domain = load_settings(), load_domain(name)
    ingest.prepare_landing(domain, settings.landing)
    log.info("pushed events: %s", land_accepted(settings, domain, now=datetime.now(UTC)))
    check = ingest.check_landing(domain, settings.landing)
    for table, found in check.tables.items():
        log.info("%s: %d rows, newest %s, %d in quarantine", table, found.rows, found.newest, found.quarantined)
    if check.errors:
        raise ContractError("\n".join(check.errors))
    dbt.prepare(domain, dbt_project(settings))
    return dbt.variables(domain, as_of_or_watermark(settings, domain, as_of_text(get_current_context())))


def _dbt(domain: Domain, settings: Settings, manifest: Path) -> TaskGroup:
    """
    A task for each model of the domain, all built by one dbt process.

    The watching tasks only wait, so they take no slot of the pool; they are never retried, since a retry would run dbt
    beside the one that holds DuckDB. To try again, clear the whole group.
    """
    group: TaskGroup = DbtTaskGroup(
        group_id="dbt",
        project_config=ProjectConfig(settings.dbt_project, manifest_path=manifest, install_dbt_deps=False),
        profile_config=ProfileConfig(
            profile_name=DBT_PROFILE,
            target_name=DBT_TARGET,
            profiles_yml_filepath=settings.dbt_project / "profiles.yml",
        ),
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST,
            select=[f"+path:models/marts/{domain.name}"],
            exclude=["resource_type:exposure"],
            test_behavior=TestBehavior.NONE,
            emit_datasets=False,
        ),
        execution_config=ExecutionConfig(
            execution_mode=ExecutionMode.WATCHER,
            invocation_mode=InvocationMode.DBT_RUNNER,
            setup_operator_args={
                "pool": DUCKDB_POOL,
                "execution_timeout": timedelta(hours=4),
                # no task for a test, but dbt runs them: Cosmos adds the other resource types to this one. Unit tests
                # are left out: they say nothing about data, and the same of the same SQL every day.
                "dbt_cmd_flags": ["--resource-type", "test"],
                "full_refresh": "{{ params.full_refresh }}",
            },
        ),
        operator_args={
            "env": _dbt_environment(settings),
            "append_env": True,
            "retries": 0,
            "execution_timeout": timedelta(hours=4),
        },
    )
    return group


def _dbt_environment(settings: Settings) -> dict[str, str]:
    """What dbt reads; it is stored with the DAG, so no secret may be among it."""
    told = "{{ ti.xcom_pull(task_ids='check_landing')['%s'] }}"
    return {
        "RISKLOOM_AS_OF": told % "as_of",
        "RISKLOOM_MATURITY": told % "maturity",
        "RISKLOOM_HOME": str(settings.home),
        "RISKLOOM_DUCKDB_THREADS": str(settings.duckdb_threads),
        "RISKLOOM_DUCKDB_MEMORY": settings.duckdb_memory,
        "DBT_TARGET_PATH": str(settings.dbt_target),
        "DBT_LOG_PATH": str(settings.dbt_target.parent / "logs"),
    }


@task(task_id="dbt")
def parse_first(manifest: str) -> None:
    """Stand where the models would be while there is no manifest to know them from."""
    from riskloom.errors import FeatureError

    raise FeatureError(
        f"{manifest}: no such file; run `riskloom features parse`, then wait for the DAG to be read again"
    )


def _publish(domain: Domain, checked: Any) -> Any:
    features = asset(domain, "features")

    @task(outlets=[features], execution_timeout=timedelta(hours=4), pool=DUCKDB_POOL)
    def publish(name: str, variables: dict[str, str]) -> dict[str, Any]:
        """Describe the marts to Feast, bring what is online up to what has landed, and announce it."""
        from datetime import UTC, datetime

        from riskloom.catalog import load_domain
        from riskloom.features import apply, catch_up, dbt, load_views, materialise, open_store
        from riskloom.wiring import dbt_project, publish_plans, store_location

        settings, declared = load_settings(), load_domain(name)
        views = load_views(declared, dbt.publish_manifest(dbt_project(settings)))
        location, as_of = store_location(settings), datetime.fromisoformat(variables["as_of"])
        store = open_store(location)
        apply(store, declared, views, settings.marts)
        caught = catch_up(
            declared,
            location,
            marts=settings.marts,
            entries=settings.entries,
            as_of=as_of,
            now=datetime.now(UTC),
            anew=get_current_context()["params"]["full_refresh"],
            threads=settings.duckdb_threads,
            memory=settings.duckdb_memory,
        )
        log.info("live windows: %s", caught)
        for line in publish_plans(settings, declared, now=datetime.now(UTC)).lines():
            log.warning("%s", line)
        if caught.moved:
            # they entered after decisions that had not seen them, so the marts must see them later, too
            dbt.build(declared, dbt_project(settings), as_of=as_of)
        online = materialise(store, declared, views, as_of=as_of)
        get_current_context()["outlet_events"][features].extra = {"as_of": variables["as_of"]}
        return {"as_of": variables["as_of"], "written": list(online.written), "newer": list(online.newer)}

    return publish(domain.name, checked)


@task(execution_timeout=timedelta(hours=1))
def verify_served(name: str) -> dict[str, Any]:
    """Recompute what was served yesterday: fail where a decision saw another value than the marts have for it."""
    from datetime import UTC, datetime

    from airflow.sdk.exceptions import AirflowFailException

    from riskloom.catalog import load_domain
    from riskloom.features import load_views
    from riskloom.features.verification import day_of, describe, verify_served
    from riskloom.wiring import dbt_project

    settings, domain = load_settings(), load_domain(name)
    start, end = day_of(None, now=datetime.now(UTC))
    found = verify_served(
        domain,
        load_views(domain, dbt_project(settings).manifest),
        decisions=settings.decisions,
        marts=settings.marts,
        start=start,
        end=end,
        threads=settings.duckdb_threads,
        memory=settings.duckdb_memory,
    )
    lines = list(describe(found))
    for line in lines:
        log.info(line)
    if not found.is_exact:
        raise AirflowFailException("\n".join(lines))
    return {"decisions": found.decisions, "compared": found.compared, "not_built": found.not_built}


for declared in domains_to_build():
    globals()[dag_id_of(declared, "features")] = build(declared)
