"""``python -m benchmarks.soak [--minutes M] [--outages N]``: what ``make soak`` does; 1 where it is not passed."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from benchmarks.machine import describe
from benchmarks.rows import Row, write_group
from benchmarks.run import table_of
from benchmarks.soak import outages, steady
from benchmarks.soak.target import serving
from benchmarks.workbench import Workbench
from riskloom.catalog import load_catalog
from riskloom.settings import PROJECT_ROOT


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak one service for both; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="of steady load; the first is not judged")
    parser.add_argument("--outages", type=int, default=10, help="how often Redis is killed afterwards")
    parser.add_argument("--out", type=Path, default=PROJECT_ROOT / "docs" / "benchmarks", help="where soak.json goes")
    options = parser.parse_args(arguments)
    if options.minutes <= 1 or options.outages < 1:
        parser.error(f"expected more than a minute and an outage, found {options.minutes:g} and {options.outages}")
    rows = _soaked(options.minutes, options.outages)
    Console(file=sys.stdout).print(table_of("soak", rows))
    write_group(options.out / "soak.json", describe(), rows)
    return 0 if all(row.met is not False for row in rows) else 1


def _soaked(minutes: float, times: int) -> list[Row]:
    console, begin = Console(stderr=True, highlight=False), time.monotonic()

    def say(text: str) -> None:
        console.print(f"[{time.monotonic() - begin:6.1f} s] {text}", markup=False)

    domain = next(iter(load_catalog().values()))
    with tempfile.TemporaryDirectory(prefix="riskloom-soak-") as folder:
        bench = Workbench(domain, datetime.now(UTC), Path(folder), is_quick=False, say=say)
        with serving(bench) as target:
            return [*steady.run(bench, target, steady.plan_of(minutes)), *outages.run(target, times)]


sys.exit(main())
