"""From settings to what the library takes as arguments; for the command line and the DAGs' tasks. Imports are light."""

from __future__ import annotations

import math
import os
import socket
import subprocess
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from riskloom.catalog import Domain
from riskloom.errors import ConfigError, LedgerError
from riskloom.settings import Settings, environment

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from riskloom.features import PlanCompiler, StoreLocation
    from riskloom.features.dbt import DbtProject
    from riskloom.ingest import LandedEvents
    from riskloom.ingest.labels import LandedLabels
    from riskloom.intake.queue import EventQueue
    from riskloom.ledger.audit import AuditTrail
    from riskloom.ledger.cargo import Cargo
    from riskloom.ledger.replay import Replay
    from riskloom.ledger.schema import Decision
    from riskloom.ledger.shipping import Shipper
    from riskloom.lifecycle.history import History
    from riskloom.lifecycle.publishing import Controls
    from riskloom.monitoring import Source
    from riskloom.registry import LoadedModel, ModelStore, Renewed
    from riskloom.rules import Schema
    from riskloom.scoring import Features
    from riskloom.stack.keeper import Keeper
    from riskloom.training.pipeline import FeatureSource

#: So long after its day a file of accepted events that has landed is kept.
KEEP_EVENTS = timedelta(days=7)


def dbt_project(settings: Settings) -> DbtProject:
    """Where dbt works."""
    from riskloom.features.dbt import DbtProject  # noqa: PLC0415

    return DbtProject(
        folder=settings.dbt_project,
        target=settings.dbt_target,
        manifest=settings.dbt_manifest,
        marts=settings.marts,
        entries=settings.entries,
        environment=environment(settings),
    )


def store_location(settings: Settings) -> StoreLocation:
    """Where Feast works."""
    from riskloom.features import StoreLocation  # noqa: PLC0415

    redis = settings.redis_url.get_secret_value() if settings.online_store == "redis" else None
    return StoreLocation(
        repo=settings.project / "feature_repo",
        registry=settings.feast_registry,
        online=redis or settings.feast_online,
        manifest=settings.dbt_manifest,
    )


def model_store(settings: Settings) -> ModelStore:
    """Where models are."""
    from riskloom.registry import ModelStore  # noqa: PLC0415

    return ModelStore(settings.bentoml_home, settings.keys)


def plan_compiler(settings: Settings) -> PlanCompiler:
    """Compiles the read plans of models from what is declared now."""
    from riskloom.features import PlanCompiler  # noqa: PLC0415

    return PlanCompiler(store_location(settings))


def publish_plans(settings: Settings, domain: Domain, *, now: datetime) -> Renewed:
    """
    Let models in service follow what was published: compile their plans anew, then say which windows are kept up.

    Called once the windows hold what has landed, by everything that publishes features.
    """
    from riskloom.features import keep_from_now  # noqa: PLC0415
    from riskloom.registry import renew_plans  # noqa: PLC0415

    renewed = renew_plans(settings.registry, model_store(settings), domain.name, compile_plan=plan_compiler(settings))
    keep_from_now(domain, store_location(settings), now=now)
    return renewed


def decision_source(settings: Settings, domain: Domain) -> Source:
    """Where a domain's decisions come from; opens Feast's store, which takes seconds to import."""
    from riskloom.features import load_views, open_store  # noqa: PLC0415
    from riskloom.monitoring import Source  # noqa: PLC0415

    return Source(
        views=load_views(domain, dbt_project(settings).manifest),
        store=open_store(store_location(settings)),
        marts=settings.marts,
    )


def event_features(settings: Settings, domain: Domain) -> Features:
    """What gives the features of a domain's events, point in time; opens Feast's store, which takes seconds."""
    from riskloom.features import features_at, load_views, open_store  # noqa: PLC0415

    views = load_views(domain, dbt_project(settings).manifest)
    return partial(features_at, domain, views, open_store(store_location(settings)))


def feature_source(settings: Settings, domain: Domain) -> FeatureSource:
    """Where a domain's training sets come from; the feature store is opened at the first use."""
    from riskloom.training.pipeline import FeatureSource  # noqa: PLC0415

    return FeatureSource(
        domain,
        dbt_project(settings).manifest,
        store_location(settings),
        settings.marts,
        released=lambda start, end: released_subjects(settings, domain, start, end),
    )


def ledger_engine(settings: Settings) -> Engine:
    """The ledger's database, without a look at its tables."""
    from riskloom.ledger.database import open_database, sqlite_url  # noqa: PLC0415

    url = settings.ledger_url
    return open_database(sqlite_url(settings.ledger) if url is None else url.get_secret_value())


def audit_trail(settings: Settings) -> AuditTrail:
    """The writing end of the audit chain."""
    from riskloom.ledger.audit import AuditTrail, ensure_audit_key  # noqa: PLC0415

    return AuditTrail(ensure_audit_key(settings.keys), settings.audit_anchor)


