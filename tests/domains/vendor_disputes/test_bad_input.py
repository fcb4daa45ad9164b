"""Bad rows are quarantined with their reasons, bad files refused by name, and nothing good is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from riskloom.ingest import RefusedFilesError
from tests.domains.vendor_disputes.conftest import Office

TABLE = "payables__invoice_lines"
HEADER = (
    "invoice_line_id,invoice_id,invoice_number,vendor_id,order_line_id,quantity,unit,unit_price,amount,currency,"
    "ledger_amount,effective_at,observed_at"
)
GOOD = "a,v/1,1,v,o,10,EA,5.25,52.50,EUR,57.23,2026-05-01,2026-05-02"


def write(tmp_path: Path, *rows: str, header: str = HEADER, name: str = "lines.csv") -> Path:
    """A file with these rows."""
    path = tmp_path / name
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (GOOD.replace(",10,EA", ",-10,EA"), "quantity: expected 0 or more, found '-10'"),
        (GOOD.replace("EUR", "XYZ"), "currency: expected one of USD, EUR"),
        (GOOD.replace("EUR", "eur"), "currency: expected one of USD, EUR"),
        (GOOD.replace("a,v/1", ",v/1"), "invoice_line_id: expected a value, found nothing"),
        (GOOD.replace(",1,v,o", ",1,,o"), "vendor_id: expected a value, found nothing"),
        (GOOD.replace("52.50", "52.505"), "amount: expected"),
        (GOOD.replace("52.50", "NaN"), "amount: expected"),
        (GOOD.replace("57.23", "-57.23"), "ledger_amount: expected 0 or more, found '-57.23'"),
        (GOOD.replace("2026-05-01", "2026-05-09"), "effective_at: expected"),
        (GOOD.replace("2026-05-01", "01.05.2026"), "effective_at: expected"),
        (GOOD.replace("2026-05-02", "2031-05-02"), "observed_at: expected"),
        (GOOD + ",more", "line: expected 13 fields, found 14"),
    ],
)
def test_a_bad_line_is_quarantined_and_the_good_one_lands(
    office: Office, tmp_path: Path, row: str, reason: str
) -> None:
    """The reason names the column, what was expected and what was found; the counts add up."""
    report = office.ingest(TABLE, write(tmp_path, row, GOOD.replace("a,v/1", "b,v/1")))
    assert (report.read, report.landed, report.duplicates, report.quarantined) == (2, 1, 0, 1)
    ((number, reasons),) = office.reasons(TABLE)
    assert number == 2
    assert any(reason in one for one in reasons), reasons


def test_one_identifier_with_two_contents_is_no_duplicate(office: Office, tmp_path: Path) -> None:
    """The same line twice is a duplicate; another amount under its identifier is quarantined, now and later."""
    other = GOOD.replace("52.50", "62.50")
    first = office.ingest(TABLE, write(tmp_path, GOOD, GOOD))
    assert (first.read, first.landed, first.duplicates, first.quarantined) == (2, 1, 1, 0)
    second = office.ingest(TABLE, write(tmp_path, other, GOOD, name="later.csv"))
    assert (second.read, second.landed, second.duplicates, second.quarantined) == (2, 0, 1, 1)
    assert office.reasons(TABLE) == [(2, ["key already landed with different content"])]
    assert office.landed(TABLE, "count(*), sum(amount)")[0] == 1


def test_an_order_line_that_changes_is_a_new_version(office: Office, tmp_path: Path) -> None:
    """What would be another content is a correction where it is known later."""
    header = "order_line_id,order_id,vendor_id,quantity,unit_price,effective_at,observed_at"
    rows = ("o/1,o,v,10,5,2026-01-01,2026-01-01", "o/1,o,v,12,5,2026-01-03,2026-01-04")
    report = office.ingest("purchasing__order_lines", write(tmp_path, *rows, header=header))
    assert (report.landed, report.quarantined) == (2, 0)


def test_mixed_time_zones_are_one_time(office: Office, tmp_path: Path) -> None:
    """Times with offsets land as UTC."""
    rows = [GOOD.replace("2026-05-02", at).replace("a,v/1", f"{n},v/1") for n, at in enumerate(
        ("2026-05-02T02:00:00+02:00", "2026-05-01T19:00:00-05:00", "2026-05-02T00:00:00Z")
    )]  # fmt: skip
    assert office.ingest(TABLE, write(tmp_path, *rows)).landed == 3
    assert office.landed(TABLE, "count(distinct observed_at)") == (1,)


def test_a_renamed_column_refuses_the_file_and_names_the_nearest(office: Office, tmp_path: Path) -> None:
    """Nothing of such a file lands; another file of the same call does."""
    renamed = write(tmp_path, GOOD, header=HEADER.replace("vendor_id", "vendor_ident"), name="renamed.csv")
    good = write(tmp_path, GOOD)
    with pytest.raises(RefusedFilesError) as caught:
        office.ingest(TABLE, renamed, good)
    assert "renamed.csv" in str(caught.value)
    assert "vendor_id: expected a column of this name, found nothing (nearest: 'vendor_ident')" in str(caught.value)
    assert office.landed(TABLE, "count(*)") == (1,)


def test_a_retyped_column_quarantines_its_rows(office: Office, tmp_path: Path) -> None:
    """Text where numbers were: each row says so, none lands as something else."""
    report = office.ingest(TABLE, write(tmp_path, GOOD.replace("5.25", "five"), GOOD.replace("52.50", "52,50")))
    assert (report.read, report.landed, report.quarantined) == (2, 0, 2)
