"""Mapping files: what they can say, and every mistake in them reported at once."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from riskloom.catalog import Domain, load_catalog
from riskloom.errors import ConfigError, MappingError
from riskloom.ingest import RefusedFilesError, ensure_pseudonym_key, pseudonym
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
    columns = COLUMNS.replace('{ from = "ID", prefix = "x-" }', '{ joined = ["ID", "ITEM"], prefix = "x-" }')
    columns = columns.replace('"WHEN"', '{ joined = ["DAY", "TIME"], separator = " ", format = "%Y%m%d %H%M" }')
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
        ("[columns]\namount = {}", 'columns.amount: expected one of from = "COLUMN"'),
        ('[columns]\namount = { from = "A", value = 1 }', "columns.amount: expected one of from"),
        ('[columns]\namount = { from = "A", formt = "x" }', "columns.amount.formt: expected no key of this name"),
        ('[columns]\neffective_at = { from = "A", timezone = "Mars" }', "expected a time zone such as"),
        ('[columns]\neffective_at = { from = "A", format = "epoch" }', "expected one of iso, epoch_s"),
        ('[columns]\neffective_at = { from = "A", add = "week" }', "expected a duration such as"),
        ('[columns]\namount = "A"\n[where]\nA = []', "where.A: expected"),
        ('[columns]\namount = { from = "A", separator = "-" }', "columns.amount: expected a separator between several"),
        ('[columns]\namount = { value = 1, missing = ["x"] }', "expected texts that mean no value in a column of"),
        ("[columns]\namount = { from = [] }", "columns.amount.from: expected"),
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


SENSOR_TOP = 'domain = "{domain}"\ntable = "lab__sensors"\ndescription = "For a test only."\n'


def sensor_mapping(laboratory: Laboratory, text: str) -> Path:
    """A mapping file for the table of sensors."""
    return laboratory.file("sensors.toml", SENSOR_TOP.format(domain=laboratory.domain.name) + text)


FLOWS = """
separator = " "
header = ["id", "where", "when"]
missing = ["-"]
[columns]
sensor_id = { of = ["id", "when"] }
place = { from = "where", extract = '^([a-z]+)' }
effective_at = { from = "when", format = "epoch_s" }
"""


@pytest.mark.parametrize("first", ["", "when id where\n"])
def test_text_without_names_gets_them_from_the_mapping(laboratory: Laboratory, first: str) -> None:
    """Fields by spaces; a first line that says the names is taken at its word, in its order."""
    rows = ["s1 hall-7 1767225600", "s2 - 1767225600", "s3 attic 1767225600"]
    if first:
        rows = [" ".join(row.split()[-1:] + row.split()[:2]) for row in rows]
    source = laboratory.file("a.log", first + "\n".join(rows))
    report = laboratory.ingest(source, table="lab__sensors", mapping=sensor_mapping(laboratory, FLOWS))
    assert (report.read, report.landed) == (3, 2)
    found = laboratory.landed("place, effective_at", "lab__sensors")
    assert sorted(found) == [("attic", datetime(2026, 1, 1)), ("hall", datetime(2026, 1, 1))]  # noqa: DTZ001
    ((reasons,),) = laboratory.quarantined("reasons", "lab__sensors")
    assert reasons == ["place: expected a value, found nothing"]


def test_several_values_make_one_identifier(laboratory: Laboratory) -> None:
    """The same values give the same digest, others another, and where a value ends matters."""
    rows = ["a b 1767225600", "a c 1767225600", "a b 1767225601"]
    source = laboratory.file("a.log", "\n".join(rows))
    laboratory.ingest(source, table="lab__sensors", mapping=sensor_mapping(laboratory, FLOWS))
    found = [name for (name,) in laboratory.landed("sensor_id", "lab__sensors")]
    assert len(set(found)) == len(found) == 2, laboratory.quarantined("row_number, reasons", "lab__sensors")
    assert all(len(name) == 32 for name in found)
    expected = hashlib.sha256(b"a\x1f1767225600").hexdigest()[:32]
    assert expected in found


def test_people_land_as_keyed_pseudonyms(laboratory: Laboratory) -> None:
    """The name is nowhere in what lands; the same name under one key joins, under another key it does not."""
    text = 'sensor_id = { from = "id", pseudonym = true, prefix = "p-" }\nplace = "where"\neffective_at = "when"\n'
    mapping = sensor_mapping(laboratory, "[columns]\n" + text)
    source = laboratory.file("a.csv", "id,where,when\nanna@example.com,hall,2026-01-01\n")
    with pytest.raises(ConfigError, match="expected their key, found none"):
        laboratory.ingest(source, table="lab__sensors", mapping=mapping)
    key = b"k" * 32
    laboratory.ingest(source, table="lab__sensors", mapping=mapping, pseudonym_key=key)
    ((found,),) = laboratory.landed("sensor_id", "lab__sensors")
    assert found == pseudonym("anna@example.com", "p-", key)
    assert found == "p-" + hmac.new(key, b"anna@example.com", "sha256").hexdigest()[:32]
    assert found != pseudonym("anna@example.com", "p-", b"l" * 32)
    assert (
        pseudonym("anna@example.com", "p-", b"k" * 100)
        == "p-" + (hmac.new(b"k" * 100, b"anna@example.com", "sha256").hexdigest()[:32])
    )
    assert b"anna" not in laboratory.landed_files("lab__sensors")[0].read_bytes()


def test_the_key_of_pseudonyms_is_made_once_and_kept_close(tmp_path: Path) -> None:
    """It stays the same, and a key that others can read is refused."""
    key = ensure_pseudonym_key(tmp_path / "keys")
    assert ensure_pseudonym_key(tmp_path / "keys") == key
    path = tmp_path / "keys" / "pseudonyms.key"
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="expected permissions 600"):
        ensure_pseudonym_key(tmp_path / "keys")
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(ConfigError, match="expected a key of 32 bytes"):
        ensure_pseudonym_key(tmp_path / "keys")


def test_a_boolean_may_say_whether_a_text_is_one_of_some(laboratory: Laboratory) -> None:
    """True for the texts named, false for others, nothing where there is no text."""
    columns = COLUMNS.replace(
        "is_ok = { value = true }", 'is_ok = { from = "K", one_of = ["x", "y"], optional = true }'
    )
    source = laboratory.file("a.csv", "ID,SUM,WHEN,K\n1,1,2026-01-01,x\n2,1,2026-01-01,z\n3,1,2026-01-01,\n")
    laboratory.ingest(source, mapping=write(laboratory, columns))
    assert laboratory.landed("reading_id, is_ok") == [("x-1", True), ("x-2", False), ("x-3", None)]
    again = laboratory.file("b.csv", "ID,SUM,WHEN\n4,1,2026-01-01\n")
    laboratory.ingest(again, mapping=write(laboratory, columns))
    assert ("x-4", None) in laboratory.landed("reading_id, is_ok")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('kind = { from = "K", extract = "(" }', "columns.kind.extract: expected a regular expression"),
        ('amount = { of = ["A", "B"] }', "columns.amount.of: expected this option on a string only"),
        (
            'amount = { from = "A", pseudonym = true }',
            "columns.amount.pseudonym: expected this option",
        ),
        ('kind = { from = "A", one_of = ["x"] }', "columns.kind.one_of: expected this option on a boolean only"),
        ("kind = { from = [] }", "columns.kind.from: expected"),
    ],
)
def test_options_that_make_no_sense_are_named(laboratory: Laboratory, text: str, says: str) -> None:
    """Each with its key and what was expected."""
    with pytest.raises(MappingError) as caught:
        laboratory.ingest(mapping=write(laboratory, "[columns]\n" + text))
    assert says in str(caught.value)