def rule_schema(settings: Settings, domain: Domain) -> Schema:
    """What a domain's rules may speak of."""
    from riskloom.lifecycle.vocabulary import read_vocabulary  # noqa: PLC0415

    return read_vocabulary(domain, settings.dbt_manifest).schema


def rule_controls(settings: Settings) -> Controls:
    """Where commands for rules and lists are done and published; raises LedgerError where the ledger has no tables."""
    from riskloom.ledger.migrations import check_migrated  # noqa: PLC0415

    controls = unchecked_controls(settings)
    check_migrated(controls.engine)
    return controls


def unchecked_controls(settings: Settings) -> Controls:
    """The same without a look at the ledger, for a process that may start before it."""
    from riskloom.lifecycle.assignment import ensure_assignment_key  # noqa: PLC0415
    from riskloom.lifecycle.publishing import Controls  # noqa: PLC0415
    from riskloom.pseudonyms import ensure_pseudonym_key  # noqa: PLC0415
    from riskloom.registry import ensure_signing_key  # noqa: PLC0415

    return Controls(
        engine=ledger_engine(settings),
        trail=audit_trail(settings),
        folder=settings.rules,
        signing_key=ensure_signing_key(settings.keys),
        assignment_key=ensure_assignment_key(settings.keys),
        pseudonym_key=ensure_pseudonym_key(settings.keys),
        clock=lambda: datetime.now(UTC),
    )


def rule_history(
    settings: Settings, domain: Domain, *, as_of: datetime, start: datetime | None = None, end: datetime | None = None
) -> History:
    """What rules are tried on: by default the decisions up to ``as_of`` for as long as a training looks back."""
    from riskloom.features import load_views  # noqa: PLC0415
    from riskloom.lifecycle.history import History  # noqa: PLC0415

    until = end or as_of
    return History(
        domain,
        load_views(domain, dbt_project(settings).manifest),
        settings.marts,
        start=start or until - domain.training.history,
        end=until,
        as_of=as_of,
        threads=settings.duckdb_threads,
        memory=settings.duckdb_memory,
    )


def champion_of(settings: Settings, domain: Domain) -> LoadedModel | None:
    """The champion, opened after a check; None where there is none."""
    from riskloom.registry import load_model, read_record  # noqa: PLC0415

    version = read_record(settings.registry, domain.name).champion
    return None if version is None else load_model(model_store(settings), domain.name, version)


def shipper(settings: Settings, domains: Mapping[str, Domain]) -> Shipper:
    """Ships this home's decisions to the ledger."""
    from riskloom.ledger.cargo import DecisionCargo  # noqa: PLC0415
    from riskloom.ledger.records import Alerting  # noqa: PLC0415

    alerting = {}
    for name, domain in domains.items():
        missed = domain.costs.false_negative
        # The mildest outcome goes through; every other one is somebody's to look at.
        outcomes = frozenset(outcome.name for outcome in domain.outcome[1:])
        alerting[name] = Alerting(outcomes, "amount" if isinstance(missed, str) else Decimal(str(missed)))
    related = {name: domain.subject.related for name, domain in domains.items()}
    return _shipper(settings, settings.decisions, DecisionCargo(alerting, related))


def shadow_shipper(settings: Settings) -> Shipper:
    """Ships what models in shadow said of this home's decisions."""
    from riskloom.ledger.shadows import ShadowCargo  # noqa: PLC0415

    return _shipper(settings, settings.shadows, ShadowCargo())


def _shipper(settings: Settings, outbox: Path, cargo: Cargo) -> Shipper:
    from riskloom.ledger.shipping import Shipper  # noqa: PLC0415

    host = socket.gethostname()
    return Shipper(
        ledger_engine(settings),
        outbox,
        source=f"{host}:{outbox}",
        holder=f"{host}:{os.getpid()}",
        clock=lambda: datetime.now(UTC),
        cargo=cargo,
    )


def outbox_source(settings: Settings) -> str:
    """What this machine's outbox is called in the ledger."""
    return f"{socket.gethostname()}:{settings.decisions}"


def ledger_keeper(
    settings: Settings,
    domains: Mapping[str, Domain],
    *,
    keep_for: timedelta,
    sla: timedelta,
    say: Callable[[str], None],
) -> Keeper:
    """Ships this home's decisions and looks after what comes of them, until it is told to stop."""
    from riskloom.stack.keeper import Keeper, Office, Upkeep  # noqa: PLC0415

    office = Office(
        controls=unchecked_controls(settings),
        outbox=settings.decisions,
        source=outbox_source(settings),
        sla=sla,
        new_id=lambda: str(uuid.uuid4()),
    )
    return Keeper(shipper(settings, domains), shadow_shipper(settings), office, domains, Upkeep(keep_for), say=say)


