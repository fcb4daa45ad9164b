"""Commands for training and benchmarks."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from riskloom.catalog import DOMAINS, Domain, load_domain
from riskloom.cli.features import AsOf, Slug
from riskloom.settings import load_settings
from riskloom.wiring import as_of_or_watermark, commit_of, feature_source, model_store

if TYPE_CHECKING:
    from riskloom.training.search import Progress as OnProgress

#: Exit code of a training whose model the gate refused; the model is kept as a challenger all the same.
GATE_REFUSED = 3


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(train)
    benchmarks = typer.Typer(help="Compare with published figures on public data.", no_args_is_help=True)
    for module in benchmark_modules():
        module.register(benchmarks)
    app.add_typer(benchmarks, name="benchmark")


def benchmark_modules() -> Iterator[ModuleType]:
    """
    The benchmarks of the spine and of the domains, each a module with a function ``register(app)``.

    They are ``riskloom/<package>/benchmarks/<name>.py`` and ``riskloom/domains/<slug>/benchmarks/<name>.py``; a domain
    need not be declared yet.

    They are imported for every command, so their heavy imports stay inside their functions.
    """
    package = DOMAINS.parent
    for path in sorted([*package.glob("*/benchmarks/[a-z]*.py"), *DOMAINS.glob("*/benchmarks/[a-z]*.py")]):
        module = importlib.import_module(".".join([package.name, *path.relative_to(package).with_suffix("").parts]))
        if hasattr(module, "register"):
            yield module


def train(
    domain_name: Slug,
    as_of: AsOf = None,
    by: Annotated[str, typer.Option(help="Who trains; kept in the record.")] = "riskloom train",
    is_json: Annotated[bool, typer.Option("--json", help="Print the outcome as one line of JSON.")] = False,
) -> None:
    """
    Train a challenger on what was known at --as-of and let the gate judge it.

    Exits with 3 where the gate refuses; the model is saved as a challenger with its reasons all the same.
    """
    from riskloom.training.pipeline import train_and_save  # noqa: PLC0415

    settings, domain = load_settings(), load_domain(domain_name)
    console = Console(stderr=is_json)
    with _progress(console) as on_progress:
        outcome = train_and_save(
            domain,
            feature_source(settings, domain),
            model_store(settings),
            settings.registry,
            as_of=as_of_or_watermark(settings, domain, as_of),
            at=datetime.now(UTC),
            by=by,
            commit=commit_of(settings.project),
            on_progress=on_progress,
        )
    if is_json:
        typer.echo(json.dumps(outcome, sort_keys=True))
    else:
        _print_outcome(console, domain, outcome)
    if not outcome["passed"]:
        raise typer.Exit(GATE_REFUSED)


@contextmanager
def _progress(console: Console) -> Iterator[OnProgress]:
    """A progress bar that ends with the block; gives the callback that moves it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("joining features", total=None)
        yield lambda done, total, text: bar.update(task, completed=done, total=total, description=text)


def _print_outcome(console: Console, domain: Domain, outcome: dict[str, Any]) -> None:
    state = "new" if outcome["is_new"] else "known already"
    table = Table(title=f"{domain.title}: version {outcome['version']} ({outcome['kind']}, {state})")
    table.add_column("on the holdout")
    table.add_column("value", justify="right")
    table.add_column("95 % interval", justify="right")
    for name, estimate in outcome["metrics"].items():
        form = ",.0f" if name.startswith(("money", "cost", "expected_cost", "saved")) else ".4f"
        value, low, high = estimate["value"], estimate["low"], estimate["high"]
        between = "n/a" if low is None else f"{low:{form}} to {high:{form}}"
        table.add_row(name.replace("_", " "), "n/a" if value is None else f"{value:{form}}", between)
    console.print(table)
    verdict = outcome["verdict"]
    console.print(
        f"Gate: {'passed' if outcome['passed'] else 'refused'}", style="green" if outcome["passed"] else "red"
    )
    for text in [*verdict["reasons"], *verdict["notes"]]:
        console.print(f"  - {text}", markup=False, highlight=False)
    console.print(f"Card: {outcome['card']}", markup=False, highlight=False, soft_wrap=True)
