"""The demo tells everything that is not as it should be, and empties no folder but its own."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from riskloom.catalog import load_catalog
from riskloom.errors import ConfigError
from riskloom.settings import Settings
from riskloom.stack.airflow import DagRun
from riskloom.stack.demo import Demo, DemoPlan, DomainResult, problems
from riskloom.stack.live import LiveReport
from riskloom.stack.progress import Progress
from riskloom.stack.source import Ingested
from riskloom.stack.summary import comparison, print_summary

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
DOMAIN = next(iter(load_catalog().values()))


def demo(settings: Settings, output: StringIO) -> Demo:
    """A demo that writes to a text."""
    plan = DemoPlan(data="simulated", data_dir=None, now=NOW)
    return Demo(settings, plan, Progress(Console(file=output, width=200)))


def test_a_folder_of_somebody_else_is_left_alone(settings: Settings) -> None:
    """A home with files that no demo made is refused, and nothing in it is touched."""
    settings.home.mkdir()
    (settings.home / "thesis.txt").write_text("years of work", encoding="utf-8")

    with pytest.raises(ConfigError, match="expected an empty folder or one of an earlier demo, found other files"):
        demo(settings, StringIO()).run()

    assert (settings.home / "thesis.txt").read_text(encoding="utf-8") == "years of work"


def test_unknown_data_is_refused_before_the_home_is_emptied(settings: Settings) -> None:
    """A mistyped kind of data costs nothing: what an earlier demo made is still there."""
    settings.home.mkdir()
    (settings.home / ".riskloom-demo").touch()
    (settings.home / "made").touch()
    plan = DemoPlan(data="handbok", data_dir=None, now=NOW)

    with pytest.raises(ConfigError, match="no domain has data 'handbok'"):
        Demo(settings, plan, Progress(Console(file=StringIO()))).run()

    assert (settings.home / "made").exists()


def test_every_part_that_is_missing_is_a_problem() -> None:
    """A result without champion, answers and verdict says so, with the tasks that failed and the codes that came."""
    run = DagRun("x__features", "run-1", "failed", {"publish": "upstream_failed", "dbt": "failed"})
    live = LiveReport(outcomes=Counter(approve=8), refused=Counter({"503": 2}))
    result = DomainResult(DOMAIN, runs=[run], live=live)

    found = problems([result])

    assert found == [
        f"{DOMAIN.name}: the run of x__features ended as failed: publish (upstream_failed), dbt (failed)",
        f"{DOMAIN.name}: there is no champion",
        f"{DOMAIN.name}: events were not answered with 200: 2 of 503",
        f"{DOMAIN.name}: there is no drift verdict",
        *(f"{DOMAIN.name}: the watch of {watch.entity} has no report" for watch in DOMAIN.watch),
        *(f"{DOMAIN.name}: no open {assessment.entity} was answered" for assessment in DOMAIN.assessment),
    ]


def test_no_events_at_all_is_a_problem() -> None:
    """Nothing refused is no success where nothing was sent."""
    assert f"{DOMAIN.name}: no event was scored" in problems([DomainResult(DOMAIN, live=LiveReport())])


def test_summary_tells_the_counts_the_way_in_and_the_problems() -> None:
    """Even where most is missing, the summary has what there is and where to look."""
    output = StringIO()
    live = LiveReport(outcomes=Counter({"approve": 590, "review": 10}), latencies_ms=[2.0] * 599 + [30.0])
    result = DomainResult(DOMAIN, note="simulated", ingested=[Ingested("a__b", 1_234, 1_230, 3, 1)], live=live)

    print_summary(
        Console(file=output, width=200),
        [result],
        urls={"Airflow": "http://127.0.0.1:8080"},
        ways_in={"Airflow log-in": "admin / from-the-file", "API key": "rlk_1"},
    )

    text = output.getvalue()
    assert [
        part for part in ("1,234", "1,230", "600 live events", "590 approve", "10 review") if part not in text
    ] == []
    assert [part for part in ("http://127.0.0.1:8080", "admin / from-the-file", "rlk_1") if part not in text] == []
    assert "Problem: " in text


def test_domains_are_compared_side_by_side() -> None:
    """Of several domains each has a column, also where nothing was reached."""
    output = StringIO()
    catalog = load_catalog()
    live = LiveReport(outcomes=Counter({"approve": 600}), latencies_ms=[2.0] * 599 + [30.0])
    results = [
        DomainResult(domain, ingested=[Ingested(domain.subject.event_table, 1_234, 1_230, 3, 1)], live=live)
        for domain in catalog.values()
    ]

    Console(file=output, width=200).print(comparison(results))

    lines = {line.split("  ")[0].strip(): line for line in output.getvalue().splitlines()}
    assert all(name in output.getvalue() for name in catalog)
    assert lines["events landed"].count("1,230") == len(catalog)
    assert lines["latency p50 / p99 in ms"].count("2.0 / ") == len(catalog)
    assert lines["champion"].count("none") == len(catalog)


def test_progress_is_plain_where_nobody_watches() -> None:
    """Written to a file, each line has the seconds, and there are no control characters."""
    output = StringIO()
    progress = Progress(Console(file=output, width=40))

    with progress.doing("Ingest"):
        progress.now("never shown")
        progress.say("[not] markup, and a line that is longer than the forty columns of the console")

    lines = output.getvalue().splitlines()
    assert [line.split(" s  ")[1] for line in lines] == [
        "Ingest",
        "[not] markup, and a line that is longer than the forty columns of the console",
    ]
    assert "\x1b" not in output.getvalue()


def test_home_is_the_plans_own(tmp_path: Path) -> None:
    """An empty folder is taken and marked, so that the next demo knows it."""
    home = tmp_path / "home"
    home.mkdir()

    demo(Settings(home=home), StringIO()).empty_home()

    assert [path.name for path in home.iterdir()] == [".riskloom-demo"]