def land_labels(settings: Settings, domain: Domain, *, on_incomplete: Callable[[LedgerError], None]) -> LandedLabels:
    """Land what people found; nothing where there is no ledger yet. Raises LedgerError for one of another release."""
    from riskloom.ingest import ensure_pseudonym_key  # noqa: PLC0415
    from riskloom.ingest.labels import LandedLabels, land_labels  # noqa: PLC0415
    from riskloom.ledger.migrations import check_migrated, has_tables  # noqa: PLC0415

    engine = ledger_engine(settings)
    if not has_tables(engine):
        return LandedLabels()
    check_migrated(engine)
    return land_labels(
        engine,
        domain,
        landing=settings.landing,
        quarantine=settings.quarantine,
        observed_at=datetime.now(UTC),
        pseudonym_key=ensure_pseudonym_key(settings.keys),
        on_incomplete=on_incomplete,
    )


def released_subjects(settings: Settings, domain: Domain, start: datetime, end: datetime) -> dict[str, float]:
    """Subjects of a stretch of time that were released at random, with which probability; none without a ledger."""
    from riskloom.ledger.database import reading  # noqa: PLC0415
    from riskloom.ledger.migrations import check_migrated, has_tables  # noqa: PLC0415
    from riskloom.ledger.queries import release_propensities  # noqa: PLC0415

    engine = ledger_engine(settings)
    if not has_tables(engine):
        return {}
    check_migrated(engine)
    with reading(engine) as session:
        return release_propensities(session, domain.name, since=start, until=end)


def replay_decision(settings: Settings, decision: Decision, domain: Domain) -> Replay:
    """Make a decision again with the model version that made it; raises where that is not there or was changed."""
    from riskloom.features import compute_one  # noqa: PLC0415
    from riskloom.ledger.replay import replay  # noqa: PLC0415
    from riskloom.policy import CostPolicy  # noqa: PLC0415
    from riskloom.registry import load_model  # noqa: PLC0415

    model = load_model(model_store(settings), domain.name, decision.model_version)
    manifest, policy = model.manifest, CostPolicy(domain)
    amount = math.nan if decision.amount is None else float(decision.amount)

    def choose(score: float | None) -> str:
        """With the rules and scenarios that hit then: conditions saw lists and features that a replay does not have."""
        said: dict[str, dict[str, list[str]]] = {"force": {}, "forbid": {}}
        for hit in decision.rules_hit:
            if hit["effect"] in said:
                said[hit["effect"]].setdefault(hit["outcome"], []).append(hit["rule"])
        choice = policy.choose(
            score, amount, threshold=manifest.unusual_from, forced=said["force"], forbidden=said["forbid"]
        )
        return choice.outcome

    return replay(
        decision,
        events=domain.event_table,
        feature_names=manifest.feature_names,
        request_features=frozenset(domain.request_features),
        model=model,
        compute=lambda event, served: compute_one(domain, event, served),
        choose=choose,
    )


def commit_of(project: Path) -> str:
    """The commit of a checkout, with a plus sign where it has changes; ``unknown`` where there is no checkout."""
    commit = _git(project, "rev-parse", "HEAD")
    if commit is None:
        return "unknown"
    return f"{commit}+" if _git(project, "status", "--porcelain", "--untracked-files=no") else commit


def event_queue(settings: Settings, domain: str) -> EventQueue:
    """The Redis stream of a domain's pushed events; raises ConfigError where no Redis is configured."""
    import redis  # noqa: PLC0415

    from riskloom.intake.queue import EventQueue  # noqa: PLC0415

    if settings.online_store != "redis":
        raise ConfigError(f"events: expected RISKLOOM_ONLINE_STORE=redis, found {settings.online_store}")
    url = settings.redis_url.get_secret_value()
    return EventQueue(redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5, protocol=2), domain)


def land_accepted(settings: Settings, domain: Domain, *, now: datetime) -> LandedEvents:
    """Land the events of a domain that were pushed and accepted."""
    from riskloom.ingest import land_events  # noqa: PLC0415
    from riskloom.pseudonyms import ensure_pseudonym_key  # noqa: PLC0415

    return land_events(
        domain,
        settings.events,
        landing=settings.landing,
        quarantine=settings.quarantine,
        now=now,
        keep=KEEP_EVENTS,
        threads=settings.duckdb_threads,
        memory=settings.duckdb_memory,
        pseudonym_key=ensure_pseudonym_key(settings.keys),
    )


def as_of_or_watermark(settings: Settings, domain: Domain, text: str | None) -> datetime:
    """
    The time given, or that of the newest event landed; in UTC.

    Raises:
        ConfigError: The text is no time, or there is none and nothing has landed.
    """
    from riskloom.ingest import watermark  # noqa: PLC0415

    if text is not None:
        try:
            given = datetime.fromisoformat(text)
        except ValueError as error:
            raise ConfigError(f"as_of: expected a time such as 2026-03-01T00:00:00, found {text!r}") from error
        return given.astimezone(UTC) if given.tzinfo else given.replace(tzinfo=UTC)
    newest = watermark(domain, settings.landing)
    if newest is None:
        raise ConfigError(f"{domain.name}: nothing has landed yet, so there is no present state; give as_of")
    return newest


def _git(project: Path, *arguments: str) -> str | None:
    """What git answers, or None where there is no git or no checkout."""
    try:
        done = subprocess.run(["git", "-C", str(project), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
