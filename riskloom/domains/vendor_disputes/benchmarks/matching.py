"""``riskloom benchmark matching``: the three-way match over the SAP document flow, and how fast it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from riskloom.benchmarking import progress, work_folder
from riskloom.catalog import load_domain
from riskloom.settings import load_settings

_DOMAIN = "vendor_disputes"
_MILLION = 1_000_000


def register(app: typer.Typer) -> None:
    """Add the command to ``riskloom benchmark``."""
    app.command("matching")(matching)


def matching(
    data: Annotated[Path, typer.Option(metavar="DIR", help="Directory with sap_vbfa.parquet.")],
    lines: Annotated[
        int, typer.Option(min=0, help="About how many billed lines to time it on: the flow, copied; 0 for the flow.")
    ] = _MILLION,
    work: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Run-time home to work in and keep; a temporary one by default.")
    ] = None,
    is_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """
    Find the order items of the flow whose delivered and billed quantities differ, with the models every build runs.

    The flow is ingested by the domain's mappings, staged, matched and published by dbt, and the data tests on these
    models must pass, the one on totals among them.
    """
    from riskloom.domains.vendor_disputes.benchmarks.matching_flow import find_mismatches, time_copies  # noqa: PLC0415

    say = progress()
    domain = load_domain(_DOMAIN)
    with work_folder(work, "matching") as home:
        settings = load_settings().model_copy(update={"home": home / "flow"})
        found = find_mismatches(domain, settings, data, say)
        speed = time_copies(domain, settings, home / "copies", found, lines, say)
    result = {
        "items_compared": found.compared,
        "quantity_mismatches": len(found.mismatches),
        "items": list(found.mismatches),
        "lines_timed": speed.lines,
        "seconds": round(speed.seconds, 3),
        "seconds_per_million_lines": round(speed.seconds / speed.lines * _MILLION, 3),
    }
    if is_json:
        typer.echo(json.dumps(result))
    else:
        Console().print(_table(result))


def _table(result: dict[str, object]) -> Table:
    table = Table("figure", "value", title="Three-way match over the SAP document flow")
    for name, value in result.items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        table.add_row(name.replace("_", " "), shown)
    return table
