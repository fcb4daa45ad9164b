"""Mapping files: what they can say, and every mistake in them reported at once."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from riskloom.catalog import Domain, load_catalog
from riskloom.errors import MappingError
from riskloom.ingest import RefusedFilesError
from riskloom.ingest.mapping import read_mapping
from tests.ingest.conftest import Laboratory

TOP = 'domain = "{domain}"\ntable = "lab__readings"\ndescription = "For a test only."\n'
COLUMNS = """
[columns]
reading_id = { from = "ID", prefix = "x-" }
amount = { from = "SUM", round = true }
kind = { value = "hot" }
is_ok = { value = true }
effective_at = "WHEN"
"""
MAPPINGS = [
    (domain, path) for domain in load_catalog().values() for path in (domain.folder / "mappings").glob("*.toml")
]


def write(laboratory: Laboratory, text: str) -> Path:
    """A mapping file."""
    return laboratory.file("mapping.toml", TOP.format(domain=laboratory.domain.name) + text)


def test_columns_are_renamed_filled_and_rounded(laboratory: Laboratory) -> None:
    """Names, a prefix, constants and rounding on request."""
    source = laboratory.file("a.csv", "ID,SUM,WHEN\n1,1.005,2026-01-01\n2,85.64999999999999,2026-01-01\n")
    laboratory.ingest(source, mapping=write(laboratory, COLUMNS))
    assert laboratory.landed("reading_id, amount, kind, is_ok") == [
        ("x-1", Decimal("1.01"), "hot", True),
        ("x-2", Decimal("85.65"), "hot", True),
    ]


def test_a_column_is_put_together_from_several(laboratory: Laboratory) -> None:
    """Texts are joined by the separator; where one of them is missing there is no value, and a key needs one."""
    columns = COLUMNS.replace('{ from = "ID", prefix = "x-" }', '{ from = ["ID", "ITEM"], prefix = "x-" }')
    columns = columns.replace('"WHEN"', '{ from = ["DAY", "TIME"], separator = " ", format = "%Y%m%d %H%M" }')
    source = laboratory.file("a.csv", "ID,ITEM,SUM,DAY,TIME\n1,10,1,20260101,0930\n1,,1,20260101,0930\n")
    report = laboratory.ingest(source, mapping=write(laboratory, columns))
    assert laboratory.landed("reading_id, effective_at") == [("x-1/10", datetime(2026, 1, 1, 9, 30))]  # noqa: DTZ001
    assert report.quarantined == 1


def test_texts_can_mean_that_there_is_no_value(laboratory: Laboratory) -> None:
    """What a source writes for nothing is nothing where the mapping says so, and a wrong value elsewhere."""
    columns = COLUMNS.replace('{ value = "hot" }', '{ from = "KIND", missing = ["N/A", " "] }')
    source = laboratory.file("a.csv", "ID,SUM,KIND,WHEN\n1,1,N/A,2026-01-01\n2,1, ,2026-01-01\n3,1,n/a,2026-01-01\n")
    report = laboratory.ingest(source, mapping=write(laboratory, columns))
    assert laboratory.landed("reading_id, kind") == [("x-1", None), ("x-2", None)]
    assert report.quarantined == 1


@pytest.mark.parametrize(
    ("when", "option"),
    [
        ("2026-07-01 12:00:00", 'timezone = "Europe/Berlin"'),
        ("2026-07-01T12:00:00+02:00", 'timezone = "Asia/Tokyo"'),
        ("1782900000", 'format = "epoch_s"'),
        ("1782900000000", 'format = "epoch_ms"'),
        ("1782900000000000", 'format = "epoch_us"'),
        ("01.07.2026 10:00", 'format = "%d.%m.%Y %H:%M"'),
        ("01.07.2026 05:00", 'format = "%d.%m.%Y %H:%M", timezone = "America/Chicago"'),
        ("01.07.2026 12:00 +0200", 'format = "%d.%m.%Y %H:%M %z"'),
        ("2026-06-24T10:00:00Z", 'add = "7d"'),
    ],
)
def test_times_of_every_kind_are_utc(laboratory: Laboratory, when: str, option: str) -> None:
    """Zones, epochs, patterns and additions lead to the same instant."""
    columns = (
        COLUMNS.replace('"WHEN"', f'{{ from = "WHEN", {option} }}') + f'observed_at = {{ from = "WHEN", {option} }}'
    )
    source = laboratory.file("a.csv", f"ID,SUM,WHEN\n1,1,{when}\n2,1,nonsense\n")
    at = datetime.fromisoformat("2026-08-01T00:00:00Z")
    report = laboratory.ingest(source, mapping=write(laboratory, columns), at=at)
    assert laboratory.landed("effective_at, observed_at") == [(datetime(2026, 7, 1, 10),) * 2], laboratory.reasons()  # noqa: DTZ001
    assert report.quarantined == 1


def test_rows_not_meant_are_skipped_and_counted_apart(laboratory: Laboratory) -> None:
    """``where`` leaves rows out; a line that cannot be read is still quarantined."""
    source = laboratory.file("a.csv", "ID,SUM,WHEN,F\n1,1,2026-01-01,1\n2,1,2026-01-01,0\n3,bad,2026-01-01,0\n4,1\n")
    report = laboratory.ingest(source, mapping=write(laboratory, COLUMNS + "[where]\nF = [1]\n"))
    assert (report.read, report.landed, report.quarantined, report.skipped) == (2, 1, 1, 2)
    assert laboratory.quarantined() == [(5, ["line: expected 4 fields, found 2"])]


def test_another_mapping_reads_the_file_again(laboratory: Laboratory) -> None:
    """A file is known together with what was made of it."""
    source = laboratory.file("a.csv", "ID,SUM,WHEN\n1,1,2026-01-01\n")
    laboratory.ingest(source, mapping=write(laboratory, COLUMNS))
    report = laboratory.ingest(source, mapping=write(laboratory, COLUMNS.replace("x-", "y-")))
    assert (report.landed, laboratory.landed("reading_id")) == (1, [("x-1",), ("y-1",)])


def test_all_mistakes_are_reported_together(laboratory: Laboratory) -> None:
    """File, key, expected and found, for each of them."""
    text = TOP.format(domain="elsewhere") + (
        '[columns]\namuont = "SUM"\nreading_id = { from = "ID", add = "1d" }\ncount = { from = "N", round = true }\n'
    )
    with pytest.raises(MappingError) as caught:
        laboratory.ingest(mapping=laboratory.file("m.toml", text))
    message = str(caught.value)
    assert message.startswith("6 mistakes in the mapping:")
    for part in (
        "m.toml: domain: expected",
        "m.toml: columns.amuont: expected a column of lab__readings",
        "found 'amuont' (nearest: 'amount')",
        "m.toml: columns.reading_id.add: expected this option on a timestamp only, found a column of type string",
        "m.toml: columns.count.round: expected this option on a decimal only",
        "m.toml: columns.amount: expected a source: lab__readings needs this column, found nothing",
        "m.toml: columns.effective_at: expected a source",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[columns", "(whole file): expected a mapping as TOML in UTF-8"),
        ("[columns]\namount = {}", 'columns.amount: expected either from = "COLUMN" or value = …'),
        ('[columns]\namount = { from = "A", value = 1 }', "columns.amount: expected either"),
        ('[columns]\namount = { from = "A", formt = "x" }', "columns.amount.formt: expected no key of this name"),
        ('[columns]\neffective_at = { from = "A", timezone = "Mars" }', "expected a time zone such as"),
        ('[columns]\neffective_at = { from = "A", format = "epoch" }', "expected one of iso, epoch_s"),
        ('[columns]\neffective_at = { from = "A", add = "week" }', "expected a duration such as"),
        ('[columns]\namount = "A"\n[where]\nA = []', "where.A: expected"),
        ('[columns]\namount = { from = "A", separator = "-" }', "columns.amount: expected a separator between several"),
        ('[columns]\namount = { value = 1, missing = ["x"] }', "expected texts that mean no value in a column of"),
        ("[columns]\namount = []", "columns.amount.from: expected"),
    ],
)
def test_wrong_declarations_say_what_was_expected(laboratory: Laboratory, text: str, says: str) -> None:
    """A mapping is checked before any file is opened."""
    with pytest.raises(MappingError) as caught:
        laboratory.ingest(mapping=write(laboratory, text))
    assert says in str(caught.value)


def test_a_column_the_source_lacks_names_those_it_has(laboratory: Laboratory) -> None:
    """All columns that are missing, each with the nearest there is."""
    source = laboratory.file("a.csv", "ID,SUMM,TIME\n1,1,2026-01-01\n")
    with pytest.raises(RefusedFilesError) as caught:
        laboratory.ingest(source, mapping=write(laboratory, COLUMNS))
    message = str(caught.value)
    assert (
        "columns.amount.from: expected a column of the source (ID, SUMM, TIME), found 'SUM' (nearest: 'SUMM')"
        in message
    )
    assert "columns.effective_at.from" in message


@pytest.mark.parametrize(("domain", "path"), MAPPINGS, ids=[f"{domain.name}-{path.stem}" for domain, path in MAPPINGS])
def test_shipped_mappings_fit_their_tables(domain: Domain, path: Path) -> None:
    """Every mapping a domain brings is without mistake."""
    table = next(name for name in domain.tables if f'"{name}"' in path.read_text(encoding="utf-8"))
    assert read_mapping(path, domain, domain.tables[table]).table == table
