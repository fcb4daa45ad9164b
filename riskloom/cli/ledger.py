"""Commands for the ledger: its tables, what is shipped to it, its audit chain, and a decision made again."""

from __future__ import annotations

import signal
import threading
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from riskloom.catalog import load_catalog, load_domain
from riskloom.cli.features import Slug
from riskloom.errors import LedgerError
from riskloom.settings import load_settings
from riskloom.wiring import audit_trail, land_labels, ledger_engine, replay_decision, shipper

if TYPE_CHECKING:
    from riskloom.ledger.shipping import Shipped

_NOT_AS_IT_SHOULD_BE = 1
_FOLLOW_EVERY = timedelta(seconds=1)


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    ledger = typer.Typer(help="The memory of what was decided.", no_args_is_help=True)
    for command in (migrate, ship, triage, labels):
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
    follow: Annotated[bool, typer.Option("--follow", help="Go on until interrupted.")] = False,
    keep_days: Annotated[int, typer.Option(min=2, help="Shipped files older than this are removed.")] = 30,
) -> None:
    """Bring the decisions that were answered into the ledger; a command beside this one waits its turn."""
    from riskloom.ledger.migrations import check_migrated  # noqa: PLC0415

    settings = load_settings()
    check_migrated(ledger_engine(settings))
    ours = shipper(settings, load_catalog())
    if follow:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        ours.follow(stop, every=_FOLLOW_EVERY, on_shipped=_report_if_any)
    else:
        _report(ours.ship())
    for path in ours.remove(older_than=timedelta(days=keep_days)):
        typer.echo(f"removed {path}: shipped, and older than {keep_days} days")


def triage(
    domain_name: Slug,
    sla_hours: Annotated[float, typer.Option(min=0.1, help="How long after an alert it must be decided.")] = 24.0,
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


def _report(shipped: Shipped) -> None:
    beside = "" if shipped.is_ours else "; another shipper is at work"
    typer.echo(f"{shipped.decisions:,} decisions shipped, {shipped.skipped:,} lines skipped{beside}")


def _report_if_any(shipped: Shipped) -> None:
    if shipped.decisions or shipped.skipped:
        _report(shipped)
