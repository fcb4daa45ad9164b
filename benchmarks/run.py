"""Find the benchmarks, run the chosen ones, print a table a group and write its file."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from rich.console import Console
from rich.table import Table

import benchmarks
from benchmarks.machine import describe
from benchmarks.rows import Row, write_group
from benchmarks.workbench import DAYS, Workbench
from riskloom.catalog import Domain, load_catalog
from riskloom.errors import ConfigError, RiskloomError
from riskloom.settings import PROJECT_ROOT

Measure = Callable[[Workbench], Iterator[Row]]

_REFUSED = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``python -m benchmarks``; returns the exit code, 1 where a target was missed, 2 where it was refused."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help="groups (spine) or single benchmarks (spine.ingest); all by default")
    parser.add_argument("--quick", action="store_true", help="small sizes; the figures are not kept without --out")
    parser.add_argument("--domain", help="whose data to use; by default the busiest with a simulator")
    parser.add_argument("--out", type=Path, help="where to write <group>.json; docs/benchmarks by default")
    options = parser.parse_args(arguments)
    console = Console(stderr=True, highlight=False)
    try:
        chosen = choose(options.names)
        out = options.out or (None if options.quick else PROJECT_ROOT / "docs" / "benchmarks")
        is_met = _run(chosen, domain=options.domain, is_quick=options.quick, out=out, console=console)
    except RiskloomError as error:
        console.print(f"benchmarks: {error}", markup=False, soft_wrap=True)
        return _REFUSED
    return 0 if is_met or options.quick else 1


def groups() -> dict[str, tuple[str, ...]]:
    """Every group with the names of its benchmarks, in the order in which they run."""
    found = {}
    for module in pkgutil.iter_modules(benchmarks.__path__):
        if module.ispkg:
            found[module.name] = tuple(importlib.import_module(f"benchmarks.{module.name}").BENCHMARKS)
    return found


def choose(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """
    The benchmarks that ``names`` mean, by group: a group's name, ``group.benchmark``, or nothing for all.

    Raises:
        ConfigError: A name is neither.
    """
    known = groups()
    if not names:
        return known
    wanted: dict[str, set[str]] = {}
    for name in names:
        group, _, benchmark = name.partition(".")
        if group not in known or (benchmark and benchmark not in known[group]):
            every = [f"{each}.{one}" for each, ones in known.items() for one in ones]
            raise ConfigError(f"no benchmark {name!r}; expected one of {', '.join([*known, *every])}")
        wanted.setdefault(group, set()).update([benchmark] if benchmark else known[group])
    return {group: tuple(one for one in known[group] if one in ones) for group, ones in wanted.items()}


def table_of(group: str, rows: Sequence[Row]) -> Table:
    """The figures for people."""
    table = Table(title=group, title_justify="left")
    table.add_column("what")
    for heading in ("figure", "unit", "peer", "ratio", "target", "met"):
        table.add_column(heading, justify="left" if heading in {"unit", "met"} else "right")
    for row in rows:
        sign = "≥" if row.better == "higher" else "≤"
        table.add_row(
            row.name if row.peer is None else f"{row.name}\n  against {row.peer}",
            _figure(row.value) if row.spread is None else f"{_figure(row.value)}\n{_range(row.spread)}",
            row.unit,
            _figure(row.peer_value),
            "" if row.ratio is None else f"{row.ratio:.2f} x",
            "" if row.target is None else f"{sign} {_figure(row.target)}",
            {True: "yes", False: "NO", None: ""}[row.met],
        )
    return table


def domain_of(name: str | None) -> Domain:
    """
    The domain asked for, or of those with a simulator the one that declares most events a day.

    Raises:
        ConfigError: There is no such domain, or it has no simulator.
    """
    catalog = load_catalog()
    if name is not None and name not in catalog:
        raise ConfigError(f"--domain: expected one of {', '.join(catalog)}, found {name!r}")
    asked = [catalog[name]] if name else catalog.values()
    simulated = [domain for domain in asked if (domain.folder / "simulate.py").is_file()]
    if not simulated:
        raise ConfigError("--domain: expected a domain with a simulator, found none")
    return max(simulated, key=lambda domain: domain.demo.events / domain.demo.days)


def _run(
    chosen: dict[str, tuple[str, ...]], *, domain: str | None, is_quick: bool, out: Path | None, console: Console
) -> bool:
    """Run what was chosen, group by group; whether every target was met."""
    machine, is_met, begin = describe(), True, time.monotonic()

    def say(text: str) -> None:
        console.print(f"[{time.monotonic() - begin:6.1f} s] {text}", markup=False)

    for group, names in chosen.items():
        with tempfile.TemporaryDirectory(prefix="riskloom-bench-") as folder:
            bench = Workbench(domain_of(domain), _start(), Path(folder), is_quick, say)
            rows = [row for name in names for row in _measured(group, name, bench)]
        Console(file=sys.stdout).print(table_of(group, rows))
        if out is not None:
            write_group(out / f"{group}.json", machine, rows)
            say(f"written {group}.json")
        is_met = is_met and all(row.met is not False for row in rows)
    return is_met


def _measured(group: str, name: str, bench: Workbench) -> Iterator[Row]:
    bench.say(f"{group}.{name}")
    measure = cast("Measure", importlib.import_module(f"benchmarks.{group}.{name}").measure)
    for row in measure(bench):
        bench.say(f"  {row.name}: {_figure(row.value)} {row.unit}")
        yield row


def _start() -> datetime:
    """The first day of a simulation that ends this morning, so that features read online are fresh."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=DAYS)


def _range(spread: tuple[float, float]) -> str:
    return f"({' to '.join(_figure(bound) for bound in spread)})"


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits are enough
