"""Nothing lands twice, nothing landed is contradicted, and corrections are new rows."""

from __future__ import annotations

import multiprocessing
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from riskloom.ingest import ingest_files
from tests.ingest.conftest import CLOCK, Laboratory, assert_adds_up

HEADER = "reading_id,amount,effective_at,observed_at\n"
TIMES = "2026-01-01T00:00:00Z,2026-01-01T00:00:00Z"
TEXT = HEADER + f"r1,1.00,{TIMES}\nr2,2.00,{TIMES}\nr3,bad,{TIMES}\n"
SENSORS = "sensor_id,place,effective_at\ns1,{},2026-01-01\n"


def test_the_same_file_twice_adds_nothing(laboratory: Laboratory) -> None:
    """The second time every row was there before, under whatever name; no file is written."""
    laboratory.ingest(laboratory.file("a.csv", TEXT))
    before = {path: path.stat().st_mtime_ns for path in laboratory.home.rglob("*.parquet")}
    report = laboratory.ingest(
        laboratory.file("a.csv", TEXT), laboratory.file("copy.csv", TEXT), at=CLOCK + timedelta(1)
    )
    assert [(file.read, file.landed, file.duplicates, file.is_known) for file in report.files] == [(3, 0, 3, True)] * 2
    assert {path: path.stat().st_mtime_ns for path in laboratory.home.rglob("*.parquet")} == before


def test_the_same_rows_in_another_file_are_duplicates(laboratory: Laboratory) -> None:
    """An export that overlaps with an earlier one adds only what is new, in any format."""
    laboratory.ingest(laboratory.file("a.csv", TEXT))
    more = laboratory.parquet(
        "more.parquet",
        """SELECT 'r' || i AS reading_id, i::DECIMAL(9,2) AS amount, TIMESTAMP '2026-01-01' AS effective_at,
        TIMESTAMP '2026-01-01' AS observed_at FROM range(1, 5) t(i)""",
    )
    report = laboratory.ingest(more)
    assert (report.read, report.landed, report.duplicates) == (4, 2, 2)
    assert laboratory.landed("reading_id") == [("r1",), ("r2",), ("r3",), ("r4",)]


def test_the_same_rows_at_a_later_clock_are_duplicates(laboratory: Laboratory) -> None:
    """Where the clock gave ``observed_at``, a second export of the same rows is nothing new."""
    text = "reading_id,amount,effective_at\nr1,1.00,2026-01-01\n"
    laboratory.ingest(laboratory.file("a.csv", text))
    report = laboratory.ingest(laboratory.file("b.csv", text + "r2,2.00,2026-01-01\n"), at=CLOCK + timedelta(days=1))
    assert (report.landed, report.duplicates, report.quarantined) == (1, 1, 0)


@pytest.mark.parametrize("in_one_file", [True, False])
def test_another_content_under_a_landed_key_is_quarantined(laboratory: Laboratory, *, in_one_file: bool) -> None:
    """The first stays as it is; the contradiction is kept with its reason."""
    first, second = f"r1,1.00,{TIMES}\n", f"r1,9.00,{TIMES}\n"
    if in_one_file:
        report = laboratory.ingest(laboratory.file("a.csv", HEADER + first + first + second))
        assert (report.landed, report.duplicates, report.quarantined) == (1, 1, 1)
    else:
        laboratory.ingest(laboratory.file("a.csv", HEADER + first))
        report = laboratory.ingest(laboratory.file("b.csv", HEADER + second))
        assert (report.landed, report.duplicates, report.quarantined) == (0, 0, 1)
    assert laboratory.landed("amount")[0][0] == 1
    assert laboratory.reasons() == ["key already landed with different content"]


def test_a_changed_row_of_a_table_keyed_by_time_is_a_correction(laboratory: Laboratory) -> None:
    """A move and the move back are two new rows; what has not changed is none."""
    places = ["here", "there", "there", "here"]
    landed = [
        laboratory.ingest(
            laboratory.file(f"{day}.csv", SENSORS.format(place) + "\n" * day),
            table="lab__sensors",
            at=CLOCK + timedelta(days=day),
        ).landed
        for day, place in enumerate(places)
    ]
    assert landed == [1, 1, 0, 1]
    assert [place for _, place in laboratory.landed("observed_at, place", "lab__sensors")] == ["here", "there", "here"]


