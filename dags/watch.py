"""
Watch: judge subjects in batch and without labels; say which are unusual, and why.

One DAG for each domain that declares a watch, started when the domain's features are announced, with a task for each
watch. The reports are written to `watch/<domain>/<entity>/`. A watch flags; it decides nothing.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, get_current_context, task

from dags.blueprint import as_of_field, as_of_text, asset, dag_id_of, domains_to_build, settings_of
from riskloom.catalog import Domain

log = logging.getLogger(__name__)


def build(domain: Domain) -> DAG:
    """The DAG of one domain."""
    words = settings_of(domain, "watch", __doc__ or "")
    with DAG(**words, schedule=[asset(domain, "features")], params={"as_of": as_of_field()}) as dag:
        for watch in domain.watch:
            judge.override(task_id=watch.entity)(domain.name, watch.entity)
    return dag


@task(execution_timeout=timedelta(hours=1))
def judge(name: str, entity: str) -> dict[str, Any]:
    """Judge the newest rows of one watch; gives how many were judged and how many are unusual."""
    from riskloom.catalog import load_domain
    from riskloom.settings import load_settings
    from riskloom.watch import run, write_report
    from riskloom.wiring import as_of_or_watermark

    settings, domain = load_settings(), load_domain(name)
    watch = next(watch for watch in domain.watch if watch.entity == entity)
    report = run(
        domain,
        watch,
        settings.marts,
        as_of=as_of_or_watermark(settings, domain, as_of_text(get_current_context())),
        threads=settings.duckdb_threads,
        memory=settings.duckdb_memory,
    )
    path = write_report(report, settings.watch)
    # who is unusual stands in the report, not in a log: keys may stand for people
    log.info("%d of %d rows are unusual, chance alone: %.1f", len(report.findings), report.rows, report.expected)
    return {"rows": report.rows, "findings": len(report.findings), "report": str(path)}


for declared in domains_to_build():
    if declared.watch:
        globals()[dag_id_of(declared, "watch")] = build(declared)
