"""The benchmarks' frame: which run, what a row says, what the file keeps."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from benchmarks.machine import describe
from benchmarks.rows import Row, write_group
from benchmarks.run import choose, domain_of, groups, main, table_of
from riskloom.catalog import load_catalog
from riskloom.errors import ConfigError

KEYS = {"name", "value", "unit", "peer", "peer_value", "ratio", "target", "met", "spread"}
MACHINE = {"cpu": "one", "cores": 2}


def _row(name: str, value: float, **more: object) -> Row:
    return Row(**{"name": name, "value": value, "unit": "rows/s", "better": "higher", **more})  # type: ignore[arg-type]


def test_a_ratio_above_one_means_better_than_the_peer() -> None:
    """Twice the rows a second and half the seconds are both two times better."""
    assert _row("a", 200, peer="b", peer_value=100).ratio == 2
    assert _row("a", 5, better="lower", peer="b", peer_value=10).ratio == 2
    assert _row("a", 5).ratio is None


def test_a_target_is_met_from_its_better_side() -> None:
    """At least for rates, at most for durations; no target, no verdict."""
    assert [_row("a", value, target=10).met for value in (9, 10, 11)] == [False, True, True]
    assert [_row("a", value, target=10, better="lower").met for value in (9, 10, 11)] == [True, True, False]
    assert _row("a", 9).met is None


def test_a_group_file_has_machine_and_rows(tmp_path: Path) -> None:
    """The keys are the documented ones, and figures are cut to four digits."""
    path = tmp_path / "benchmarks" / "spine.json"
    write_group(path, MACHINE, [_row("a", 12345.678, peer="b", peer_value=3.14159, target=1)])
    content = json.loads(path.read_text())
    assert content["machine"] == MACHINE
    (row,) = content["rows"]
    assert set(row) == KEYS
    assert (row["value"], row["peer_value"], row["met"]) == (12350, 3.142, True)


def test_rows_measured_again_take_their_old_places(tmp_path: Path) -> None:
    """One benchmark run alone leaves the other figures of the same machine as they are."""
    path = tmp_path / "spine.json"
    write_group(path, MACHINE, [_row("a", 1), _row("b", 2)])
    write_group(path, MACHINE, [_row("a", 3), _row("c", 4)])
    assert [(row["name"], row["value"]) for row in json.loads(path.read_text())["rows"]] == [
        ("a", 3),
        ("b", 2),
        ("c", 4),
    ]


def test_figures_of_another_machine_are_dropped(tmp_path: Path) -> None:
    """A file never mixes two machines."""
    path = tmp_path / "spine.json"
    write_group(path, MACHINE, [_row("a", 1), _row("b", 2)])
    write_group(path, {"cpu": "another"}, [_row("a", 3)])
    assert [row["name"] for row in json.loads(path.read_text())["rows"]] == ["a"]


def test_every_listed_benchmark_can_be_run() -> None:
    """Each group lists modules that measure, and no module is left out."""
    assert "spine" in groups()
    for group, names in groups().items():
        for name in names:
            module = importlib.import_module(f"benchmarks.{group}.{name}")
            assert callable(module.measure)


def test_names_choose_groups_and_single_benchmarks() -> None:
    """In the order in which they are listed, whatever the order of the names."""
    assert choose([]) == groups()
    assert choose(["spine.ingest", "spine.simulate"]) == {"spine": ("simulate", "ingest")}
    assert choose(["spine"])["spine"] == groups()["spine"]


@pytest.mark.parametrize("name", ["nothing", "spine.nothing"])
def test_an_unknown_name_is_refused_with_those_there_are(name: str) -> None:
    """The message lists groups and benchmarks."""
    with pytest.raises(ConfigError, match=rf"{name}.*spine\.ingest"):
        choose([name])
    assert main([name]) == 2


def test_by_default_the_busiest_domain_is_measured() -> None:
    """Of those with a simulator, the one that declares most events a day; or the one that is named."""
    simulated = [domain for domain in load_catalog().values() if (domain.folder / "simulate.py").is_file()]
    chosen = domain_of(None)
    assert all(chosen.demo.events / chosen.demo.days >= each.demo.events / each.demo.days for each in simulated)
    assert domain_of(simulated[-1].name).name == simulated[-1].name
    with pytest.raises(ConfigError, match="--domain: expected one of"):
        domain_of("nothing")


def test_the_machine_is_described() -> None:
    """A reader can tell what the figures were measured on."""
    found = describe()
    assert found["cores"] >= 1
    assert found["memory_gib"] > 0
    assert found["cpu"]


def test_a_median_comes_with_the_least_and_the_greatest_of_its_runs() -> None:
    """They stand below the figure, and cut to four digits in the file; a single run has none."""
    several = _row("a", 20, spread=(10.123456, 30))
    assert several.as_json()["spread"] == [10.12, 30]
    assert _row("b", 20).as_json()["spread"] is None
    assert list(table_of("spine", [several, _row("b", 20)]).columns[1].cells) == ["20\n(10.1 to 30)", "20"]


def test_the_table_says_what_was_missed() -> None:
    """A target that was missed is written large."""
    table = table_of("spine", [_row("a", 1, target=2), _row("b", 3, target=2)])
    assert list(table.columns[6].cells) == ["NO", "yes"]


def test_a_quick_run_measures_and_writes_where_it_is_told_to(tmp_path: Path) -> None:
    """From simulated rows to a figure beside its peer, end to end."""
    assert main(["spine.ingest", "--quick", "--out", str(tmp_path)]) == 0
    (row,) = json.loads((tmp_path / "spine.json").read_text())["rows"]
    assert row["value"] > 0
    assert row["ratio"] == pytest.approx(row["value"] / row["peer_value"], rel=0.01)


def test_what_rules_add_to_a_decision_is_measured_in_the_service(tmp_path: Path) -> None:
    """Two hundred live rules hit some of the events, none of them floods, and each decision is kept."""
    assert main(["rules.service", "--quick", "--out", str(tmp_path)]) == 0
    rows = json.loads((tmp_path / "rules.json").read_text())["rows"]
    assert ["200 live rules" in row["name"] for row in rows] == [False, True, False, True]
    assert all(row["value"] > 0 for row in rows)
