"""
Training: fit a challenger on mature labels, judge it, ask a person where that is declared, promote it.

One DAG for each declared domain, started when its features are announced. A challenger that the gate refuses ends in a
skipped promotion, not in a failure: the reasons stand in the task's log, in its XCom `reasons` and in the model card.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, TriggerRule, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from dags.blueprint import as_of_field, as_of_text, asset, dag_id_of, domains_to_build, flag_field, settings_of
from riskloom.catalog import Domain

log = logging.getLogger(__name__)

#: What a person sees who is asked; rendered by Airflow, so it names what the run found.
_QUESTION = """
Challenger **version {{ ti.xcom_pull(task_ids='train')['version'] }}**
({{ ti.xcom_pull(task_ids='train')['kind'] }}) passed the gate on the newest matured decisions:

{% set verdict = ti.xcom_pull(task_ids='validate')['verdict'] -%}
- {{ verdict['metric'] }}: {{ verdict['value'] }}, interval {{ verdict['interval'] }}, minimum {{ verdict['minimum'] }}
- champion now: {{ verdict['champion'] or 'none' }}, with {{ verdict['champion_value'] }} on the same rows
{% for note in verdict['notes'] %}- {{ note }}
{% endfor %}
Its card: `{{ ti.xcom_pull(task_ids='train')['card'] }}`
"""


def build(domain: Domain) -> DAG:
    """The DAG of one domain."""
    params = {
        "as_of": as_of_field(),
        "approval": flag_field(
            "Ask a person", "A person approves the promotion in Airflow.", default=domain.training.approval
        ),
    }
    schedule = [asset(domain, "features")]
    with DAG(**settings_of(domain, "training", __doc__ or ""), schedule=schedule, params=params) as dag:
        trained: Any = train(domain.name)
        validated: Any = validate(domain.name, trained)
        approve = ApprovalOperator(
            task_id="approve",
            subject=f"{domain.title}: promote version {{{{ ti.xcom_pull(task_ids='train')['version'] }}}}?",
            body=_QUESTION,
            response_timeout=timedelta(days=2),
            execution_timeout=None,
        )
        promote = _promote(domain, validated)
        who_decides(validated) >> [approve, promote]
        approve >> promote
    return dag


@task(execution_timeout=timedelta(hours=6))
def train(name: str) -> dict[str, Any]:
    """Fit, save and sign a challenger."""
    from datetime import UTC, datetime

    from riskloom.catalog import load_domain
    from riskloom.settings import load_settings
    from riskloom.training.pipeline import train_and_save
    from riskloom.wiring import as_of_or_watermark, commit_of, feature_source, model_store

    settings, domain, context = load_settings(), load_domain(name), get_current_context()
    as_of = as_of_or_watermark(settings, domain, as_of_text(context))
    outcome = train_and_save(
        domain,
        feature_source(settings, domain),
        model_store(settings),
        settings.registry,
        as_of=as_of,
        at=datetime.now(UTC),
        by=f"airflow: {context['run_id']}",
        commit=commit_of(settings.project),
        on_progress=lambda done, total, text: log.info("%d of %d: %s", done, total, text),
    )
    return {**outcome, "as_of": as_of.isoformat()}


@task(execution_timeout=timedelta(hours=1))
def validate(name: str, trained: dict[str, Any]) -> dict[str, Any]:
    """Judge the saved bytes beside whoever is champion now; sign the verdict."""
    from datetime import datetime

    from riskloom.catalog import load_domain
    from riskloom.settings import load_settings
    from riskloom.training.pipeline import validate
    from riskloom.wiring import feature_source, model_store

    settings, domain = load_settings(), load_domain(name)
    as_of = datetime.fromisoformat(trained["as_of"])
    source = feature_source(settings, domain)
    judged = validate(domain, source, model_store(settings), settings.registry, trained["version"], as_of=as_of)
    for reason in (*judged["verdict"]["reasons"], *judged["verdict"]["notes"]):
        log.info("%s", reason)
    return {**judged, "as_of": trained["as_of"]}


@task.branch
def who_decides(validated: dict[str, Any]) -> str:
    """A person, where the gate passed and one is asked for; else the gate alone."""
    is_asked = validated["passed"] and get_current_context()["params"]["approval"]
    return "approve" if is_asked else "promote"


def _promote(domain: Domain, validated: Any) -> Any:
    model = asset(domain, "model")

    @task(outlets=[model], trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
    def promote(name: str, validated: dict[str, Any]) -> dict[str, Any]:
        """Make the version champion and announce it; skip, saying why, where the gate refused it."""
        from datetime import UTC, datetime

        from riskloom.settings import load_settings
        from riskloom.training.pipeline import promote_if_passed
        from riskloom.wiring import model_store, plan_compiler

        settings, context = load_settings(), get_current_context()
        answer = context["ti"].xcom_pull(task_ids="approve") or {}
        person = (answer.get("responded_by_user") or {}).get("name")
        outcome = promote_if_passed(
            name,
            model_store(settings),
            settings.registry,
            validated["version"],
            compile_plan=plan_compiler(settings),
            by=person or f"airflow: {context['run_id']}",
            why=f"passed the gate as of {validated['as_of']}" + (", approved in Airflow" if person else ""),
            at=datetime.now(UTC),
        )
        if not outcome["promoted"]:
            context["ti"].xcom_push("reasons", outcome["reasons"])
            raise AirflowSkipException("not promoted: " + "; ".join(outcome["reasons"]))
        context["outlet_events"][model].extra = {"as_of": validated["as_of"], "version": validated["version"]}
        return outcome

    return promote(domain.name, validated)


for declared in domains_to_build():
    globals()[dag_id_of(declared, "training")] = build(declared)
