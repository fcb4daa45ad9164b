"""Commands that take rules and scenarios from a draft to where they decide, and back."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from riskloom.catalog import load_catalog, load_domain
from riskloom.cli.features import Slug
from riskloom.errors import ConfigError
from riskloom.settings import load_settings
from riskloom.wiring import as_of_or_watermark, champion_of, rule_controls, rule_history, rule_schema

if TYPE_CHECKING:
    from riskloom.ledger.schema import RuleStage
    from riskloom.lifecycle.stages import RuleState
    from riskloom.lifecycle.transitions import Placement

_BY = typer.Option(help="Who does it; kept in the ledger.")
_WHY = typer.Option(help="For what reason; kept in the ledger.")
_RULE = typer.Argument(metavar="RULE", help="The id of a rule or scenario.")
_VERSION = typer.Argument(help="The version's number.")
_STAGE = typer.Argument(metavar="STAGE", help="draft, shadow, rollout, live or retired.")
_PERCENT = typer.Option(help="Of a rollout: how many percent of entities it reaches, 1 to 99.")
_APPROVAL = typer.Argument(metavar="PROPOSAL", help="As `propose` printed it.")
_TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]
_STAGES = ("draft", "shadow", "rollout", "live", "retired")


def sync(
    by: Annotated[str, _BY],
    domain_name: Annotated[str | None, typer.Argument(metavar="[DOMAIN]", help="All of them by default.")] = None,
) -> None:
    """Keep the rules and scenarios in files as versions, each new one a draft; unchanged files add nothing."""
    from riskloom.lifecycle.versions import sync_versions  # noqa: PLC0415
    from riskloom.rules.book import rule_files  # noqa: PLC0415

    settings = load_settings()
    controls = rule_controls(settings)
    for domain in load_catalog().values() if domain_name is None else [load_domain(domain_name)]:
        schema, sources = rule_schema(settings, domain), rule_files(domain.folder)
        with controls.commanding(domain.name, by) as desk:
            written = sync_versions(desk, domain.name, sources, schema=schema)
        names = ", ".join(f"{version.rule_id} {version.version}" for version in written)
        typer.echo(f"{domain.name}: {len(sources)} files, {len(written)} new versions{': ' if names else ''}{names}")


def draft(
    domain_name: Slug,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The rule or scenario, YAML.")],
    by: Annotated[str, _BY],
    why: Annotated[str, _WHY],
) -> None:
    """Keep a rule or scenario from any file as a draft."""
    from riskloom.lifecycle.versions import write_version  # noqa: PLC0415

    settings, domain = load_settings(), load_domain(domain_name)
    schema, text = rule_schema(settings, domain), file.read_text(encoding="utf-8")
    with rule_controls(settings).commanding(domain.name, by) as desk:
        written = write_version(desk, domain.name, text, file=file.name, schema=schema, reason=why)
    version = written.version
    typer.echo(f"{version.rule_id} version {version.version}: {'a new draft' if written.is_new else 'known already'}")


def stages(domain_name: Slug, is_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show where each version of a domain's rules and scenarios is."""
    from riskloom.ledger.database import reading  # noqa: PLC0415
    from riskloom.lifecycle.stages import rule_states  # noqa: PLC0415
    from riskloom.lifecycle.versions import get_version  # noqa: PLC0415

    domain, controls = load_domain(domain_name), rule_controls(load_settings())
    with reading(controls.engine) as session:
        rows = [
            (
                state.rule_id,
                get_version(session, domain.name, state.rule_id, number).kind,
                str(number),
                str(place),
                state.since[number].isoformat(timespec="seconds"),
            )
            for state in rule_states(session, domain.name)
            for number, place in sorted(state.placements.items())
        ]
    columns = ("rule", "kind", "version", "stage", "since")
    if is_json:
        typer.echo(json.dumps([dict(zip(columns, row, strict=True)) for row in rows]))
        return
    table = Table(*columns)
    for row in rows:
        table.add_row(*row)
    Console().print(table if rows else f"{domain.name} has no rules in the ledger yet: riskloom rules sync")


