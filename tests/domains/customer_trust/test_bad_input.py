"""Broken files and payments: refused or quarantined by name, and the good ones land."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from riskloom.catalog import load_domain
from riskloom.ingest import IngestReport, RefusedFilesError, ingest_files

PAYMENTS = "payments__transactions"
CLOCK = datetime(2026, 6, 1, tzinfo=UTC)
PAYMENT: Mapping[str, Any] = {
    "transaction_id": "tx-1",
    "customer_id": "c-1",
    "terminal_id": "t-1",
    "device_id": None,
    "channel": "card_present",
    "amount": "57.16",
    "currency": "USD",
    "effective_at": "2026-05-01T10:00:00Z",
    "observed_at": "2026-05-01T10:00:02Z",
}
MEGABYTES = 1_000_000


@dataclass(frozen=True)
class Processor:
    """A home into which a processor's files are ingested."""

    home: Path

    def ingest(self, *files: Path) -> IngestReport:
        """Ingest files of payments, at ``CLOCK``."""
        return ingest_files(
            load_domain("customer_trust"),
            PAYMENTS,
            list(files),
            landing=self.home / "landing",
            quarantine=self.home / "quarantine",
            observed_at=CLOCK,
            pseudonym_key=b"k" * 32,
        )

    def counts(self, *files: Path) -> tuple[int, int, int, int]:
        """Read, landed, twice and quarantined; the first is the sum of the others."""
        report = self.ingest(*files)
        assert report.read == report.landed + report.duplicates + report.quarantined
        return report.read, report.landed, report.duplicates, report.quarantined

    def landed(self, what: str) -> tuple[Any, ...]:
        """The only row of a selection from what has landed."""
        (row,) = self._rows("landing", what)
        return row

    def reasons(self) -> list[str]:
        """Why rows are in quarantine, in the order of the rows."""
        return [" ".join(reasons) for (reasons,) in self._rows("quarantine", "reasons", "order by row_number")]

    def _rows(self, zone: str, what: str, rest: str = "") -> list[tuple[Any, ...]]:
        with duckdb.connect() as connection:
            files = f"{self.home}/{zone}/customer_trust/{PAYMENTS}/*.parquet"
            return connection.execute(f"select {what} from read_parquet($1) {rest}", [files]).fetchall()  # noqa: S608


@pytest.fixture
def processor(tmp_path: Path) -> Processor:
    """An empty home."""
    return Processor(tmp_path / "home")


def lines(path: Path, *rows: Mapping[str, Any] | str) -> Path:
    """A file of JSON lines; a text stands there as it is."""
    texts = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return path


def payment(number: int, **changes: Any) -> dict[str, Any]:
    """A good payment of its own, but for the changes."""
    return {**PAYMENT, "transaction_id": f"tx-{number}", **changes}


