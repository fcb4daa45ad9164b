"""Load the DAG files as Airflow does and print what they hold as JSON; run by the tests, with Airflow's environment."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from airflow.dag_processing.dagbag import DagBag


def main() -> None:
    """Print the description as the last line."""
    started = time.monotonic()
    bag = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    seconds = time.monotonic() - started
    document = {
        "seconds": seconds,
        "import_errors": bag.import_errors,
        "modules": sorted({name.split(".")[0] for name in sys.modules}),
        "dags": {dag.dag_id: describe(dag) for dag in bag.dags.values()},
    }
    print(json.dumps(document, default=str))


def describe(dag: Any) -> dict[str, Any]:
    """What the tests ask about one DAG."""
    return {
        "file": os.path.basename(dag.fileloc),  # noqa: PTH119
        "title": dag.dag_display_name,
        "tags": sorted(dag.tags),
        "doc": dag.doc_md,
        "owner": dag.owner,
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "dagrun_timeout": dag.dagrun_timeout.total_seconds(),
        "starts_from": sorted(asset.uri for asset in getattr(dag.timetable.asset_condition, "objects", ())),
        "params": {name: dag.params.get_param(name).serialize() for name in dag.params},
        "tasks": {task.task_id: describe_task(task) for task in dag.tasks},
    }


def describe_task(task: Any) -> dict[str, Any]:
    """What the tests ask about one task."""
    return {
        "operator": type(task).__name__,
        "pool": task.pool,
        "retries": task.retries,
        "timeout": task.execution_timeout.total_seconds() if task.execution_timeout else None,
        "upstream": sorted(task.upstream_task_ids),
        "outlets": [asset.uri for asset in task.outlets],
        "environment": getattr(task, "env", None),
        "flags": getattr(task, "dbt_cmd_flags", None),
    }


if __name__ == "__main__":
    main()