def history(domain_name: Slug, rule_name: Annotated[str, _RULE]) -> None:
    """Show every step of a rule: what moved, by whom and why."""
    from riskloom.ledger.database import reading  # noqa: PLC0415
    from riskloom.lifecycle.stages import rule_history  # noqa: PLC0415
    from riskloom.lifecycle.transitions import Placement  # noqa: PLC0415

    domain, controls = load_domain(domain_name), rule_controls(load_settings())
    with reading(controls.engine) as session:
        changes = rule_history(session, domain.name, rule_name)
    for change in changes:
        undone = f", takes step {change.undoes} back" if change.undoes else ""
        place = Placement(change.stage, change.rollout_percent)
        typer.echo(
            f"{change.step}  {change.changed_at.isoformat(timespec='seconds')}  version {change.version} to {place}"
            f" by {change.changed_by}{undone}: {change.reason}"
        )


def move(
    domain_name: Slug,
    rule_name: Annotated[str, _RULE],
    version: Annotated[int, _VERSION],
    stage: Annotated[str, _STAGE],
    by: Annotated[str, _BY],
    why: Annotated[str, _WHY],
    percent: Annotated[int | None, _PERCENT] = None,
) -> None:
    """Move a version to where it reaches no more subjects than it does; for more, propose it."""
    from riskloom.lifecycle.stages import move as take_step  # noqa: PLC0415

    domain, to = load_domain(domain_name), _placement(stage, percent)
    with rule_controls(load_settings()).commanding(domain.name, by) as desk:
        _say(take_step(desk, domain.name, rule_name, version, to, reason=why))


def propose(
    domain_name: Slug,
    rule_name: Annotated[str, _RULE],
    version: Annotated[int, _VERSION],
    stage: Annotated[str, _STAGE],
    by: Annotated[str, _BY],
    why: Annotated[str, _WHY],
    percent: Annotated[int | None, _PERCENT] = None,
) -> None:
    """Ask that a version reach more subjects; a second person answers."""
    from riskloom.lifecycle.approvals import propose as ask  # noqa: PLC0415

    domain, to = load_domain(domain_name), _placement(stage, percent)
    with rule_controls(load_settings()).commanding(domain.name, by) as desk:
        asked = ask(
            desk, domain.name, rule_name, version, to, approval_id=uuid.uuid4().hex, reason=why, evidence={}
        )  # fmt: skip
    typer.echo(f"{asked.approval.approval_id}: {rule_name} version {version} to {to}, waits for a second person")


def proposals(domain_name: Slug) -> None:
    """Show what waits for a second person."""
    from riskloom.ledger.database import reading  # noqa: PLC0415
    from riskloom.lifecycle.approvals import open_proposals  # noqa: PLC0415

    domain, controls = load_domain(domain_name), rule_controls(load_settings())
    with reading(controls.engine) as session:
        waiting = open_proposals(session, domain.name)
    for each in waiting:
        approval, proposal = each.approval, each.proposal
        typer.echo(
            f"{approval.approval_id}: {proposal.rule_id} version {proposal.version} to {each.to}, "
            f"asked by {approval.requested_by}: {approval.reason}"
        )


def approve(
    domain_name: Slug, approval_id: Annotated[str, _APPROVAL], by: Annotated[str, _BY], why: Annotated[str, _WHY]
) -> None:
    """Agree as a second person: the version moves."""
    from riskloom.lifecycle.approvals import approve as agree  # noqa: PLC0415

    domain = load_domain(domain_name)
    with rule_controls(load_settings()).commanding(domain.name, by) as desk:
        _say(agree(desk, approval_id, reason=why))


