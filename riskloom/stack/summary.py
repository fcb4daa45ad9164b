"""The end of the demo: what came of each part, and where to look."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rich.console import Console
from rich.table import Column, Table

from riskloom.registry import Estimate
from riskloom.stack.demo import DomainResult, problems


def print_summary(
    console: Console, results: Sequence[DomainResult], *, urls: Mapping[str, str], ways_in: Mapping[str, str]
) -> None:
    """Print every domain's results, then the addresses with what is needed to get in."""
    for result in results:
        console.rule(f"{result.domain.title} ({result.domain.name})", align="left")
        if result.note:
            console.print(result.note, markup=False)
        _print_ingested(console, result)
        _print_champion(console, result)
        _print_live(console, result)
        _print_verdict(console, result)
        _print_batch(console, result)
    if len(results) > 1:
        console.rule("Side by side", align="left")
        console.print(comparison(results))
    console.rule("Where to look", align="left")
    for title, value in {**urls, **ways_in}.items():
        console.print(f"{title:<22}{value}", markup=False, highlight=False, soft_wrap=True)
    for problem in problems(results):
        console.print(f"Problem: {problem}", style="bold red", markup=False, soft_wrap=True)


def _print_ingested(console: Console, result: DomainResult) -> None:
    table = Table("Ingested", *map(_right, ("read", "landed", "duplicates", "quarantined")), box=None)
    for row in result.ingested:
        table.add_row(row.table, *(f"{n:,}" for n in (row.read, row.landed, row.duplicates, row.quarantined)))
    console.print(table)


def _print_champion(console: Console, result: DomainResult) -> None:
    if result.model is None:
        return
    model = result.model
    console.print(
        f"\nChampion: version {result.version}, {model.kind}, {len(model.features)} features, "
        f"{model.rows:,} rows with {model.positives:,} positive; {_how(model.unusual_from)}",
        highlight=False,
    )
    table = Table("Metric (newest matured decisions)", _right("value"), _right("95 % interval"), box=None)
    for name, estimate in model.metrics.items():
        table.add_row(name.replace("_", " "), _number(estimate.value), _interval(estimate))
    console.print(table)


def _how(unusual_from: float | None) -> str:
    return "decides by least expected cost" if unusual_from is None else f"flags from a score of {unusual_from:.3f}"


def _print_live(console: Console, result: DomainResult) -> None:
    if result.live is None:
        return
    live = result.live
    outcomes = ", ".join(f"{number:,} {outcome}" for outcome, number in live.outcomes.most_common())
    console.print(
        f"\nScored: {live.sent:,} live events: {outcomes or 'none answered'}; "
        f"latency p50 {live.latency_ms(50):.1f} ms, p99 {live.latency_ms(99):.1f} ms (caller's side); "
        f"{live.degraded:,} with stale or missing features"
        + (f"; {live.repeated:,} sent again, the service being busy" if live.repeated else ""),
        highlight=False,
    )


def _print_verdict(console: Console, result: DomainResult) -> None:
    if result.verdict is None:
        return
    verdict = result.verdict
    console.print(
        f"\nDrift verdict: {verdict.status}; {len(verdict.drifted)} of {verdict.compared_columns} columns drifted "
        f"({verdict.drifted_share:.0%}), {verdict.current.rows:,} rows against {verdict.reference.rows:,}",
        highlight=False,
    )
    for reason in verdict.reasons:
        console.print(f"  {reason}", markup=False, highlight=False)
    console.print()


def _print_batch(console: Console, result: DomainResult) -> None:
    for report in result.watches:
        console.print(
            f"Watch of {report.entity}: {len(report.findings):,} of {report.rows:,} are as unusual as one in "
            f"{report.one_in:,} (chance alone: {report.expected:.1f})",
            highlight=False,
            soft_wrap=True,
        )
    for entity, outcomes in result.assessed.items():
        told = ", ".join(f"{number:,} {outcome}" for outcome, number in outcomes.most_common())
        console.print(f"Open cases ({entity}): {told}", highlight=False, soft_wrap=True)
    if result.watches or result.assessed:
        console.print()


def comparison(results: Sequence[DomainResult]) -> Table:
    """What became of each domain, a column a domain: data, champion, money, latency, drift."""
    names = (Column(result.domain.name, justify="right", overflow="fold") for result in results)
    table = Table("", *names, box=None)
    for label, cell in _ROWS:
        table.add_row(label, *(cell(result) for result in results))
    return table


def _events(result: DomainResult) -> str:
    events = result.domain.subject.event_table
    return f"{sum(row.landed for row in result.ingested if row.table == events):,}"


def _metric(result: DomainResult) -> str:
    name = result.domain.gate.metric
    figure = result.model.metrics.get(name) if result.model else None
    return "n/a" if figure is None else f"{name.replace('_', ' ')} {_number(figure.value)}"


def _metric_interval(result: DomainResult) -> str:
    figure = result.model.metrics.get(result.domain.gate.metric) if result.model else None
    return "n/a" if figure is None else _interval(figure)


def _saved(result: DomainResult) -> str:
    figure = result.model.metrics.get("saved") if result.model else None
    return "n/a" if figure is None or figure.value is None else f"{figure.value:,.0f} {result.domain.currency}"


def _saved_interval(result: DomainResult) -> str:
    figure = result.model.metrics.get("saved") if result.model else None
    if figure is None or figure.low is None or figure.high is None:
        return "n/a"
    return f"{figure.low:,.0f} to {figure.high:,.0f}"


def _latency(result: DomainResult) -> str:
    return "n/a" if result.live is None else f"{result.live.latency_ms(50):.1f} / {result.live.latency_ms(99):.1f}"


def _drift(result: DomainResult) -> str:
    return (
        "n/a" if result.verdict is None else f"{result.verdict.status}, {result.verdict.drifted_share:.0%} of columns"
    )


def _in_batch(result: DomainResult) -> str:
    found = [f"{len(report.findings):,} unusual ({report.entity})" for report in result.watches]
    found += [f"{outcomes.total():,} answered ({entity})" for entity, outcomes in result.assessed.items()]
    return ", ".join(found) or "nothing declared"


_ROWS: Sequence[tuple[str, Callable[[DomainResult], str]]] = (
    ("events landed", _events),
    ("features", lambda result: f"{len(result.model.features):,}" if result.model else "n/a"),
    ("champion", lambda result: result.model.kind if result.model else "none"),
    ("the gate's metric", _metric),
    ("  its 95 % interval", _metric_interval),
    ("saved against approving all, on the holdout", _saved),
    ("  its 95 % interval", _saved_interval),
    ("latency p50 / p99 in ms", _latency),
    ("drift", _drift),
    ("in batch", _in_batch),
)


def _right(header: str) -> Column:
    return Column(header, justify="right")


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:,.3f}"


def _interval(estimate: Estimate) -> str:
    return "n/a" if estimate.low is None else f"{_number(estimate.low)} to {_number(estimate.high)}"
