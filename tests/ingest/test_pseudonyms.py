"""Tables whose contract asks for pseudonyms: no name lands, whoever brings the file and however it is mapped."""

from __future__ import annotations

from pathlib import Path

import pytest

from riskloom.errors import ConfigError, MappingError
from riskloom.pseudonyms import pseudonym
from tests.ingest.conftest import VISITS, Laboratory

KEY = b"k" * 32
TABLE = VISITS.name
TIME = "2026-01-01"
ANNA, KNOWN = "anna@example.com", "p-" + "0123456789abcdef" * 2
MAPPING = f"""
domain = "%s"
table = "{TABLE}"
description = "Visits as the door writes them down."

[columns]
visit_id = "nr"
person_id = %s
effective_at = "at"
observed_at = "at"
"""


def visits(laboratory: Laboratory, *people: str, name: str = "a.csv") -> Path:
    """A file of visits by their table's own names."""
    rows = "".join(f"{name}-{number},{person},{TIME},{TIME}\n" for number, person in enumerate(people))
    return laboratory.file(name, f"visit_id,person_id,effective_at,observed_at\n{rows}")


def test_names_become_pseudonyms_without_a_mapping(laboratory: Laboratory) -> None:
    """The same name is the same person in every file; what is a pseudonym already stays; nobody stays nobody."""
    for name in ("a.csv", "b.csv"):
        report = laboratory.ingest(visits(laboratory, ANNA, KNOWN, name=name), table=TABLE, pseudonym_key=KEY)
        assert report.landed == 2
    found = laboratory.landed("person_id, guide_id", TABLE)
    assert sorted(found) == sorted([(KNOWN, None), (pseudonym(ANNA, "p-", KEY), None)] * 2)
    assert not any(b"anna" in path.read_bytes() for path in laboratory.landed_files(TABLE))


def test_without_the_key_nothing_is_ingested(laboratory: Laboratory) -> None:
    """Before any file is read: a landing zone with names in it could not be mended."""
    with pytest.raises(ConfigError, match="lab__visits: the table's contract asks for pseudonyms: expected their key"):
        laboratory.ingest(visits(laboratory, ANNA), table=TABLE)
    assert not laboratory.landed_files(TABLE)


@pytest.mark.parametrize(
    "source", ['"who"', '{ from = "who", pseudonym = true }', '{ from = "who", pseudonym = true, prefix = "p-" }']
)
def test_every_mapping_gives_the_same_pseudonym(laboratory: Laboratory, source: str) -> None:
    """Whether the mapping asks for it as well, and with which prefix, the contract's is what lands."""
    mapping = laboratory.file("visits.toml", MAPPING % (laboratory.domain.name, source))
    laboratory.ingest(
        laboratory.file("a.csv", f"nr,who,at\n1,{ANNA},{TIME}\n"), table=TABLE, mapping=mapping, pseudonym_key=KEY
    )
    assert laboratory.landed("person_id", TABLE) == [(pseudonym(ANNA, "p-", KEY),)]


def test_a_mapping_with_another_prefix_is_refused(laboratory: Laboratory) -> None:
    """Its rows would never join those of other files."""
    other = '{ from = "who", pseudonym = true, prefix = "x-" }'
    mapping = laboratory.file("visits.toml", MAPPING % (laboratory.domain.name, other))
    with pytest.raises(
        MappingError, match=r"columns\.person_id\.prefix: expected 'p-', as the table has it, found 'x-'"
    ):
        laboratory.ingest(laboratory.file("a.csv", "nr\n"), table=TABLE, mapping=mapping, pseudonym_key=KEY)


def test_a_name_may_be_longer_than_its_pseudonym(laboratory: Laboratory) -> None:
    """Up to 2,048 characters; of a longer one the reason gives the length, and not the name."""
    long, too_long = "a" * 2_048, "anna" * 600
    laboratory.ingest(visits(laboratory, long, too_long, "", name="c.csv"), table=TABLE, pseudonym_key=KEY)
    assert laboratory.landed("person_id", TABLE) == [(pseudonym(long, "p-", KEY),)]
    assert [reasons for _, reasons in laboratory.quarantined(table=TABLE)] == [
        ["person_id: expected at most 2048 characters, found 2400 characters"],
        ["person_id: expected a value, found nothing"],
    ]
    (folder,) = laboratory.home.glob(f"quarantine/*/{TABLE}")
    assert folder.stat().st_mode & 0o077 == 0, "the refused rows are there as they came"


def test_who_comes_twice_is_one_row(laboratory: Laboratory) -> None:
    """By name and then by pseudonym: rows are compared as they land."""
    laboratory.ingest(visits(laboratory, ANNA, name="d.csv"), table=TABLE, pseudonym_key=KEY)
    named = visits(laboratory, ANNA, name="d.csv").read_text(encoding="utf-8")
    again = laboratory.file("e.csv", named.replace(ANNA, pseudonym(ANNA, "p-", KEY)))
    report = laboratory.ingest(again, table=TABLE, pseudonym_key=KEY)
    assert (report.landed, report.duplicates) == (0, 1)
