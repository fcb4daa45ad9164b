"""The commands as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from riskloom.catalog import Domain, load_catalog
from riskloom.cli import build_app
from riskloom.errors import ConfigError
from riskloom.ingest import RefusedFilesError
from tests.ingest.test_landing import example_file

DOMAIN = next(iter(load_catalog().values()))


@pytest.fixture
def domain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Domain:
    """A domain, with a run-time home of the test's own."""
    monkeypatch.setenv("RISKLOOM_HOME", str(tmp_path / "home"))
    return DOMAIN


def run(*arguments: object) -> tuple[int, str]:
    """Exit code and output of a command; an error it raises is raised."""
    result = CliRunner().invoke(build_app(), [str(one) for one in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def test_counts_are_printed_and_quarantine_is_no_failure(domain: Domain, tmp_path: Path) -> None:
    """A bad row leaves the exit code at 0; with --strict it is 1."""
    events = example_file(domain, tmp_path)
    code, output = run("ingest", domain.name, domain.subject.event_table, events, "--json")
    counts = json.loads(output)
    assert code == 0
    assert (counts["read"], counts["landed"], counts["quarantined"]) == (2, 1, 1)
    assert counts["files"][0]["file"] == "events.csv"
    code, output = run("ingest", domain.name, domain.subject.event_table, events, "--strict")
    assert code == 0, "the same file again adds nothing, to quarantine neither"
    assert "events.csv: ingested before, nothing added" in output
    copy = events.with_name("other.csv")
    copy.write_text(events.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    code, output = run("ingest", domain.name, domain.subject.event_table, copy, "--strict")
    assert code == 1
    assert str(tmp_path / "home" / "quarantine") in output


def test_a_refused_file_fails_after_the_others_are_reported(
    domain: Domain, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was ingested is printed, then the error ends the command."""
    with pytest.raises(RefusedFilesError, match="nowhere"):
        run("ingest", domain.name, domain.subject.event_table, example_file(domain, tmp_path), tmp_path / "nowhere.csv")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--start", "2026-01-01T03:00", "start: expected midnight UTC"),
        ("--start", "soon", "--start: expected a time such as"),
        ("--days", "0", "days: expected 1 or more, found 0"),
        ("--events", "0", "events: expected 1 or more"),
        ("--seed", "-1", "seed: expected 0 or more"),
        ("--drift-at", "never", "--drift-at: expected a time"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(
    domain: Domain, tmp_path: Path, option: str, value: str, says: str
) -> None:
    """The message names the option, what was expected and what was found."""
    with pytest.raises(ConfigError, match=says):
        run("simulate", domain.name, "--out", tmp_path / "out", option, value)
    assert not (tmp_path / "out").exists()


def test_a_simulated_history_is_ingested_whole(domain: Domain, tmp_path: Path) -> None:
    """Every table a simulator writes keeps its contract: nothing is quarantined, nothing is there twice."""
    out = tmp_path / "out"
    code, output = run("simulate", domain.name, "--out", out, "--days", 4, "--events", 2_000, "--json")
    rows = json.loads(output)["rows"]
    assert code == 0
    assert set(rows) == set(domain.tables)
    assert rows[domain.subject.event_table] == 2_000
    for table, count in rows.items():
        _, output = run("ingest", domain.name, table, *sorted((out / table).glob("*.parquet")), "--json")
        report = json.loads(output)
        assert (report["read"], report["landed"]) == (count, count), table
