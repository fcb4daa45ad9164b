"""
Assessment: train the models that judge a domain's further subjects in batch, and answer the cases that are open.

One DAG for each domain that declares an assessment, started when its features are announced; two tasks for each
assessment. A model that the gate refuses is kept and does not answer: the newest that passed does. While none has
passed yet the answers are skipped, with the reason.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, TaskGroup, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from dags.blueprint import as_of_field, as_of_text, asset, dag_id_of, domains_to_build, settings_of
from riskloom.catalog import Domain

log = logging.getLogger(__name__)


def build(domain: Domain) -> DAG:
    """The DAG of one domain."""
    words = settings_of(domain, "assessment", __doc__ or "")
    params = {"as_of": as_of_field()}
    with DAG(**words, schedule=[asset(domain, "features")], params=params) as dag:
        for assessment in domain.assessment:
            with TaskGroup(assessment.entity):
                _answer(domain, assessment.entity, train(domain.name, assessment.entity))
    return dag


@task(execution_timeout=timedelta(hours=1))
def train(name: str, entity: str) -> dict[str, Any]:
    """Fit, judge, save and sign a model."""
    from riskloom.assessment import train_and_save
    from riskloom.catalog import load_domain
    from riskloom.settings import load_settings
    from riskloom.wiring import as_of_or_watermark, commit_of, model_store

    settings, domain = load_settings(), load_domain(name)
    as_of = as_of_or_watermark(settings, domain, as_of_text(get_current_context()))
    outcome = train_and_save(
        domain, entity, settings.marts, model_store(settings), as_of=as_of, commit=commit_of(settings.project)
    )
    for reason in (*outcome["verdict"]["reasons"], *outcome["verdict"]["notes"]):
        log.info("%s", reason)
    return {**outcome, "as_of": as_of.isoformat()}


def _answer(domain: Domain, entity: str, trained: Any) -> Any:
    outlet = asset(domain, f"assessment/{entity}")

    @task(outlets=[outlet], execution_timeout=timedelta(hours=1))
    def answer(name: str, entity: str, trained: dict[str, Any]) -> dict[str, Any]:
        """Answer what is open and announce it; skip, saying why, while no model has passed."""
        from datetime import datetime

        from riskloom.assessment import assess_open, passed_version
        from riskloom.catalog import load_domain
        from riskloom.settings import load_settings
        from riskloom.wiring import model_store

        settings = load_settings()
        models = model_store(settings)
        if passed_version(models, name, entity) is None:
            raise AirflowSkipException("no model has passed yet: " + "; ".join(trained["verdict"]["reasons"]))
        as_of = datetime.fromisoformat(trained["as_of"])
        outcome = assess_open(load_domain(name), entity, settings.marts, models, settings.assessments, as_of=as_of)
        said = {"as_of": trained["as_of"], "version": outcome["version"], "cases": outcome["cases"]}
        get_current_context()["outlet_events"][outlet].extra = said
        return outcome

    return answer(domain.name, entity, trained)


for declared in domains_to_build():
    if declared.assessment:
        globals()[dag_id_of(declared, "assessment")] = build(declared)
