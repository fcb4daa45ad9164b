"""The command for watches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from riskloom.catalog import Watch, load_domain
from riskloom.cli.features import AsOf, Slug
from riskloom.errors import ConfigError
from riskloom.settings import load_settings
from riskloom.wiring import as_of_or_watermark

if TYPE_CHECKING:
    from riskloom.watch import Finding, WatchReport

_SHOWN_REASONS = 3


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(watch)


def watch(
    domain_name: Slug,
    entity: Annotated[str | None, typer.Argument(help="Whose watch; all of the domain by default.")] = None,
    as_of: AsOf = None,
    top: Annotated[int, typer.Option(min=1, help="How many findings are shown.")] = 10,
) -> None:
    """Judge the newest rows of a domain's watches without labels; write the reports and show what is unusual."""
    from riskloom.watch import run, write_report  # noqa: PLC0415

    settings, domain = load_settings(), load_domain(domain_name)
    known = {declared.entity: declared for declared in domain.watch}
    if entity is not None and entity not in known:
        raise ConfigError(f"{domain.name}: no watch of {entity!r}; declared: {', '.join(known) or 'none'}")
    chosen: list[Watch] = [known[entity]] if entity else list(known.values())
    if not chosen:
        raise ConfigError(f"{domain.name}: domain.toml declares no [[watch]]")
    instant, console = as_of_or_watermark(settings, domain, as_of), Console()
    for declared in chosen:
        report = run(
            domain,
            declared,
            settings.marts,
            as_of=instant,
            threads=settings.duckdb_threads,
            memory=settings.duckdb_memory,
        )
        path = write_report(report, settings.watch)
        _show(report, top, console)
        console.print(f"written to {path}", markup=False, soft_wrap=True)


def _show(report: WatchReport, top: int, console: Console) -> None:
    console.print(
        f"{report.domain}: {report.entity}: {len(report.findings):,} of {report.rows:,} rows until "
        f"{report.end:%Y-%m-%d %H:%M} are as unusual as one in {report.one_in:,} "
        f"(chance alone: {report.expected:.1f}); {report.history:,} rows compared with",
        highlight=False,
        soft_wrap=True,
    )
    table = Table(report.entity, "known at", "one in", "because of", box=None)
    for finding in report.findings[:top]:
        table.add_row(
            finding.key, f"{finding.decision_at:%Y-%m-%d %H:%M}", f"{finding.one_in:,.0f}", "; ".join(_because(finding))
        )
    if report.findings:
        console.print(table)


def _because(finding: Finding) -> list[str]:
    return [
        f"{reason.feature} {_number(reason.value)} (usual {_number(reason.usual)})"
        for reason in finding.reasons[:_SHOWN_REASONS]
    ]


def _number(value: float | None) -> str:
    return "missing" if value is None else f"{value:.4g}"
