"""Commands for the ledger: its tables, what is shipped to it, its audit chain, and a decision made again."""

from __future__ import annotations

import logging
import signal
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from riskloom.catalog import load_catalog, load_domain
from riskloom.cli.features import Slug
from riskloom.errors import LedgerError, ServiceError
from riskloom.settings import Settings, load_settings
from riskloom.wiring import (
    audit_trail,
    land_labels,
    ledger_engine,
    ledger_keeper,
    outbox_source,
    replay_decision,
    shadow_shipper,
    shipper,
)

_NOT_AS_IT_SHOULD_BE = 1
_SLA_HOURS = typer.Option(min=0.1, help="How long after an alert it must be decided.")


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    ledger = typer.Typer(help="The memory of what was decided.", no_args_is_help=True)
    for command in (migrate, ship, status, triage, labels):
        ledger.command()(command)
    app.add_typer(ledger, name="ledger")
    audit = typer.Typer(help="Who did what, and whether somebody changed the record of it.", no_args_is_help=True)
    audit.command()(verify)
    audit.command()(anchor)
    app.add_typer(audit, name="audit")
    app.command()(replay)


def migrate() -> None:
    """Make the ledger's tables, or bring them to this release."""
    from riskloom.ledger.migrations import migrate as apply  # noqa: PLC0415

    typer.echo(f"the ledger is at revision {apply(ledger_engine(load_settings()))}")


def ship(
    *,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow", help="Go on until interrupted; alerts become cases, and rules that flood are stopped."
        ),
    ] = False,
    keep_days: Annotated[int, typer.Option(min=2, help="Shipped files older than this are removed.")] = 30,
    sla_hours: Annotated[float, _SLA_HOURS] = 24.0,
    host: Annotated[str, typer.Option(help="With --port: the address to listen on.")] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(help="With --follow: where /metrics is served to Prometheus.")] = None,
) -> None:
    """Bring the decisions that were answered into the ledger; a command beside this one waits its turn."""
    from riskloom.ledger.migrations import check_migrated  # noqa: PLC0415

    settings, keep_for = load_settings(), timedelta(days=keep_days)
    if follow:
        _keep(settings, keep_for=keep_for, sla=timedelta(hours=sla_hours), host=host, port=port)
        return
    check_migrated(ledger_engine(settings))
    ours = shipper(settings, load_catalog())
    shipped = ours.ship()
    beside = "" if shipped.is_ours else "; another shipper is at work"
    typer.echo(f"{shipped.decisions:,} decisions shipped, {shipped.skipped:,} lines skipped{beside}")
    shadows = shadow_shipper(settings)
    scores = shadows.ship()
    if scores.decisions or scores.skipped:
        typer.echo(f"{scores.decisions:,} scores of models in shadow shipped, {scores.skipped:,} lines skipped")
    for path in (*ours.remove(older_than=keep_for), *shadows.remove(older_than=keep_for)):
        typer.echo(f"removed {path}: shipped, and older than {keep_days} days")


def _keep(settings: Settings, *, keep_for: timedelta, sla: timedelta, host: str, port: int | None) -> None:
    """Keep the ledger until a signal comes."""
    from prometheus_client import start_http_server  # noqa: PLC0415

    from riskloom.stack.keeper import metrics_of  # noqa: PLC0415

    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    keeper = ledger_keeper(settings, load_catalog(), keep_for=keep_for, sla=sla, say=typer.echo)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: keeper.stop())
    if port is not None:
        try:
            start_http_server(port, addr=host, registry=metrics_of(keeper, lambda: datetime.now(UTC)))
        except OSError as error:
            raise ServiceError(
                f"--port: expected one that is free on {host}, found {port}: {error.strerror}"
            ) from error
    keeper.run()


def status(
    max_lag: Annotated[
        float | None, typer.Option(min=0, help="Exit with 1 where a decision waits for longer, in seconds.")
    ] = None,
) -> None:
    """Say what waits for the ledger: decisions that are not shipped, alerts without a case, and who ships."""
    from riskloom.ledger.backlog import Backlog, measure_backlog  # noqa: PLC0415
    from riskloom.ledger.database import reading  # noqa: PLC0415
    from riskloom.ledger.leases import present_lease  # noqa: PLC0415
    from riskloom.ledger.migrations import check_migrated  # noqa: PLC0415
    from riskloom.ledger.queries import count_waiting_alerts  # noqa: PLC0415
    from riskloom.ledger.shipping import lease_of  # noqa: PLC0415

    settings, now = load_settings(), datetime.now(UTC)
    engine, source = ledger_engine(settings), outbox_source(settings)
    check_migrated(engine)
    with reading(engine) as session:
        waiting = {each.domain: each for each in measure_backlog(session, settings.decisions, source=source)}
        alerts = {name: count_waiting_alerts(session, name) for name in load_catalog()}
        lease = present_lease(session, lease_of(source), at=now)
    for name in sorted({*waiting, *alerts}):
        each = waiting.get(name, Backlog(name))
        since = "" if each.oldest_at is None else f", the oldest for {each.seconds(now):,.0f} s"
        typer.echo(f"{name}: {each.lines:,} decisions wait{since}; {alerts.get(name, 0):,} alerts without a case")
    typer.echo("nobody ships" if lease is None else f"{lease.holder} ships")
    if max_lag is not None and any(each.seconds(now) > max_lag for each in waiting.values()):
        raise typer.Exit(_NOT_AS_IT_SHOULD_BE)


