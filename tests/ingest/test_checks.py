"""Each broken rule sends its row, and only that row, to quarantine with the reason."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from riskloom.errors import MappingError
from tests.ingest.conftest import CLOCK, Laboratory, assert_adds_up

GOOD = {
    "reading_id": "r1",
    "amount": "1.00",
    "count": "1",
    "level": "1.5",
    "is_ok": "true",
    "kind": "hot",
    "effective_at": "2026-01-01T00:00:00Z",
    "observed_at": "2026-01-01T00:00:00Z",
}


def as_csv(*rows: dict[str, str]) -> str:
    """Rows with the columns of ``GOOD`` as CSV without quotes."""
    return "\n".join([",".join(GOOD), *(",".join(row.values()) for row in rows)]) + "\n"


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("reading_id", "", "reading_id: expected a value, found nothing"),
        ("reading_id", "r" * 13, "reading_id: expected at most 12 characters, found 'rrrrrrrrrrrrr'"),
        ("reading_id", "r\0", "reading_id: expected a text without null characters"),
        ("amount", "", "amount: expected a value, found nothing"),
        (
            "amount",
            "ten",
            "amount: expected a number with at most 16 digits before the point and 2 after it, found 'ten'",
        ),
        ("amount", "1.005", "2 after it, found '1.005'"),
        ("amount", "1_000", "2 after it, found '1_000'"),
        ("amount", "0x10", "2 after it, found '0x10'"),
        ("amount", "NaN", "2 after it, found 'NaN'"),
        ("amount", "Infinity", "2 after it, found 'Infinity'"),
        ("amount", "1" * 17, "amount: expected a number with at most 16 digits before the point"),
        ("amount", "-0.01", "amount: expected 0 or more, found '-0.01'"),
        ("amount", "1000.01", "amount: expected 1000 or less, found '1000.01'"),
        ("count", "1.5", "count: expected a whole number, found '1.5'"),
        ("count", "1e3", "count: expected a whole number, found '1e3'"),
        ("count", "9223372036854775808", "count: expected a whole number, found '9223372036854775808'"),
        ("count", "101", "count: expected 100 or less, found '101'"),
        ("level", "high", "level: expected a number, found 'high'"),
        ("level", "nan", "level: expected a finite number, found 'nan'"),
        ("level", "-inf", "level: expected a finite number, found '-inf'"),
        ("is_ok", "maybe", "is_ok: expected true or false, found 'maybe'"),
        ("kind", "warm", "kind: expected one of hot, cold, found 'warm'"),
        ("effective_at", "yesterday", "effective_at: expected a time such as 2026-01-31T12:00:00Z, found 'yesterday'"),
        ("effective_at", "infinity", "effective_at: expected a time such as 2026-01-31T12:00:00Z, found 'infinity'"),
        ("effective_at", "31/01/2026", "effective_at: expected a time such as"),
        ("effective_at", "2026-02-30", "effective_at: expected a time such as"),
        ("effective_at", "2026-01-01 (BC)", "effective_at: expected a year from 1 to 9999"),
        ("effective_at", "2026-01-01T00:05:01Z", "effective_at: expected at most 5 minutes after observed_at"),
        ("observed_at", "2026-03-01T12:00:00.000001Z", "observed_at: expected no later than the ingest"),
    ],
)
def test_a_broken_rule_is_named(laboratory: Laboratory, column: str, value: str, reason: str) -> None:
    """The reason says which column, what was expected and what was found; the rows beside it land."""
    text = as_csv(GOOD, {**GOOD, "reading_id": "r2", column: value}, {**GOOD, "reading_id": "r3"})
    report = laboratory.ingest(laboratory.file("a.csv", text))
    assert_adds_up(report)
    assert laboratory.landed("reading_id") == [("r1",), ("r3",)]
    ((row_number, reasons),) = laboratory.quarantined()
    assert row_number == 3
    assert len(reasons) == 1
    assert reason in reasons[0]


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("reading_id", " r 2 ", " r 2 "),
        ("amount", "0.10", Decimal("0.10")),
        ("amount", "12.3400", Decimal("12.34")),
        ("amount", ".5", Decimal("0.50")),
        ("amount", " 7 ", Decimal("7.00")),
        ("count", "+7", 7),
        ("count", "7.0", 7),
        ("count", "-9223372036854775808", -(2**63)),
        ("level", "1e-3", 0.001),
        ("is_ok", "0", False),
        ("is_ok", "T", True),
        ("effective_at", "2025-12-31", datetime(2025, 12, 31)),  # noqa: DTZ001 (landed times carry no zone)
        ("effective_at", "2026-01-01T05:30:00.123456789+05:30", datetime(2026, 1, 1, 0, 0, 0, 123456)),  # noqa: DTZ001
        ("effective_at", "2025-12-31 19:00:00-0500", datetime(2026, 1, 1)),  # noqa: DTZ001
        ("effective_at", "2026-01-01T00:05:00Z", datetime(2026, 1, 1, 0, 5)),  # noqa: DTZ001
    ],
)
def test_the_ways_people_write_a_value(laboratory: Laboratory, column: str, value: str, expected: object) -> None:
    """What is meant without doubt lands, exactly."""
    laboratory.ingest(laboratory.file("a.csv", as_csv({**GOOD, column: value})))
    assert laboratory.landed(column) == [(expected,)], laboratory.reasons()


def test_all_reasons_of_a_row_are_listed(laboratory: Laboratory) -> None:
    """A row with three mistakes says all three, with its source, number and content."""
    row = {**GOOD, "amount": "x", "count": "y", "kind": "z" * 100}
    laboratory.ingest(laboratory.file("some.csv", as_csv(GOOD, row)))
    ((file, number, reasons, raw, at),) = laboratory.quarantined("file, row_number, reasons, raw, ingested_at")
    assert (file, number, len(reasons)) == ("some.csv", 3, 3)
    assert reasons[2].endswith("found '" + "z" * 60 + "'")
    assert json.loads(raw) == row
    assert at == CLOCK.replace(tzinfo=None)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("r9,1.00", "line: expected 8 fields, found 2"),
        ("r9,1,1,1,1,hot,2026-01-01,2026-01-01,more", "line: expected 8 fields, found 9"),
        ('r9,"1.00,1,1,1,hot,2026-01-01,2026-01-01', "line: expected quotes around whole values"),
        ('r9,1"0"0,1,1,1,hot,2026-01-01,2026-01-01', "line: expected quotes around whole values"),
        ('r9,"1"00,1,1,1,hot,2026-01-01,2026-01-01', "line: expected quotes around whole values"),
        (b"r\xff,1,1,1,1,hot,2026-01-01,2026-01-01", "line: expected UTF-8 text, found byte 0xff at position 2"),
        (b"r9," + b"x" * (2 << 20), "line: expected at most 1048576 bytes"),
    ],
)
def test_malformed_csv_lines_are_quarantined(laboratory: Laboratory, line: str | bytes, reason: str) -> None:
    """The line goes to quarantine as it is; the lines after it, hundreds of them, land."""
    rows = [{**GOOD, "reading_id": f"r{n}"} for n in range(300)]
    before, after = as_csv(*rows[:150]).encode(), as_csv(*rows[150:]).encode().split(b"\n", 1)[1]
    middle = line if isinstance(line, bytes) else line.encode()
    report = laboratory.ingest(laboratory.file("a.csv", before + middle + b"\n" + after))
    assert (report.read, report.landed) == (301, 300)
    ((number, reasons),) = laboratory.quarantined()
    assert number == 152
    assert reason in reasons[0]


def test_stray_quotes_swallow_nothing(laboratory: Laboratory) -> None:
    """Two unclosed quotes are two bad lines; those between them land."""
    rows = [{**GOOD, "reading_id": f"r{n}"} for n in range(500)]
    rows[100]["kind"] = rows[140]["kind"] = rows[420]["kind"] = '"hot'
    report = laboratory.ingest(laboratory.file("a.csv", as_csv(*rows)))
    assert (report.read, report.landed, report.quarantined) == (500, 497, 3)
    assert [number for (number,) in laboratory.quarantined("row_number")] == [102, 142, 422]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"reading_id": "r9"', "line: expected a JSON object, found {"),
        ("[1, 2]", "line: expected a JSON object, found [1, 2]"),
        ("7", "line: expected a JSON object, found 7"),
        (json.dumps({**GOOD, "kind": {"a": 1}}), "kind: expected one value, found {"),
        (json.dumps({**GOOD, "level": [1]}), "level: expected one value, found [1]"),
        (json.dumps({**GOOD, "reading_id": None}), "reading_id: expected a value, found nothing"),
        (json.dumps({**GOOD, "amount": 1e30}), "amount: expected a number with at most 16 digits"),
    ],
)
def test_malformed_json_lines_are_quarantined(laboratory: Laboratory, line: str, reason: str) -> None:
    """A line that is no object, or holds objects where one value belongs, does not stop the others."""
    good = [json.dumps({**GOOD, "reading_id": f"r{n}", "note": {"any": ["thing"]}}) for n in range(2)]
    report = laboratory.ingest(laboratory.file("a.jsonl", "\n".join([good[0], line, good[1]])))
    assert (report.read, report.landed) == (3, 2)
    ((number, reasons),) = laboratory.quarantined()
    assert number == 2
    assert reason in reasons[0]


@pytest.mark.parametrize(
    ("good", "bad", "reason"),
    [
        ("57.16::DOUBLE", "57.165::DOUBLE", "2 after it, found '57.165'"),
        ("0::DOUBLE", "'nan'::DOUBLE", "2 after it, found 'nan'"),
        ("57.160::DECIMAL(9,3)", "57.165::DECIMAL(9,3)", "2 after it, found '57.165'"),
        ("1000::UBIGINT", "1001::UBIGINT", "amount: expected 1000 or less, found '1001'"),
        ("57.16::FLOAT", "NULL", "amount: expected a value, found nothing"),
    ],
)
def test_parquet_amounts_are_never_rounded_silently(laboratory: Laboratory, good: str, bad: str, reason: str) -> None:
    """A binary number with more than cents is refused, not rounded."""
    rest = "TIMESTAMP '2026-01-01' AS effective_at"
    select = f"SELECT 'r1' AS reading_id, {good} AS amount, {rest} UNION ALL SELECT 'r2', {bad}, TIMESTAMP '2026-01-01'"
    laboratory.ingest(laboratory.parquet("a.parquet", select))
    assert laboratory.landed("reading_id") == [("r1",)]
    ((number, reasons),) = laboratory.quarantined()
    assert number == 2
    assert reason in reasons[0]


def test_every_cent_is_exact(laboratory: Laboratory) -> None:
    """All amounts up to 1000.00 that a binary number stands for land as that many cents."""
    select = """SELECT 'r' || i AS reading_id, i / 100 AS amount, TIMESTAMP '2026-01-01' AS effective_at
        FROM range(100001) t(i)"""
    assert laboratory.ingest(laboratory.parquet("a.parquet", select)).landed == 100_001
    assert laboratory.landed("sum(amount * 100 = substr(reading_id, 2)::BIGINT)") == [(100_001,)]


def test_the_clock_stands_in_for_observed_at(laboratory: Laboratory) -> None:
    """Rows that bring no ``observed_at`` are observed when they are ingested, and still not before they happened."""
    row: dict[str, Any] = {name: value for name, value in GOOD.items() if name != "observed_at"}
    late = {**row, "reading_id": "r2", "effective_at": (CLOCK + timedelta(minutes=6)).isoformat()}
    report = laboratory.ingest(laboratory.file("a.jsonl", f"{json.dumps(row)}\n{json.dumps(late)}\n"))
    assert (report.landed, report.quarantined) == (1, 1)
    assert laboratory.landed("observed_at") == [(CLOCK.replace(tzinfo=None),)]


def test_a_joined_column_is_made_here_whatever_the_file_says(laboratory: Laboratory) -> None:
    """Of its parts, with a bar; empty where one is; too long like any text; a file's own column is not looked at."""
    rows = ["hall,desk,x", "attic,,x", "cellar,bookshelf,x", "Hall,desk,x"]
    text = "room,thing,pair,effective_at\n" + "\n".join(f"{row},2026-01-01" for row in rows)
    report = laboratory.ingest(laboratory.file("a.csv", text), table="lab__pairs")
    assert report.files[0].ignored_columns == ("pair",)
    assert laboratory.landed("room, pair", "lab__pairs") == [("attic", None), ("hall", "hall|desk")]
    assert laboratory.quarantined(table="lab__pairs") == [
        (4, ["pair: expected at most 12 characters, found 'cellar|bookshelf'"]),
        (5, ["room: expected a text like [a-z]+, found 'Hall'"]),
    ]


def test_a_mapping_says_nothing_of_a_joined_column(laboratory: Laboratory) -> None:
    """It follows from its parts, so a source for it is a mistake."""
    text = f'domain = "{laboratory.domain.name}"\ntable = "lab__pairs"\ndescription = "For a test only."\n[columns]\n'
    text += 'room = "r"\npair = "p"\neffective_at = "t"\n'
    with pytest.raises(MappingError, match="expected no source: it is joined of room, thing"):
        laboratory.ingest(table="lab__pairs", mapping=laboratory.file("m.toml", text))
