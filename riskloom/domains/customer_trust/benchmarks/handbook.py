"""``riskloom benchmark handbook``: the Fraud Detection Handbook's protocol, over the whole spine."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from riskloom.benchmarking import progress, work_folder
from riskloom.catalog import load_domain
from riskloom.errors import ConfigError
from riskloom.settings import load_settings

_DOMAIN = "customer_trust"


def register(app: typer.Typer) -> None:
    """Add the command to ``riskloom benchmark``."""
    app.command("handbook")(handbook)


def handbook(
    data: Annotated[Path, typer.Option(metavar="DIR", help="Directory with the handbook's transactions as Parquet.")],
    starts: Annotated[str, typer.Option(metavar="DATES", help="First training day of each fold, by commas.")],
    work: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Run-time home to work in and keep; a temporary one by default.")
    ] = None,
    is_ablation: Annotated[
        bool, typer.Option("--ablation", help="Measure ours without each family of features, and no baseline.")
    ] = False,
    is_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """
    Measure our champion beside the handbook's own models, on the same folds and rows.

    Each fold trains on what is known seven days after its training week, and tests the week after that without the
    cards known to be compromised. Ours goes through ingest, dbt, Feast and the trainer.
    """
    if find_spec("xgboost") is None:
        raise ConfigError("the handbook's baselines: expected the package xgboost, found none; uv sync --group bench")
    from riskloom.domains.customer_trust.benchmarks.handbook_protocol import report  # noqa: PLC0415
    from riskloom.domains.customer_trust.benchmarks.handbook_protocol.run import run, run_ablation  # noqa: PLC0415

    say = progress()
    with work_folder(work, "handbook") as home:
        settings = load_settings().model_copy(update={"home": home, "online_store": "sqlite"})
        domain = load_domain(_DOMAIN)
        if is_ablation:
            means = run_ablation(domain, settings, data, starts, say)
            content, table = report.ablation_json(means), report.ablation_table(means)
        else:
            result = run(domain, settings, data, starts, say)
            content, table = report.to_json(result), report.to_table(result)
    if is_json:
        typer.echo(json.dumps(content))
    else:
        Console().print(table)
