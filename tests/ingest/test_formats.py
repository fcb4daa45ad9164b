"""Every format lands the same rows; what cannot be read is refused by name."""

from __future__ import annotations

import gzip
import json
import random
from datetime import datetime
from decimal import Decimal

import pytest

from riskloom.errors import ContractError
from riskloom.ingest import RefusedFilesError
from tests.ingest.conftest import CLOCK, Laboratory, assert_adds_up

NOISE = random.Random(1).randbytes(50_000)  # the same in each process that collects the tests
HEADER = "reading_id,amount,count,level,is_ok,kind,effective_at,observed_at\n"
CSV = HEADER + (
    "r1,57.16,3,0.5,true,hot,2026-01-01T10:00:00Z,2026-01-01T10:00:05Z\n"
    "r2,1000,,,,,2026-01-01T12:00:00+02:00,2026-01-01 10:00:06\n"
)
ROWS = [
    {"reading_id": "r1", "amount": 57.16, "count": 3, "level": 0.5, "is_ok": True, "kind": "hot"}
    | {"effective_at": "2026-01-01T10:00:00Z", "observed_at": "2026-01-01T10:00:05Z"},
    {
        "reading_id": "r2",
        "amount": 1000,
        "effective_at": "2026-01-01T12:00:00+02:00",
        "observed_at": "2026-01-01T10:00:06",
    },
]
JSONL = "".join(json.dumps(row) + "\n" for row in ROWS)
PARQUET = """
    SELECT 'r1' AS reading_id, 57.16::DOUBLE AS amount, 3::INTEGER AS count, 0.5::FLOAT AS level, true AS is_ok,
        'hot' AS kind, TIMESTAMPTZ '2026-01-01 10:00:00+00' AS effective_at,
        TIMESTAMP_NS '2026-01-01 10:00:05' AS observed_at
    UNION ALL SELECT 'r2', 1000, NULL, NULL, NULL, NULL, TIMESTAMPTZ '2026-01-01 12:00:00+02', '2026-01-01 10:00:06'"""
EXPECTED = [
    ("r1", Decimal("57.16"), 3, 0.5, True, "hot", datetime(2026, 1, 1, 10), datetime(2026, 1, 1, 10, 0, 5)),  # noqa: DTZ001
    ("r2", Decimal("1000.00"), None, None, None, None, datetime(2026, 1, 1, 10), datetime(2026, 1, 1, 10, 0, 6)),  # noqa: DTZ001
]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", CSV),
        ("a.csv.gz", gzip.compress(CSV.encode())),
        ("two-members.csv.gz", gzip.compress(CSV[:90].encode()) + gzip.compress(CSV[90:].encode())),
        ("bom.csv", b"\xef\xbb\xbf" + CSV.encode()),
        ("windows.csv", CSV.replace("\n", "\r\n")),
        ("mixed-breaks.csv", CSV.replace("\n", "\r\n", 1)),
        ("no-last-break.csv", CSV.rstrip("\n")),
        ("blank-lines.csv", CSV.replace("\n", "\n\n")),
        ("a.tsv", CSV.replace(",", "\t")),
        ("pipes.txt", CSV.replace(",", "|")),
        ("semicolons.csv", CSV.replace(",", ";")),
        ("quoted.csv", "\n".join(",".join(f'"{f}"' for f in line.split(",")) for line in CSV.splitlines())),
        ("UPPER.CSV", CSV.replace("reading_id", "Reading_ID")),
        ("a.jsonl", JSONL),
        ("a.ndjson.gz", gzip.compress(JSONL.encode())),
        ("list.json", "[\n" + ",\n".join(JSONL.splitlines()) + "\n]\n"),
        ("one-line.json.gz", gzip.compress(f"[{','.join(JSONL.splitlines())}]".encode())),
        ("bom.json", b"\xef\xbb\xbf [" + ",".join(JSONL.splitlines()).encode() + b"]"),
        ("bom.jsonl", b"\xef\xbb\xbf" + JSONL.encode()),
    ],
)
def test_text_lands_the_same_rows(laboratory: Laboratory, name: str, content: str | bytes) -> None:
    """Whatever the text's dress, the rows, exact to the cent and in UTC, are the same."""
    report = laboratory.ingest(laboratory.file(name, content))
    assert (report.read, report.landed, laboratory.reasons()) == (2, 2, [])
    assert laboratory.landed() == EXPECTED


def test_parquet_lands_the_same_rows(laboratory: Laboratory) -> None:
    """Binary amounts become exact cents, times of any unit and zone become UTC microseconds."""
    assert laboratory.ingest(laboratory.parquet("a.parquet", PARQUET)).landed == 2
    assert laboratory.landed() == EXPECTED


def test_quoted_values_may_hold_separators_quotes_and_line_breaks(laboratory: Laboratory) -> None:
    """A quoted value comes through as it was written."""
    text = 'sensor_id,place,effective_at\ns1,"a, ""b""\nc",2026-01-01\ns2,plain,2026-01-01\n'
    report = laboratory.ingest(laboratory.file("a.csv", text), table="lab__sensors")
    assert (report.read, report.landed) == (2, 2)
    assert laboratory.landed("sensor_id, place", "lab__sensors") == [("s1", 'a, "b"\nc'), ("s2", "plain")]


