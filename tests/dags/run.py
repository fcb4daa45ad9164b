"""
Run DAGs to their end in this process and print what came of them as JSON; run by the tests, with Airflow's environment.

The only argument is a JSON list of steps: ``{"dag": …, "conf": {…}, "minimum": …}``. The budget of the search is cut to
what a test can wait for, and ``minimum`` replaces the gate's.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import riskloom.catalog
from riskloom.catalog import DOMAINS, Assessment, Domain, load_domain


def main() -> None:
    """Print one line with a list of outcomes, a step each."""
    from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415
    from airflow.utils.db import initdb  # noqa: PLC0415

    initdb()
    bag = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    outcomes = [run(bag.dags[step["dag"]], step) for step in json.loads(sys.argv[1])]
    print(json.dumps(outcomes, default=str))


def run(dag: Any, step: dict[str, Any]) -> dict[str, Any]:
    """Run one DAG; states and return values by task, and the assets it announced with what they carry."""

    def load_small(name: str, folder: Path = DOMAINS) -> Domain:
        return small(load_domain(name, folder), step.get("minimum"))

    riskloom.catalog.load_domain = load_small
    put_dbt_first(dag)
    done = dag.test(run_conf=step.get("conf"))
    tasks = done.get_task_instances()
    return {
        "state": done.state,
        "tasks": {task.task_id: str(task.state) for task in tasks},
        "returned": {task.task_id: task.xcom_pull(task_ids=task.task_id, run_id=done.run_id) for task in tasks},
        "reasons": tasks[0].xcom_pull(task_ids="promote", key="reasons", run_id=done.run_id),
        "announced": announced(done.run_id),
    }


def put_dbt_first(dag: Any) -> None:
    """Run here one task at a time in any order, a task that watches dbt would wait for ever if it came before it."""
    for task in dag.tasks:
        producer = getattr(task, "producer_task_id", None)
        if producer and producer not in task.upstream_task_ids:
            task.set_upstream(dag.get_task(producer))


def announced(run_id: str) -> dict[str, Any]:
    """URI to extra of the asset events of one run."""
    from airflow.models.asset import AssetEvent  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415
    from sqlalchemy import select  # noqa: PLC0415

    with create_session() as session:
        events = session.scalars(select(AssetEvent).where(AssetEvent.source_run_id == run_id))
        return {event.asset.uri: event.extra for event in events}


def small(domain: Domain, minimum: float | None) -> Domain:
    """The domain with one trial of one candidate, a small sample, and a gate that a small history can pass."""
    training = domain.training.model_copy(update={"candidates": ("lightgbm",), "trials": 1, "folds": 1})
    monitoring = domain.monitoring.model_copy(update={"sample": 1_000})
    # a small history has few positives; how many a verdict needs is the gate's own tests' matter
    gate = domain.gate.model_copy(update={"minimum": minimum or domain.gate.minimum, "min_positives": 5})
    changed: dict[str, Any] = {"training": training, "monitoring": monitoring, "gate": gate}
    changed["assessment"] = tuple(small_assessment(assessment, minimum) for assessment in domain.assessment)
    return domain.model_copy(update=changed)


def small_assessment(assessment: Assessment, minimum: float | None) -> Assessment:
    """The assessment with a short holdout and a gate that a small history can pass."""
    changed = {"minimum": minimum or assessment.gate.minimum, "min_positives": 5, "coverage_tolerance": 0.3}
    gate = assessment.gate.model_copy(update=changed)
    return assessment.model_copy(update={"gate": gate, "holdout": timedelta(days=14), "maturity": timedelta(days=14)})


if __name__ == "__main__":
    main()
