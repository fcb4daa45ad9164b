"""Commands for assessments: subjects that are judged in batch."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from riskloom.catalog import load_domain
from riskloom.cli.features import AsOf, Slug
from riskloom.cli.training import GATE_REFUSED
from riskloom.settings import load_settings
from riskloom.wiring import as_of_or_watermark, commit_of, model_store

Entity = Annotated[str, typer.Argument(metavar="ENTITY", help="What is judged, as the domain declares it.")]
IsJson = Annotated[bool, typer.Option("--json", help="Print the outcome as one line of JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    commands = typer.Typer(help="Judge cases in batch: valid or not, and what is payable.", no_args_is_help=True)
    commands.command()(train)
    commands.command()(run)
    app.add_typer(commands, name="assess")


def train(domain_name: Slug, entity: Entity, as_of: AsOf = None, is_json: IsJson = False) -> None:
    """
    Train an assessment's model on what was known at --as-of and let the gate judge it.

    Exits with 3 where the gate refuses; the model is saved with its reasons all the same, and does not answer.
    """
    from riskloom.assessment import train_and_save  # noqa: PLC0415

    settings, domain = load_settings(), load_domain(domain_name)
    outcome = train_and_save(
        domain,
        entity,
        settings.marts,
        model_store(settings),
        as_of=as_of_or_watermark(settings, domain, as_of),
        commit=commit_of(settings.project),
    )
    if is_json:
        typer.echo(json.dumps(outcome, sort_keys=True))
    else:
        _print_training(Console(), domain.title, outcome)
    if not outcome["passed"]:
        raise typer.Exit(GATE_REFUSED)


def run(
    domain_name: Slug,
    entity: Entity,
    as_of: AsOf = None,
    version: Annotated[
        str | None, typer.Option(help="Of the model, whatever the gate said of it; the newest that passed.")
    ] = None,
    is_json: IsJson = False,
) -> None:
    """Answer every case that is open at --as-of and write the answers as a Parquet file."""
    from riskloom.assessment import assess_open  # noqa: PLC0415

    settings, domain = load_settings(), load_domain(domain_name)
    outcome = assess_open(
        domain,
        entity,
        settings.marts,
        model_store(settings),
        settings.assessments,
        as_of=as_of_or_watermark(settings, domain, as_of),
        version=version,
    )
    if is_json:
        typer.echo(json.dumps(outcome, sort_keys=True))
        return
    console = Console()
    console.print(f"{outcome['cases']:,} open cases of {entity}, judged by version {outcome['version']}")
    for name, count in outcome["outcomes"].items():
        console.print(f"  {name}: {count:,}")
    console.print(outcome["file"], markup=False, highlight=False, soft_wrap=True)


def _print_training(console: Console, title: str, outcome: dict[str, Any]) -> None:
    state = "new" if outcome["is_new"] else "known already"
    table = Table(title=f"{title}: {outcome['entity']}, version {outcome['version']} ({state})")
    table.add_column("on the holdout")
    table.add_column("value", justify="right")
    table.add_column("95 % interval", justify="right")
    for name, estimate in outcome["metrics"].items():
        form = ",.2f" if name.endswith("money") else ".4f"
        value, low, high = estimate["value"], estimate["low"], estimate["high"]
        between = "n/a" if low is None else f"{low:{form}} to {high:{form}}"
        table.add_row(name.replace("_", " "), "n/a" if value is None else f"{value:{form}}", between)
    console.print(table)
    for what, count in outcome["cases"].items():
        console.print(f"cases {what}: {count:,}")
    console.print("answers on the holdout: " + ", ".join(f"{name} {n:,}" for name, n in outcome["outcomes"].items()))
    is_passed = outcome["passed"]
    console.print(f"Gate: {'passed' if is_passed else 'refused'}", style="green" if is_passed else "red")
    for text in [*outcome["verdict"]["reasons"], *outcome["verdict"]["notes"]]:
        console.print(f"  - {text}", markup=False, highlight=False)