def test_header_only_is_a_file_without_rows(laboratory: Laboratory) -> None:
    """No rows are no mistake, and leave no file behind."""
    report = laboratory.ingest(laboratory.file("a.csv", HEADER))
    assert (report.read, report.landed, laboratory.landed_files()) == (0, 0, [])


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.csv", b"", "expected a line of column names, found an empty file"),
        ("empty.json", b"", "expected JSON, found an empty file"),
        ("junk.csv", bytes(range(256)) * 4, "expected UTF-8 text, found binary content"),
        ("utf16.csv", CSV.encode("utf-16"), "expected UTF-8 text, found binary content"),
        ("junk.parquet", b"not parquet at all", "expected Parquet"),
        ("cut.parquet", b"PAR1" + bytes(64), "expected Parquet"),
        ("cut.csv.gz", gzip.compress(NOISE.hex().encode())[:9_000], "found a damaged file"),
        ("plain.csv.gz", CSV.encode(), "expected gzip of UTF-8 text"),
        ("array.json", b'[{"reading_id": "r1"}]', "amount: expected a column of this name, found nothing"),
        (
            "cut.json",
            b'[{"reading_id": "r1"}, {"rea',
            "the end of the file after 1 whole records: it was cut off",
        ),
        ("open.json", b'[{"reading_id": "r1"}, {"a": [1}]', "found the end of the file after 1 whole records"),
        ("more.json", b'[{"reading_id": "r1"}]\n[{"reading_id": "r2"}]', "found something else around its records"),
        ("twice.json", rb'"{\"reading_id\": \"r1\"}"', "found a text that holds JSON: encoded twice"),
        ("twice.csv", b"a,a\n1,2\n", "expected column names, each once"),
        ("table.xlsx", b"x", "expected a name that ends in one of .csv"),
        ("missing.csv", b"reading_id,amount\nr1,1\n", "effective_at: expected a column of this name"),
        ("renamed.csv", CSV.replace("amount", "amuont").encode(), "found nothing (nearest: 'amuont')"),
    ],
)
def test_unreadable_files_are_refused_and_the_others_land(
    laboratory: Laboratory, name: str, content: bytes, says: str
) -> None:
    """The error names the file and what was expected; nothing of the good file is lost."""
    good, bad = laboratory.file("good.csv", CSV), laboratory.file(name, content)
    with pytest.raises(RefusedFilesError, match="1 file refused; 1 other file") as caught:
        laboratory.ingest(bad, good)
    assert name in str(caught.value)
    assert says in str(caught.value)
    assert caught.value.report.landed == len(laboratory.landed()) == 2
    assert not list(laboratory.home.glob(".ingest-*"))


def test_a_nested_parquet_column_is_refused(laboratory: Laboratory) -> None:
    """A list where one value belongs cannot be landed."""
    path = laboratory.parquet("a.parquet", PARQUET.replace("'hot' AS kind", "['hot'] AS kind"))
    with pytest.raises(ContractError, match=r"kind: expected one value a row, found a column of type VARCHAR\[\]"):
        laboratory.ingest(path)


def test_all_refusals_are_reported_together(laboratory: Laboratory) -> None:
    """Two bad files are two lines."""
    with pytest.raises(RefusedFilesError) as caught:
        laboratory.ingest(laboratory.file("a.csv", ""), laboratory.home / "nowhere.csv")
    assert [str(one).split(":")[0] for one in caught.value.refusals] == ["a.csv", "nowhere.csv"]


def test_unused_columns_are_named(laboratory: Laboratory) -> None:
    """A column the table does not know is left out, and the report says so."""
    report = laboratory.ingest(laboratory.file("a.csv", "\n".join(f"{line},x" for line in CSV.splitlines())))
    assert (report.landed, report.files[0].ignored_columns) == (2, ("x",))


def test_lines_out_of_several_chunks_keep_their_numbers(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading in small pieces changes neither rows nor numbers, even where a line break or letter is cut in two."""
    monkeypatch.setattr("riskloom.ingest.lines._CHUNK", 7)
    rows = [f's{n},"é{n}\nü",2026-01-01' if n % 3 else f"s{n},é,not a time" for n in range(30)]
    text = "sensor_id,place,effective_at\n" + "\n".join(rows)
    report = laboratory.ingest(laboratory.file("a.csv", text), table="lab__sensors")
    assert (report.read, report.landed, report.quarantined) == (30, 20, 10)
    assert laboratory.quarantined("row_number", "lab__sensors")[:3] == [(2,), (7,), (12,)]
    assert ("s29", "é29\nü") in laboratory.landed("sensor_id, place", "lab__sensors")
    assert_adds_up(report)
    assert CLOCK.replace(tzinfo=None) == laboratory.landed("max(observed_at)", "lab__sensors")[0][0]
