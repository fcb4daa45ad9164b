"""
Rules: try what people wrote, and propose what has proved itself in shadow.

One DAG for each domain, each night. It takes up what the scoring service asked for, keeps the rules in files as
versions, tries drafts that were never tried on the history of the training, and turns what rules in shadow would have
done into proposals. It approves nothing: people do, with `riskloom rules approve`.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, get_current_context, task

from dags.blueprint import as_of_field, as_of_text, dag_id_of, domains_to_build, settings_of
from riskloom.catalog import Domain

log = logging.getLogger(__name__)


def build(domain: Domain) -> DAG:
    """The DAG of one domain."""
    words = settings_of(domain, "rules", __doc__ or "")
    with DAG(**words, schedule="@daily", params={"as_of": as_of_field()}) as dag:
        keep(domain.name) >> backtest(domain.name)
        propose(domain.name)
    return dag


@task
def keep(name: str) -> dict[str, Any]:
    """Take up requests of the service, then keep the files as versions; gives how many of each."""
    from riskloom.catalog import load_domain
    from riskloom.lifecycle.requests import take_requests
    from riskloom.lifecycle.versions import sync_versions
    from riskloom.rules.book import rule_files
    from riskloom.settings import load_settings
    from riskloom.wiring import rule_controls, rule_schema

    settings, domain = load_settings(), load_domain(name)
    controls = rule_controls(settings)
    stopped = take_requests(controls, name)
    with controls.commanding(name, domain.owner) as desk:
        written = sync_versions(desk, name, rule_files(domain.folder), schema=rule_schema(settings, domain))
    return {"stopped": [request.rule_id for request in stopped], "written": len(written)}


@task(execution_timeout=timedelta(hours=2))
def backtest(name: str) -> dict[str, int]:
    """Try each draft that was never tried; gives the hits of each."""
    import uuid

    from riskloom.catalog import load_domain
    from riskloom.ledger.database import reading
    from riskloom.lifecycle.trials import try_version, untried_drafts
    from riskloom.settings import load_settings
    from riskloom.wiring import as_of_or_watermark, champion_of, rule_controls, rule_history, rule_schema

    settings, domain = load_settings(), load_domain(name)
    controls, schema, hits = rule_controls(settings), rule_schema(settings, domain), {}
    as_of = as_of_or_watermark(settings, domain, as_of_text(get_current_context()))
    history, model = rule_history(settings, domain, as_of=as_of), champion_of(settings, domain)
    with reading(controls.engine) as session:
        drafts = untried_drafts(session, name)
    for rule_id, version in drafts:
        report = try_version(
            controls, history, schema, rule_id, version, actor=domain.owner, backtest_id=uuid.uuid4().hex, model=model
        )
        hits[f"{rule_id} {version}"] = report.hits
    return hits


@task
def propose(name: str) -> list[str]:
    """Propose roll-outs of what has proved itself in shadow; gives the proposals' names."""
    import uuid

    from riskloom.lifecycle.shadow import Criteria, propose_rollouts
    from riskloom.settings import load_settings
    from riskloom.wiring import rule_controls

    made = propose_rollouts(rule_controls(load_settings()), name, Criteria(), new_id=lambda: uuid.uuid4().hex)
    for each in made:
        log.info("proposed: %s version %d to %s", each.proposal.rule_id, each.proposal.version, each.to)
    return [each.approval.approval_id for each in made]


for declared in domains_to_build():
    globals()[dag_id_of(declared, "rules")] = build(declared)
