"""The landing zone: readable before the first row, and how it stands."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from riskloom.catalog import Domain, load_catalog
from riskloom.ingest import arrow_schema, check_landing, ingest_files, prepare_landing, watermark

CATALOG = load_catalog()


@pytest.fixture(params=sorted(CATALOG))
def domain(request: pytest.FixtureRequest) -> Domain:
    """A declared domain."""
    return CATALOG[request.param]


def test_every_table_can_be_read_before_it_has_rows(domain: Domain, tmp_path: Path) -> None:
    """Each declared table has a file with the contract's columns and no rows; a second call changes nothing."""
    prepare_landing(domain, tmp_path)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    assert {path.parent.name for path in files} == set(domain.tables)
    for path in files:
        assert pq.read_table(path).schema == arrow_schema(domain.tables[path.parent.name])
    prepare_landing(domain, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")} == files
    assert watermark(domain, tmp_path) is None


def test_a_changed_contract_changes_the_schema_file(domain: Domain, tmp_path: Path) -> None:
    """The schema file follows the declaration."""
    prepare_landing(domain, tmp_path)
    path = tmp_path / domain.name / domain.subject.event_table / "0-schema.parquet"
    pq.write_table(pq.read_table(path).select([0]), path)
    prepare_landing(domain, tmp_path)
    assert pq.read_schema(path) == arrow_schema(domain.event_table)


def test_no_events_is_an_error_and_events_move_the_watermark(domain: Domain, tmp_path: Path) -> None:
    """The check names the empty event table; with rows it counts them and knows the newest."""
    prepare_landing(domain, tmp_path / "landing")
    before = check_landing(domain, tmp_path / "landing")
    assert before.errors == (f"{domain.subject.event_table}: expected rows, found none: ingest or simulate some first",)
    events = example_file(domain, tmp_path)
    at = datetime(2026, 1, 2, tzinfo=UTC)
    report = ingest_files(
        domain,
        domain.subject.event_table,
        [events],
        landing=tmp_path / "landing",
        quarantine=tmp_path / "quarantine",
        observed_at=at,
        pseudonym_key=b"k" * 32,
    )
    after = check_landing(domain, tmp_path / "landing")
    table = after.tables[domain.subject.event_table]
    assert after.errors == ()
    assert (table.rows, table.quarantined) == (report.landed, report.quarantined) == (1, 1)
    assert table.newest == watermark(domain, tmp_path / "landing") == at


def example_file(domain: Domain, folder: Path) -> Path:
    """One good event and one without key, as CSV."""
    example = {"string": "x", "boolean": "true", "timestamp": "2026-01-01T00:00:00Z"}
    columns = {name: column for name, column in domain.event_table.columns.items() if name != "observed_at"}
    values = {
        name: column.allowed[0]
        if column.allowed
        else str(column.example or example.get(column.type) or column.minimum or 1)
        for name, column in columns.items()
    }
    path = folder / "events.csv"
    lines = [",".join(values), ",".join(values.values()), ",".join({**values, domain.subject.key: ""}.values())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
