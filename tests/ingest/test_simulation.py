"""What holds for the simulator of every domain: the plan decides, all or nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from riskloom.catalog import Domain, load_catalog
from riskloom.errors import ConfigError, ContractError
from riskloom.ingest import SimulationPlan, Stretch, arrow_schema, stretches, write_simulation
from riskloom.ingest.simulation import load_simulator

CATALOG = load_catalog()
START = datetime(2026, 1, 1, tzinfo=UTC)
PLAN = SimulationPlan(start=START, days=6, events=3_000, seed=1)


@pytest.fixture(params=sorted(CATALOG))
def domain(request: pytest.FixtureRequest) -> Domain:
    """A declared domain."""
    return CATALOG[request.param]


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_batches_have_the_contracts_columns(domain: Domain) -> None:
    """Each batch of each table is what the contract declares, in its order and types; some come after weeks."""
    plan = SimulationPlan(start=START, days=60, events=PLAN.events, seed=1)
    seen: dict[str, int] = {}
    for name, batch in load_simulator(domain)(plan):
        assert batch.schema == arrow_schema(domain.tables[name])
        seen[name] = seen.get(name, 0) + batch.num_rows
    assert set(seen) == set(domain.tables)
    assert seen[domain.subject.event_table] == PLAN.events
    assert all(seen.values())


def test_the_same_plan_gives_the_same_bytes(domain: Domain, tmp_path: Path) -> None:
    """Byte for byte, and another seed does not."""
    for name in ("one", "two"):
        write_simulation(domain, PLAN, tmp_path / name)
    other = SimulationPlan(start=START, days=6, events=3_000, seed=2)
    write_simulation(domain, other, tmp_path / "three")
    one, two, three = (tree(tmp_path / name) for name in ("one", "two", "three"))
    assert one == two
    assert one.keys() == three.keys()
    assert one != three


def test_live_rows_are_those_observed_later(domain: Domain, tmp_path: Path) -> None:
    """``live_from`` cuts every table at one instant of observation; together nothing is lost."""
    live_from = START + timedelta(days=4)
    report = write_simulation(domain, PLAN, tmp_path / "out", live_from)
    for name in domain.tables:
        history = pq.read_table(tmp_path / "out" / name)["observed_at"].to_pylist()
        live = pq.read_table(tmp_path / "out" / "live" / name)["observed_at"].to_pylist()
        cut = live_from.replace(tzinfo=None)
        assert all(at < cut for at in history)
        assert all(cut <= at < PLAN.end.replace(tzinfo=None) for at in live)
        assert (len(history), len(live)) == (report.rows[name], report.live_rows[name])
    events = domain.subject.event_table
    assert report.live_rows[events] > 0
    assert report.rows[events] + report.live_rows[events] == PLAN.events


def test_the_same_simulation_is_left_as_it_is(domain: Domain, tmp_path: Path) -> None:
    """A second call changes nothing; a folder with something else is refused."""
    out = tmp_path / "out"
    first = write_simulation(domain, PLAN, out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    again = write_simulation(domain, PLAN, out)
    assert (first.is_new, again.is_new, again.rows) == (True, False, first.rows)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    with pytest.raises(ConfigError, match="found another simulation"):
        write_simulation(domain, SimulationPlan(START, 6, 3_000, 9), out)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("Dear")
    with pytest.raises(ConfigError, match="found other files"):
        write_simulation(domain, PLAN, tmp_path / "full")


def test_a_simulator_that_breaks_off_leaves_nothing(
    domain: Domain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Columns that are not the contract's are refused, and no half of a history stays behind."""
    simulate = load_simulator(domain)

    def broken(plan: SimulationPlan) -> Iterator[tuple[str, pa.Table]]:
        for name, batch in simulate(plan):
            yield name, batch if name != domain.subject.event_table else batch.drop_columns(["observed_at"])

    monkeypatch.setattr(f"riskloom.domains.{domain.name}.simulate.simulate", broken)
    with pytest.raises(ContractError, match=f"simulator: {domain.subject.event_table}: expected columns"):
        write_simulation(domain, PLAN, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_the_drift_day_is_the_first_that_begins_after_it() -> None:
    """A drift within a day takes hold on the next; before the start on the first; after the end never."""
    days = {
        hours: SimulationPlan(START, 6, 1, 0, START + timedelta(hours=hours)).drift_day
        for hours in (-5, 0, 1, 24, 25, 999)
    }
    assert days == {-5: 0, 0: 0, 1: 1, 24: 1, 25: 2, 999: 6}
    assert PLAN.drift_day == PLAN.days


@pytest.mark.parametrize(
    ("drift_days", "expected"),
    [
        (None, [Stretch("usual", 0, 6)]),
        (0, [Stretch("drifted", 0, 6)]),
        (2, [Stretch("usual", 0, 2), Stretch("drifted", 2, 6)]),
        (6, [Stretch("usual", 0, 6)]),
    ],
)
def test_stretches_are_the_days_on_each_side_of_the_drift(drift_days: int | None, expected: list[Stretch[str]]) -> None:
    """Together they are all days, and a side without days is not there."""
    drift_at = None if drift_days is None else START + timedelta(days=drift_days)
    assert stretches(replace(PLAN, drift_at=drift_at), "usual", "drifted") == expected
