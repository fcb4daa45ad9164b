"""Labels go the whole way: stated in the ledger, exported, and landed by the ingest as what they say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import Engine

from riskloom.catalog import Domain, load_catalog
from riskloom.errors import LedgerError
from riskloom.ingest import ingest_files
from riskloom.ingest.labels import LandedLabels, land_labels
from riskloom.ledger.audit import AuditTrail
from riskloom.ledger.database import reading, writing
from riskloom.ledger.desk import Desk
from riskloom.ledger.labels import LabelTable, export_labels, state_label, withdraw_label
from riskloom.sql import quoted
from tests.ledger.examples import NOW, label_details


def state(ledger: Engine, domain: Domain, folder: Path, details: dict[str, Any]) -> None:
    trail = AuditTrail(b"k" * 32, folder / "anchor")
    with writing(ledger) as session:
        first = Desk(session, trail, "ada", NOW)
        facts: dict[str, Any] = {"provenance": "case", "matured_at": None, "effective_at": NOW, "details": details}
        label = state_label(first, domain.name, "s-1", value=True, **facts)
        state_label(first, domain.name, "s-2", value=False, **facts)
        state_label(first, "another_domain", "s-3", value=True, **facts)
        withdraw_label(Desk(session, trail, "bob", NOW + timedelta(days=1)), label.label_id)


def table_of(domain: Domain) -> LabelTable:
    return LabelTable(domain.tables[domain.label.table], domain.label.key, domain.label.positive)


@pytest.mark.parametrize("domain", load_catalog().values(), ids=lambda domain: domain.name)
def test_exported_labels_land(ledger: Engine, domain: Domain, tmp_path: Path) -> None:
    """Every row is landed and says what the ledger says; the same export again adds nothing."""
    table = domain.tables[domain.label.table]
    state(ledger, domain, tmp_path, label_details(domain))
    file, again = tmp_path / "out" / "labels.jsonl", tmp_path / "out" / "again.jsonl"
    with reading(ledger) as session:
        assert export_labels(session, domain.name, table_of(domain), file) == 3
    again.write_text(file.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    reports = [
        ingest_files(
            domain, table.name, [path], landing=tmp_path / "landing", quarantine=tmp_path / "quarantine",
            observed_at=datetime(2026, 4, 1, tzinfo=UTC), pseudonym_key=b"k" * 32,
        )
        for path in (file, again)
    ]  # fmt: skip
    assert [(one.landed, one.duplicates, one.quarantined) for one in reports] == [(3, 0, 0), (0, 3, 0)]
    label, landed = domain.label, str(tmp_path / "landing" / domain.name / table.name / "*.parquet")
    names = [quoted(label.key), quoted(label.positive), "observed_at"]
    rows = duckdb.read_parquet(landed).project(", ".join(names)).order("all").fetchall()
    naive = NOW.replace(tzinfo=None)
    assert rows == [("s-1", False, naive + timedelta(days=1)), ("s-1", True, naive), ("s-2", False, naive)]


def test_a_label_without_what_its_table_needs_is_named(ledger: Engine, tmp_path: Path) -> None:
    """The message says which column to give with the verdict; no half file is left."""
    domains = load_catalog().values()
    domain = next(one for one in domains if len(required(one)) > 0)
    state(ledger, domain, tmp_path, {})
    with (
        pytest.raises(LedgerError, match=f"{required(domain)[0]}: expected a value for {domain.label.table}"),
        reading(ledger) as session,
    ):
        export_labels(session, domain.name, table_of(domain), tmp_path / "labels.jsonl")
    assert not (tmp_path / "labels.jsonl").exists()


def test_one_label_that_lacks_something_holds_up_no_other(sqlite_ledger: Engine, tmp_path: Path) -> None:
    """Each is named, the others land; nothing stays beside the landing zone."""
    domain = next(one for one in load_catalog().values() if required(one))
    trail = AuditTrail(b"k" * 32, tmp_path / "anchor")
    with writing(sqlite_ledger) as session:
        for subject, details in (("s-1", label_details(domain)), ("s-2", {}), ("s-3", label_details(domain))):
            state_label(
                Desk(session, trail, "ada", NOW), domain.name, subject, value=True, provenance="case",
                matured_at=None, effective_at=NOW, details=details,
            )  # fmt: skip
    home, lacking = tmp_path / "home", list[LedgerError]()
    landed = land_labels(
        sqlite_ledger, domain, landing=home / "landing", quarantine=home / "quarantine",
        observed_at=NOW + timedelta(days=1), pseudonym_key=b"k" * 32, on_incomplete=lacking.append,
    )  # fmt: skip
    assert landed == LandedLabels(landed=2, incomplete=1)
    assert [required(domain)[0] in str(error) for error in lacking] == [True]
    assert [path.name for path in home.iterdir()] == ["landing"]


def required(domain: Domain) -> list[str]:
    """Columns that only a verdict's details can give."""
    table, label = domain.tables[domain.label.table], domain.label
    own = {*table.key, label.key, label.positive, "effective_at", "observed_at"}
    return [name for name, column in table.brought.items() if not column.nullable and name not in own]
