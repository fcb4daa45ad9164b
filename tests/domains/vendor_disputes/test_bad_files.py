"""Broken files and records of payables: refused or quarantined by name, and the good ones land."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from riskloom.ingest import IngestReport, RefusedFilesError, arrow_schema
from tests.domains.vendor_disputes.conftest import Office

DISPUTES, RECEIPTS = "payables__disputes", "receiving__receipts"
DISPUTE: Mapping[str, Any] = {
    "dispute_id": "d-1",
    "invoice_line_id": "il-1",
    "deduction_id": None,
    "vendor_id": "v-1",
    "raised_by": "buyer",
    "reason": "shortage",
    "claimed_amount": "120.50",
    "currency": "EUR",
    "effective_at": "2026-05-01T10:00:00Z",
    "observed_at": "2026-05-01T12:00:00Z",
}
MEGABYTES = 1_000_000


def lines(path: Path, *rows: Mapping[str, Any] | str) -> Path:
    """A file of JSON lines; a text stands there as it is."""
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def counted(report: IngestReport) -> tuple[int, int, int, int]:
    """Read, landed, twice, quarantined; the first is the sum of the others."""
    assert report.read == report.landed + report.duplicates + report.quarantined
    return report.read, report.landed, report.duplicates, report.quarantined


def a_table(office: Office, count: int) -> pa.Table:
    """Good disputes as the contract has them."""
    at = datetime(2026, 5, 1)  # noqa: DTZ001 - as tables hold times
    rows = [
        {
            **DISPUTE,
            "dispute_id": f"d-{number}",
            "claimed_amount": Decimal("5.00"),
            "effective_at": at,
            "observed_at": at,
        }
        for number in range(count)
    ]
    return pa.Table.from_pylist(rows, schema=arrow_schema(office.domain.tables[DISPUTES]))


@pytest.mark.parametrize("name", ["cut.parquet", "cut.jsonl.gz", "cut.csv.gz", "cut.json"])
def test_a_file_that_was_cut_off_is_refused_and_nothing_of_it_lands(office: Office, tmp_path: Path, name: str) -> None:
    """Whatever the format; another file of the same call lands whole."""
    whole, path = tmp_path / "whole.parquet", tmp_path / name
    table = a_table(office, 400)
    pq.write_table(table, whole)
    if name.endswith(".parquet"):
        content = whole.read_bytes()
    elif name.endswith(".json"):
        content = json.dumps({"disputes": [dict(DISPUTE)] * 400}).encode()
    else:
        rows = [json.dumps({**DISPUTE, "dispute_id": f"e-{number}"}) for number in range(400)]
        if ".csv" in name:
            rows = [",".join(DISPUTE), *(",".join(str(value or "") for value in DISPUTE.values()) for _ in rows)]
        content = gzip.compress("\n".join(rows).encode())
    path.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(RefusedFilesError) as caught:
        office.ingest(DISPUTES, path, whole)
    assert name in str(caught.value)
    assert office.landed(DISPUTES, "count(*), count(distinct dispute_id)") == (400, 400)


def test_records_that_are_encoded_twice_are_quarantined(office: Office, tmp_path: Path) -> None:
    """JSON inside a JSON text is no record, and never half a one."""
    good = {**DISPUTE, "dispute_id": "d-2"}
    report = office.ingest(DISPUTES, lines(tmp_path / "twice.jsonl", json.dumps(json.dumps(DISPUTE)), good))
    assert counted(report) == (2, 1, 0, 1)
    ((number, reasons),) = office.reasons(DISPUTES)
    assert number == 1
    assert "twice" in " ".join(reasons)


def test_bytes_that_are_not_utf8_are_quarantined(office: Office, tmp_path: Path) -> None:
    """A record in another encoding is told from the others."""
    path = tmp_path / "latin.jsonl"
    bad = json.dumps({**DISPUTE, "vendor_id": "M\xfcller"}, ensure_ascii=False).encode("latin-1")
    path.write_bytes(bad + b"\n" + json.dumps(dict(DISPUTE)).encode() + b"\n")
    assert counted(office.ingest(DISPUTES, path)) == (2, 1, 0, 1)
    assert "UTF-8" in str(office.reasons(DISPUTES))


@pytest.mark.parametrize(
    "giant",
    [
        json.dumps({**DISPUTE, "dispute_id": "x" * 5 * MEGABYTES}),
        json.dumps({**DISPUTE, "remark": "x" * 5 * MEGABYTES}),
        json.dumps({**DISPUTE, "dispute_id": "d-9"})[:-1] + ', "deep": ' + "[" * 2_000 + "]" * 2_000 + "}",
    ],
    ids=["a key of five megabytes", "a remark of five megabytes", "two thousand lists in each other"],
)
def test_a_monstrous_record_never_hides_the_next(office: Office, tmp_path: Path, giant: str) -> None:
    """It is quarantined, or lands without what nobody asked for; the records around it land."""
    before, after = {**DISPUTE, "dispute_id": "d-2"}, {**DISPUTE, "dispute_id": "d-3"}
    report = office.ingest(DISPUTES, lines(tmp_path / "giant.jsonl", before, giant, after))
    read, landed, _, quarantined = counted(report)
    assert read == 3
    assert landed == 3 - quarantined
    assert office.landed(DISPUTES, "count(*) filter (dispute_id in ('d-2', 'd-3'))") == (2,)
    assert office.landed(DISPUTES, "max(length(dispute_id))") == (3,)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"claimed_amount": "-1.00"}, "claimed_amount: expected 0 or more"),
        ({"claimed_amount": "12.345"}, "claimed_amount: expected"),
        ({"claimed_amount": {"value": 12}}, "claimed_amount: expected"),
        ({"currency": "EURO"}, "currency: expected one of USD"),
        ({"reason": "mood"}, "reason: expected one of shortage"),
        ({"raised_by": None}, "raised_by: expected a value"),
        ({"dispute_id": ""}, "dispute_id: expected a value"),
        ({"dispute_id": "d" * 65}, "dispute_id: expected at most 64 characters"),
        ({"observed_at": "2027-05-01T12:00:00Z"}, "observed_at: expected"),
        ({"effective_at": "2026-05-03T12:00:00Z"}, "effective_at: expected"),
        ({"effective_at": "yesterday"}, "effective_at: expected"),
    ],
)
def test_a_bad_dispute_is_quarantined_with_its_reason(
    office: Office, tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    """Column, expected and found; the good one beside it lands."""
    good = {**DISPUTE, "dispute_id": "good"}
    report = office.ingest(DISPUTES, lines(tmp_path / "bad.jsonl", {**DISPUTE, **changes}, good))
    assert counted(report) == (2, 1, 0, 1)
    ((_, reasons),) = office.reasons(DISPUTES)
    assert any(reason in one for one in reasons), reasons


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("claimed_amount", pa.array([True, False])),
        ("observed_at", pa.array([b"\x00\x01", b"\x02"])),
        ("dispute_id", pa.array([["d"], ["e"]])),
    ],
)
def test_a_column_of_another_type_lands_nowhere(office: Office, tmp_path: Path, column: str, values: pa.Array) -> None:
    """A Parquet file that was written with another type is refused, or all of its rows are quarantined; never cast."""
    table = a_table(office, 2)
    path = tmp_path / "retyped.parquet"
    pq.write_table(table.set_column(table.column_names.index(column), column, values), path)
    try:
        assert counted(office.ingest(DISPUTES, path)) == (2, 0, 0, 2)
        assert all(column in str(reasons) for _, reasons in office.reasons(DISPUTES))
    except RefusedFilesError as refused:
        assert column in str(refused)  # noqa: PT017 - either way the column is named


def receipt(number: int, hours: int, quantity: int) -> dict[str, Any]:
    at = datetime(2026, 5, 1) + timedelta(hours=hours)  # noqa: DTZ001 - the file's own zone
    return {
        "receipt_line_id": f"rl-{number}",
        "receipt_id": f"r-{number}",
        "order_line_id": "ol-1",
        "vendor_id": "v-1",
        "quantity": quantity,
        "effective_at": at.isoformat() + "+02:00",
        "observed_at": at.isoformat() + "+02:00",
    }


def test_rows_out_of_order_land_as_if_in_order(office: Office, tmp_path: Path) -> None:
    """Files and rows that arrive in any order, in overlapping parts, come to the same as in order: each once."""
    rows = [receipt(number, hours=7 * number, quantity=number + 1) for number in range(30)]
    parts: Sequence[list[dict[str, Any]]] = (rows[20:][::-1], rows[::3], rows[:25])
    reports = [
        counted(office.ingest(RECEIPTS, lines(tmp_path / f"{number}.jsonl", *part)))
        for number, part in enumerate(parts)
    ]
    assert sum(report[1] for report in reports) == 30
    assert sum(report[3] for report in reports) == 0
    assert office.landed(RECEIPTS, "count(*), sum(quantity), min(observed_at)") == (
        30,
        Decimal(465),
        datetime(2026, 4, 30, 22),  # noqa: DTZ001 - UTC, as tables hold times
    )
