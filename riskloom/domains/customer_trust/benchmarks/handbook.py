"""``riskloom benchmark handbook``: the Fraud Detection Handbook's protocol, over the whole spine."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

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

    begin, console = time.monotonic(), Console(stderr=True, highlight=False)

    def say(text: str) -> None:
        console.print(f"[{time.monotonic() - begin:6.1f} s] {text}", markup=False, soft_wrap=True)

    with _folder(work) as home:
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


@contextmanager
def _folder(work: Path | None) -> Iterator[Path]:
    """The folder asked for, or one that is gone afterwards."""
    if work is not None:
        work.mkdir(parents=True, exist_ok=True)
        yield work.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="riskloom-handbook-") as folder:
        yield Path(folder)
