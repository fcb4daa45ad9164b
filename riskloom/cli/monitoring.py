"""Commands for monitoring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from riskloom.catalog import load_catalog, load_domain
from riskloom.cli.features import AsOf, Slug
from riskloom.settings import load_settings
from riskloom.wiring import as_of_or_watermark, decision_source, model_store

if TYPE_CHECKING:
    from riskloom.monitoring import MonitoringVerdict

_COLOURS = {"ok": "green", "warn": "yellow", "alarm": "red"}
#: Exit code of `riskloom monitor --fail-on-alarm` where the verdict is an alarm; 2 means the run was refused.
ALARM = 3


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(monitor)
    app.command(name="monitor-workspace")(monitor_workspace)


def monitor(
    domain_name: Slug,
    as_of: AsOf = None,
    fail_on_alarm: Annotated[bool, typer.Option("--fail-on-alarm", help="Exit with 3 on an alarm.")] = False,
) -> None:
    """Judge a domain's newest decisions beside its champion's holdout; write verdict and reports."""
    from riskloom.monitoring import run  # noqa: PLC0415

    settings, domain = load_settings(), load_domain(domain_name)
    verdict = run(
        domain,
        decision_source(settings, domain),
        models=model_store(settings),
        registry=settings.registry,
        folder=settings.monitoring,
        as_of=as_of_or_watermark(settings, domain, as_of),
    )
    _show(verdict, Console())
    if fail_on_alarm and verdict.status == "alarm":
        raise typer.Exit(ALARM)


def monitor_workspace() -> None:
    """Prepare Evidently's workspace with a project and a dashboard for every domain."""
    from riskloom.monitoring import WORKSPACE  # noqa: PLC0415
    from riskloom.monitoring.workspace import prepare  # noqa: PLC0415

    workspace = load_settings().monitoring / WORKSPACE
    prepare(workspace, load_catalog().values())
    Console().print(str(workspace), soft_wrap=True)


def _show(verdict: MonitoringVerdict, console: Console) -> None:
    colour = _COLOURS[verdict.status]
    console.print(f"[bold {colour}]{verdict.status}[/] {verdict.domain}, as of {verdict.as_of:%Y-%m-%d %H:%M:%S} UTC")
    for finding in verdict.findings:
        console.print(f"  {finding.severity}: {finding.reason}", markup=False)
    table = Table("", "", show_header=False, box=None)
    table.add_row(
        "decisions", f"{verdict.rows:,} from {verdict.current.start:%Y-%m-%d} to {verdict.current.end:%Y-%m-%d}"
    )
    table.add_row("reference", f"{verdict.reference.source}, {verdict.reference.rows:,} decisions")
    table.add_row("drifted", f"{len(verdict.drifted)} of {verdict.compared_columns} columns")
    performance = verdict.performance
    if performance is None:
        table.add_row("performance", f"none: {verdict.performance_missing}")
    else:
        precision, money = performance.average_precision, performance.money
        interval = f"{precision.value:.3f} [{precision.low:.3f}, {precision.high:.3f}]"
        table.add_row("average precision", f"{interval} on {performance.rows:,} matured decisions")
        table.add_row(
            "cost", f"{money.with_model:,.2f} {money.currency} with the model, {money.without_model:,.2f} without"
        )
    console.print(table)