@pytest.mark.parametrize("name", ["cut.parquet", "cut.jsonl.gz", "cut.csv.gz"])
def test_a_file_that_was_cut_off_is_refused_and_the_others_land(
    processor: Processor, tmp_path: Path, name: str
) -> None:
    """Nothing of it lands, whatever its format, and it is named."""
    rows = [payment(number) for number in range(300)]
    whole, path = lines(tmp_path / "whole.jsonl", *(payment(number) for number in range(1_000, 1_300))), tmp_path / name
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), path)
        content = path.read_bytes()
    else:
        csv = [",".join(PAYMENT), *(",".join(str(value or "") for value in row.values()) for row in rows)]
        content = gzip.compress("\n".join(csv if ".csv" in name else map(json.dumps, rows)).encode())
    path.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(RefusedFilesError, match=name):
        processor.ingest(path, whole)
    assert processor.landed("count(*), min(transaction_id)") == (300, "tx-1000")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"amount": "-0.01"}, "amount: expected 0 or more"),
        ({"amount": "57.165"}, "amount: expected"),
        ({"amount": "NaN"}, "amount: expected"),
        ({"amount": {"value": 57}}, "amount: expected"),
        ({"currency": "XAU"}, "currency: expected one of USD"),
        ({"channel": "telepathy"}, "channel: expected one of card_present, online"),
        ({"transaction_id": None}, "transaction_id: expected a value"),
        ({"customer_id": ""}, "customer_id: expected a value"),
        ({"terminal_id": "t" * 65}, "terminal_id: expected at most 64 characters"),
        ({"observed_at": "2027-05-01T12:00:00Z"}, "observed_at: expected"),
        ({"effective_at": "2026-05-03T10:00:00Z"}, "effective_at: expected"),
        ({"effective_at": "01/05/2026"}, "effective_at: expected"),
    ],
)
def test_a_bad_payment_is_quarantined_with_its_reason(
    processor: Processor, tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    """Column, what was expected and what was found; the good one beside it lands."""
    assert processor.counts(lines(tmp_path / "bad.jsonl", {**PAYMENT, **changes}, payment(2))) == (2, 1, 0, 1)
    (told,) = processor.reasons()
    assert reason in told
    assert processor.landed("transaction_id") == ("tx-2",)


@pytest.mark.parametrize(
    "giant",
    [
        json.dumps(payment(9, transaction_id="x" * 5 * MEGABYTES)),
        json.dumps(payment(9, remark="x" * 5 * MEGABYTES)),
        json.dumps(payment(9))[:-1] + ', "deep": ' + "[" * 2_000 + "]" * 2_000 + "}",
        json.dumps(json.dumps(payment(9))),
        '{"transaction_id": "tx-9", "amount": ',
    ],
    ids=["a key of five megabytes", "a remark of five megabytes", "deep", "encoded twice", "cut"],
)
def test_a_monstrous_record_never_hides_the_next(processor: Processor, tmp_path: Path, giant: str) -> None:
    """It is quarantined, or lands without what nobody asked for; the payments around it land."""
    read, landed, _, quarantined = processor.counts(lines(tmp_path / "giant.jsonl", payment(2), giant, payment(3)))
    assert (read, landed) == (3, 3 - quarantined)
    assert processor.landed("count(*) filter (transaction_id in ('tx-2', 'tx-3'))") == (2,)


def test_one_id_with_another_amount_lands_once(processor: Processor, tmp_path: Path) -> None:
    """A payment that comes again is a duplicate; what first landed stays, and the other is not lost but kept apart."""
    first = lines(tmp_path / "first.jsonl", PAYMENT, payment(2))
    assert processor.counts(first) == (2, 2, 0, 0)
    read, landed, duplicates, quarantined = processor.counts(lines(tmp_path / "second.jsonl", {**PAYMENT, "amount": 1}))
    assert (read, landed) == (1, 0)
    assert duplicates + quarantined == 1
    assert processor.landed("max(amount) filter (transaction_id = 'tx-1')") == (Decimal("57.16"),)


def test_rows_in_any_order_and_zone_land_as_in_order(processor: Processor, tmp_path: Path) -> None:
    """Overlapping files, newest first, in two zones: each payment once, at its instant in UTC."""
    start = datetime(2026, 5, 1, 12)  # noqa: DTZ001 - the zone is written behind it
    rows = [
        payment(
            number,
            effective_at=(start + timedelta(hours=number)).isoformat() + ("+02:00" if number % 2 else "-05:00"),
            observed_at=(start + timedelta(hours=number, seconds=3)).isoformat()
            + ("+02:00" if number % 2 else "-05:00"),
        )
        for number in range(20)
    ]
    counts = [
        processor.counts(lines(tmp_path / f"{part}.jsonl", *chosen))
        for part, chosen in enumerate((rows[12:][::-1], rows[::3], rows[:15]))
    ]
    assert sum(landed for _, landed, _, _ in counts) == 20
    assert sum(quarantined for *_, quarantined in counts) == 0
    assert processor.landed("count(*), min(observed_at), max(observed_at)") == (
        20,
        datetime(2026, 5, 1, 11, 0, 3),  # noqa: DTZ001 - UTC, as tables hold times
        datetime(2026, 5, 2, 11, 0, 3),  # noqa: DTZ001
    )


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("amount", pa.array([True, False])),
        ("observed_at", pa.array([b"\x00\x01", b"\x02"])),
        ("customer_id", pa.array([["c"], ["d"]])),
    ],
)
def test_a_column_of_another_type_lands_nowhere(
    processor: Processor, tmp_path: Path, column: str, values: pa.Array
) -> None:
    """A Parquet file written with another type is refused, or all of its rows are quarantined; nothing is cast."""
    table = pa.Table.from_pylist([payment(1), payment(2)])
    path = tmp_path / "retyped.parquet"
    pq.write_table(table.set_column(table.column_names.index(column), column, values), path)
    try:
        assert processor.counts(path) == (2, 0, 0, 2)
        assert all(column in reason for reason in processor.reasons())
    except RefusedFilesError as refused:
        assert column in str(refused)  # noqa: PT017 - either way the column is named


def test_a_column_of_another_name_is_refused(processor: Processor, tmp_path: Path) -> None:
    """The file is named, with the column that is missing; nothing lands by position."""
    renamed = {("sum" if name == "amount" else name): value for name, value in PAYMENT.items()}
    with pytest.raises(RefusedFilesError, match=r"(?s)renamed\.jsonl.*amount: expected a column"):
        processor.ingest(lines(tmp_path / "renamed.jsonl", renamed))