def triage(
    domain_name: Slug,
    sla_hours: Annotated[float, _SLA_HOURS] = 24.0,
) -> None:
    """Put the alerts that wait into cases: into the open one of the same entity, or a new one."""
    from riskloom.ledger.triage import triage as put_into_cases  # noqa: PLC0415

    settings, domain = load_settings(), load_domain(domain_name)
    done = put_into_cases(
        ledger_engine(settings),
        audit_trail(settings),
        domain.name,
        sla=timedelta(hours=sla_hours),
        clock=lambda: datetime.now(UTC),
        new_id=lambda: str(uuid.uuid4()),
    )
    typer.echo(f"{done.alerts:,} alerts are in {done.cases:,} cases")


def labels(
    domain_name: Slug,
    out: Annotated[Path | None, typer.Option(help="Write them to this file instead, JSON lines.")] = None,
) -> None:
    """Land a domain's labels, each once, as Airflow does before it builds features."""
    from riskloom.ingest.labels import label_table  # noqa: PLC0415
    from riskloom.ledger.database import reading  # noqa: PLC0415
    from riskloom.ledger.labels import export_labels  # noqa: PLC0415

    settings, domain = load_settings(), load_domain(domain_name)
    if out is None:
        found = land_labels(settings, domain, on_incomplete=lambda error: typer.echo(error, err=True))
        typer.echo(f"{found.landed:,} labels landed, {found.known:,} were there, {found.incomplete:,} lack something")
        return
    with reading(ledger_engine(settings)) as session:
        count = export_labels(session, domain.name, label_table(domain), out)
    typer.echo(f"{count:,} labels written; next: riskloom ingest {domain.name} {domain.label.table} {out}")


def verify() -> None:
    """Walk along the audit chain; exit code 1 where it is not as it was written."""
    from riskloom.ledger.audit import ensure_audit_key  # noqa: PLC0415
    from riskloom.ledger.database import reading  # noqa: PLC0415
    from riskloom.ledger.verification import verify_audit  # noqa: PLC0415

    settings = load_settings()
    with reading(ledger_engine(settings)) as session:
        found = verify_audit(session, ensure_audit_key(settings.keys), settings.audit_anchor)
    for finding in found.findings:
        typer.echo(finding)
    state = f"{len(found.findings)} findings" if found.findings else "as they were written"
    typer.echo(f"{found.events:,} audit events: {state}; {found.unanchored:,} behind the anchor")
    if found.findings:
        raise typer.Exit(_NOT_AS_IT_SHOULD_BE)


def anchor() -> None:
    """Anchor the chain as it is now: on a machine that is new to the ledger, or after a look at what verify found."""
    from riskloom.ledger.anchor import write_anchor  # noqa: PLC0415
    from riskloom.ledger.audit import end_of_chain, ensure_audit_key  # noqa: PLC0415
    from riskloom.ledger.database import reading  # noqa: PLC0415

    settings = load_settings()
    with reading(ledger_engine(settings)) as session:
        end = end_of_chain(session)
    if end is None:
        raise LedgerError("the audit chain has no event yet, so there is nothing to anchor")
    write_anchor(settings.audit_anchor, ensure_audit_key(settings.keys), end)
    typer.echo(f"anchored at event {end.sequence:,}")


def replay(decision_id: Annotated[str, typer.Argument(help="The decision's identifier.")]) -> None:
    """Make a decision again from what was kept of it; exit code 1 where it comes out otherwise."""
    from riskloom.ledger.database import reading  # noqa: PLC0415
    from riskloom.ledger.queries import get_decision  # noqa: PLC0415

    settings = load_settings()
    with reading(ledger_engine(settings)) as session:
        decision = get_decision(session, decision_id)
    found = replay_decision(settings, decision, load_domain(decision.domain))
    for difference in found.differences:
        typer.echo(f"{difference.name}: recorded {difference.recorded}, now {difference.recomputed}")
    same = f"same: {decision.outcome} with score {decision.score}, model version {decision.model_version}"
    typer.echo(same if found.is_same else f"different in {len(found.differences)} values")
    if not found.is_same:
        raise typer.Exit(_NOT_AS_IT_SHOULD_BE)
