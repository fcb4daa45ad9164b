"""What a verdict says besides yes and no is held to the label table's contract before anything is kept of it."""

from __future__ import annotations

from riskloom.catalog import Domain, load_catalog, read_details, verdict_columns
from riskloom.contracts import Column
from riskloom.pseudonyms import pseudonym

KEY = b"k" * 32


def with_people() -> Domain:
    """A domain whose labels say about whom they are."""
    domain = next(iter(load_catalog().values()))
    table = domain.tables[domain.label.table]
    person = Column(type="string", description="About whom it is.", pseudonym="p-", max_length=64)
    labels = table.model_copy(update={"columns": {**table.columns, "person_id": person}})
    return domain.model_copy(update={"tables": {**domain.tables, table.name: labels}})


def test_people_in_a_verdict_are_kept_by_their_pseudonyms() -> None:
    """Those that the ingest would make, so that the ledger, too, has no name; one that is a pseudonym stays."""
    domain = with_people()
    assert "person_id" in verdict_columns(domain)
    kept = pseudonym("anna@example.com", "p-", KEY)
    for said in ("anna@example.com", kept):
        details, _ = read_details(domain, {"person_id": said}, pseudonym_key=KEY)
        assert details["person_id"] == kept


def test_what_is_missing_is_told() -> None:
    """A person that is left out is no empty pseudonym."""
    details, wrong = read_details(with_people(), {}, pseudonym_key=KEY)
    assert "person_id" not in details
    assert wrong["person_id"] == ("a value: the label table has no label without it", "nothing")