def reject(
    domain_name: Slug, approval_id: Annotated[str, _APPROVAL], by: Annotated[str, _BY], why: Annotated[str, _WHY]
) -> None:
    """Refuse a proposal."""
    from riskloom.lifecycle.approvals import reject as refuse  # noqa: PLC0415

    domain = load_domain(domain_name)
    with rule_controls(load_settings()).commanding(domain.name, by) as desk:
        asked = refuse(desk, approval_id, reason=why)
    typer.echo(f"rejected: {asked.proposal.rule_id} version {asked.proposal.version} to {asked.to}")


def rollback(
    domain_name: Slug, rule_name: Annotated[str, _RULE], by: Annotated[str, _BY], why: Annotated[str, _WHY]
) -> None:
    """Take back the last step of a rule: what held before it holds again."""
    from riskloom.lifecycle.stages import rollback as take_back  # noqa: PLC0415

    domain = load_domain(domain_name)
    with rule_controls(load_settings()).commanding(domain.name, by) as desk:
        _say(take_back(desk, domain.name, rule_name, reason=why))


def publish(domain_name: Slug) -> None:
    """Write what is in force for the services anew; every command does it by itself."""
    published = rule_controls(load_settings()).publish(load_domain(domain_name).name)
    counted = f"{len(published.rules)} rules and {len(published.scenarios)} scenarios in force"
    typer.echo(f"{published.domain}: {counted}, version {published.version}")


def requests(domain_name: Slug) -> None:
    """Take up what services asked for: rules that hit too much are put back to the shadow."""
    from riskloom.lifecycle.requests import take_requests  # noqa: PLC0415

    for request in take_requests(rule_controls(load_settings()), load_domain(domain_name).name):
        typer.echo(f"{request.rule_id} version {request.version}: back to shadow, it {request.reason}")


def backtest(
    domain_name: Slug,
    rule_name: Annotated[str, _RULE],
    version: Annotated[int | None, typer.Option(help="The version's number. [default: the newest]")] = None,
    since: Annotated[datetime | None, typer.Option("--from", formats=_TIMES, help="First decision (UTC).")] = None,
    until: Annotated[datetime | None, typer.Option("--to", formats=_TIMES, help="Before this one (UTC).")] = None,
    by: Annotated[str, _BY] = "command line",
    *,
    with_model: Annotated[bool, typer.Option("--model/--no-model", help="Set it beside the model's flag.")] = True,
    is_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Try a version on the history, print what came out, and keep it beside the version."""
    from riskloom.lifecycle.backtest_report import markdown  # noqa: PLC0415
    from riskloom.lifecycle.trials import try_version  # noqa: PLC0415

    settings, domain = load_settings(), load_domain(domain_name)
    start, end = (None if each is None else each.replace(tzinfo=UTC) for each in (since, until))
    as_of = as_of_or_watermark(settings, domain, None)
    report = try_version(
        rule_controls(settings),
        rule_history(settings, domain, as_of=as_of, start=start, end=end),
        rule_schema(settings, domain),
        rule_name,
        version,
        actor=by,
        backtest_id=uuid.uuid4().hex,
        model=champion_of(settings, domain) if with_model else None,
    )
    typer.echo(report.model_dump_json(indent=2) if is_json else markdown(report))


COMMANDS = (
    sync, draft, stages, history, move, propose, proposals, approve, reject, rollback, publish, requests, backtest,
)  # fmt: skip


def _placement(stage: str, percent: int | None) -> Placement:
    from riskloom.lifecycle.transitions import Placement  # noqa: PLC0415

    if stage not in _STAGES:
        raise ConfigError(f"stage: expected one of {', '.join(_STAGES)}, found {stage!r}")
    known: RuleStage = stage  # type: ignore[assignment]
    return Placement(known, percent)


def _say(state: RuleState) -> None:
    places = ", ".join(f"version {number} {place}" for number, place in sorted(state.placements.items()))
    typer.echo(f"{state.rule_id} at step {state.step}: {places}")