def test_two_contents_at_one_instant_are_a_contradiction(laboratory: Laboratory) -> None:
    """A correction is later than what it corrects."""
    laboratory.ingest(laboratory.file("a.csv", SENSORS.format("here")), table="lab__sensors")
    report = laboratory.ingest(laboratory.file("b.csv", SENSORS.format("there")), table="lab__sensors")
    assert (report.landed, report.quarantined) == (0, 1)


def test_a_lost_manifest_line_brings_nothing_back(laboratory: Laboratory) -> None:
    """After a crash between landing and manifest, the same file finds its rows and leaves the landed file alone."""
    laboratory.ingest(laboratory.file("a.csv", TEXT))
    (path,) = laboratory.landed_files()
    (path.parent / "manifest.jsonl").unlink()
    before = path.read_bytes()
    report = laboratory.ingest(laboratory.file("a.csv", TEXT))
    assert (report.landed, report.duplicates, report.quarantined) == (0, 2, 1)
    assert laboratory.landed_files() == [path]
    assert path.read_bytes() == before


def test_the_same_input_gives_the_same_bytes(laboratory: Laboratory) -> None:
    """Two homes filled alike are alike, names of files included."""
    rows = "".join(f"r{n % 900},{n % 7}.00,{TIMES}\n" for n in range(2000))
    source = laboratory.file("a.csv", HEADER + rows)
    trees = []
    for name in ("one", "two"):
        other = Laboratory(laboratory.domain, laboratory.home / name)
        other.ingest(source)
        files = sorted(path for path in other.home.rglob("*") if path.is_file())
        trees.append({path.relative_to(other.home): path.read_bytes() for path in files})
    assert trees[0] == trees[1]


def test_little_memory_is_enough(laboratory: Laboratory) -> None:
    """A file many times larger than the memory allowed lands whole, and its overlap with itself is found."""
    select = """SELECT 'r' || (i % 600000) AS reading_id, (i % 100000) / 100 AS amount, md5(i::VARCHAR) AS more,
        TIMESTAMP '2026-01-01' AS effective_at, TIMESTAMP '2026-01-01' AS observed_at FROM range(700000) t(i)"""
    report = laboratory.ingest(laboratory.parquet("a.parquet", select), memory="120MB", threads=1)
    assert (report.landed, report.duplicates + report.quarantined) == (600_000, 100_000)
    assert_adds_up(report)
    assert not list(laboratory.home.glob(".ingest-*"))


def test_two_ingests_at_once_take_turns(laboratory: Laboratory) -> None:
    """Neither misses the other's rows: together they land each row once."""
    rows = "".join(f"r{n},1.00,{TIMES}\n" for n in range(500))
    files = [laboratory.file(f"{n}.csv", HEADER + rows + "\n" * n) for n in range(2)]
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_ingest, args=(laboratory, path)) for path in files]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert laboratory.landed("count(*)") == [(500,)]


def _ingest(laboratory: Laboratory, path: Path) -> None:
    ingest_files(
        laboratory.domain,
        "lab__readings",
        [path],
        landing=laboratory.home / "landing",
        quarantine=laboratory.home / "quarantine",
        observed_at=CLOCK,
    )


FIELD = st.sampled_from(
    ["r1", "r2", "r3", "1.00", "2.00", "1.005", "", "2026-01-01", "2026-02-01", '"', '"r1"', "x\ny", "é"]
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.lists(st.lists(st.lists(FIELD, min_size=1, max_size=5), max_size=8), min_size=1, max_size=2))
def test_every_record_is_accounted_for(
    laboratory: Laboratory, tmp_path_factory: pytest.TempPathFactory, files: list[list[list[str]]]
) -> None:
    """Whatever is in the files: read = landed + duplicates + quarantined, and that is what lies on the disk."""
    lab = Laboratory(laboratory.domain, tmp_path_factory.mktemp("home"))
    paths = [
        lab.file(f"{n}.csv", HEADER + "".join(",".join(row) + "\n" for row in rows)) for n, rows in enumerate(files)
    ]
    report = lab.ingest(*paths)
    assert_adds_up(report)
    assert lab.landed("count(*), count(DISTINCT reading_id)") == [(report.landed, report.landed)]
    assert len(lab.quarantined("row_number")) == report.quarantined
