"""What the DAGs of every stage share: names, assets, the form's fields, retries, and the instant a run is about."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, ExceptionRetryPolicy, Param, RetryAction, RetryRule, get_parsing_context

from riskloom.catalog import Domain, load_catalog, load_domain
from riskloom.errors import RiskloomError

#: One slot: DuckDB has one writer, so whatever runs dbt takes it.
DUCKDB_POOL = "duckdb"


def domains_to_build() -> Collection[Domain]:
    """
    The domains a DAG file builds DAGs for: every declared one.

    A task's process reads the file again, for its own DAG alone: with all of them each task would start a second later.
    """
    dag_id = get_parsing_context().dag_id
    return load_catalog().values() if dag_id is None else [load_domain(domain_of(dag_id))]


def asset(domain: Domain, name: str) -> Asset:
    """The asset of a domain that a stage announces: ``features``, ``model`` or ``verdict``."""
    uri = f"riskloom://{domain.name}/{name}"
    return Asset(name=uri, uri=uri, group="riskloom", extra={"domain": domain.name})


def dag_id_of(domain: Domain, stage: str) -> str:
    """The name of a domain's DAG."""
    return f"{domain.name}__{stage}"


def domain_of(dag_id: str) -> str:
    """The domain's name in the name of its DAG."""
    return dag_id.partition("__")[0]


def settings_of(domain: Domain, stage: str, doc: str) -> dict[str, Any]:
    """Arguments that every DAG has: identity, words for people, one run at a time, what to do about failures."""
    return {
        "dag_id": dag_id_of(domain, stage),
        "dag_display_name": f"{domain.title}: {stage}",
        "description": doc.strip().splitlines()[0],
        "doc_md": f"# {domain.title}: {stage}\n\n{doc}\n\n{' '.join(domain.description.split())}",
        "tags": {domain.name, stage},
        "catchup": False,
        "max_active_runs": 1,
        "dagrun_timeout": timedelta(hours=12),
        "default_args": {
            "owner": domain.owner,
            "retries": 2,
            "retry_delay": timedelta(minutes=1),
            "retry_exponential_backoff": True,
            "max_retry_delay": timedelta(minutes=15),
            # a refusal would be refused again: only what may pass by itself is tried again
            "retry_policy": ExceptionRetryPolicy(
                rules=[RetryRule(RiskloomError, RetryAction.FAIL, reason="refused, not disturbed")]
            ),
            "execution_timeout": timedelta(minutes=30),
        },
    }


def as_of_field() -> Param:
    """The form's field for the instant a run is about."""
    return Param(
        None,
        type=["null", "string"],
        format="date-time",
        title="As of",
        description="Use only what was known before this instant. Empty: the instant of the run that triggered this "
        "one, or else that of the newest event that has landed.",
    )


def flag_field(title: str, description: str, *, default: bool = False) -> Param:
    """A yes-or-no field of the form."""
    return Param(default, type="boolean", title=title, description=description)


def as_of_text(context: Mapping[str, Any]) -> str | None:
    """The instant a run was asked for: by its form, else by the newest event that triggered it."""
    asked: str | None = context["params"].get("as_of")
    if asked:
        return asked
    events = [event for found in (context.get("triggering_asset_events") or {}).values() for event in found]
    return max((event.extra["as_of"] for event in events if "as_of" in (event.extra or {})), default=None)
