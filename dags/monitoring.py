"""
Monitoring: data quality, drift, and the champion's performance on matured labels.

One DAG for each declared domain, started when its features or its model are announced. The verdict is written to
`monitoring/<domain>/` and announced with its status. On an alarm the task `alarm` runs, where it is skipped otherwise;
with `fail_on_alarm` it fails, so that whatever tells people about failed runs tells them about the alarm.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, AssetAny, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from dags.blueprint import as_of_field, as_of_text, asset, dag_id_of, domains_to_build, flag_field, settings_of
from riskloom.catalog import Domain

log = logging.getLogger(__name__)


def build(domain: Domain) -> DAG:
    """The DAG of one domain."""
    params = {
        "as_of": as_of_field(),
        "fail_on_alarm": flag_field("Fail on an alarm", "The run fails where the verdict is an alarm."),
    }
    schedule = AssetAny(asset(domain, "features"), asset(domain, "model"))
    with DAG(**settings_of(domain, "monitoring", __doc__ or ""), schedule=schedule, params=params) as dag:
        alarm(_verdict(domain, report(domain.name)))
    return dag


@task(execution_timeout=timedelta(hours=1))
def report(name: str) -> str:
    """Compare, measure, draw the reports and write the verdict; gives its file."""
    from riskloom.catalog import load_domain
    from riskloom.monitoring import run, verdict_path
    from riskloom.settings import load_settings
    from riskloom.wiring import as_of_or_watermark, decision_source, model_store

    settings, domain = load_settings(), load_domain(name)
    verdict = run(
        domain,
        decision_source(settings, domain),
        models=model_store(settings),
        registry=settings.registry,
        folder=settings.monitoring,
        as_of=as_of_or_watermark(settings, domain, as_of_text(get_current_context())),
    )
    return str(verdict_path(settings.monitoring, name, verdict.as_of))


def _verdict(domain: Domain, path: Any) -> Any:
    outlet = asset(domain, "verdict")

    @task(outlets=[outlet])
    def verdict(path: str) -> dict[str, Any]:
        """Read the verdict back, as the next one will, and announce it."""
        from pathlib import Path

        from riskloom.monitoring import read_verdict

        found = read_verdict(Path(path))
        for finding in found.findings:
            log.warning("%s: %s", finding.severity, finding.reason)
        said: dict[str, Any] = {
            "as_of": found.as_of.isoformat(),
            "status": found.status,
            "model_version": found.model_version,
        }
        get_current_context()["outlet_events"][outlet].extra = said
        return {**said, "reasons": list(found.reasons)}

    return verdict(path)


@task
def alarm(verdict: dict[str, Any]) -> None:
    """Run on an alarm alone: skipped where there is none, failed where the form asks for it."""
    if verdict["status"] != "alarm":
        raise AirflowSkipException(f"no alarm: the verdict is {verdict['status']}")
    reasons = "; ".join(verdict["reasons"])
    if get_current_context()["params"]["fail_on_alarm"]:
        raise AirflowFailException(f"alarm: {reasons}")
    log.error("alarm: %s", reasons)


for declared in domains_to_build():
    globals()[dag_id_of(declared, "monitoring")] = build(declared)
