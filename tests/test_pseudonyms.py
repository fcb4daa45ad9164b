"""Pseudonyms: the same wherever they are made, and no way back from them."""

from __future__ import annotations

import hmac

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskloom.contracts import TableContract
from riskloom.ingest.pseudonyms import pseudonym_sql
from riskloom.pseudonyms import Pseudonyms, pseudonym
from riskloom.sql import Parameters

KEY = b"k" * 32
TIME = {"type": "timestamp", "description": "An instant in UTC."}
TABLE = TableContract.model_validate(
    {
        "name": "shop__orders",
        "description": "Orders of a shop.",
        "key": ["order_id"],
        "columns": {
            "order_id": {"type": "string", "description": "The order."},
            "customer_id": {"type": "string", "description": "Who ordered.", "pseudonym": "c-"},
            "device_id": {"type": "string", "description": "On which device.", "pseudonym": "d-", "nullable": True},
            "effective_at": TIME,
            "observed_at": TIME,
        },
    }
)


@given(st.one_of(st.text(min_size=1), st.from_regex(r"c-[0-9a-f]{30,34}", fullmatch=True)))
def test_a_row_that_is_served_and_one_that_is_ingested_agree(text: str) -> None:
    """Whatever the text is, also one that has the form of a pseudonym already: both stay what they are, or neither."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        return  # refused by contract
    parameters = Parameters()
    expression = pseudonym_sql("$text", "c-", KEY, parameters)
    with duckdb.connect() as connection:
        row = connection.execute(f"SELECT {expression}", {**parameters.values, "text": text}).fetchone()
    assert row == (Pseudonyms(TABLE, KEY).of("customer_id", text),)


def test_only_what_identifies_somebody_is_replaced() -> None:
    """Each column has a prefix of its own; what is missing stays so, and other columns are left alone."""
    row = {"order_id": "o-1", "customer_id": "anna@example.com", "device_id": None}
    found = Pseudonyms(TABLE, KEY).replace(row)
    digest = hmac.new(KEY, b"anna@example.com", "sha256").hexdigest()[:32]
    assert found == {"order_id": "o-1", "customer_id": f"c-{digest}", "device_id": None}
    assert row["customer_id"] == "anna@example.com", "the caller's row is its own"
    assert Pseudonyms(TABLE, KEY).replace(found) == found, "done twice it is the same"


@pytest.mark.parametrize(
    "text", ["c-" + "0" * 31, "c-" + "0" * 33, "c-" + "G" * 32, "d-" + "0" * 32, "0" * 32, "c-" + "0" * 32 + "\n"]
)
def test_what_only_looks_like_a_pseudonym_is_none(text: str) -> None:
    """Another length, other digits, another column's prefix: each is a name like any other."""
    assert Pseudonyms(TABLE, KEY).of("customer_id", text) == pseudonym(text, "c-", KEY) != text
