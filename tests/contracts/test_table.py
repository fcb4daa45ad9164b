"""Table contracts refuse what could not be kept."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from riskloom.contracts import TableContract, mistakes_from

TIME = {"type": "timestamp", "description": "An instant in UTC."}
NAME = {"type": "string", "description": "The name of a thing."}


def contract(**columns: dict[str, Any]) -> TableContract:
    return TableContract.model_validate(
        {
            "name": "shop__orders",
            "description": "Orders of a shop.",
            "key": ["order_id"],
            "columns": {"order_id": NAME, "effective_at": TIME, "observed_at": TIME, **columns},
        }
    )


def test_the_source_is_the_first_part_of_the_name() -> None:
    """A table is named source, two underscores, table."""
    assert contract().source == "shop"


@pytest.mark.parametrize("kind", ["string", "bigint", "double", "boolean", "timestamp", "decimal(38,0)"])
def test_known_types_are_taken(kind: str) -> None:
    """The types are those that both engines know."""
    assert contract(extra={"type": kind, "description": "Something else."}).columns["extra"].type == kind


@pytest.mark.parametrize("kind", ["text", "decimal", "decimal(39,2)", "decimal(2,3)", "decimal(0,0)", "DOUBLE", 3])
def test_unknown_types_are_refused(kind: object) -> None:
    """A type that one of the engines would not know is refused, and the message lists the known ones."""
    with pytest.raises(ValidationError, match="one of string, bigint"):
        contract(extra={"type": kind, "description": "Something else."})


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ({"type": "string", "minimum": 1}, "on a number"),
        ({"type": "double", "allowed": ["a"]}, "on a string"),
        ({"type": "string", "max_lenght": 3}, "Extra inputs"),
        ({"type": "double", "pattern": "a"}, "on a string"),
        ({"type": "string", "pattern": "("}, "a regular expression"),
        ({"type": "string", "joined": ["order_id", "extra"]}, "nullable"),
        ({"type": "string", "nullable": True, "joined": ["order_id"]}, "at least 2"),
        ({"type": "bigint", "pseudonym": "c-"}, "a pseudonym of a string, not of a bigint"),
        ({"type": "string", "pseudonym": "c-", "allowed": ["a"]}, "a pseudonym of free text"),
        ({"type": "string", "pseudonym": "c-", "max_length": 33}, "a max_length of 34 or more"),
        ({"type": "string", "pseudonym": "C"}, "should match pattern"),
        ({"type": "string", "nullable": True, "joined": ["order_id", "observed_at"]}, "joined of text columns"),
        ({"type": "string", "nullable": True, "joined": ["order_id", "extra"]}, "joined of text columns"),
    ],
)
def test_bounds_must_fit_the_type(column: dict[str, Any], message: str) -> None:
    """A bound that could never be checked is a mistake, and so is a misspelt one."""
    with pytest.raises(ValidationError, match=message):
        contract(extra={"description": "Something else.", **column})


@pytest.mark.parametrize("name", ["effective_at", "observed_at"])
@pytest.mark.parametrize("column", [NAME, {**TIME, "nullable": True}])
def test_both_times_are_needed(name: str, column: dict[str, Any]) -> None:
    """A table that does not say when things happened and when we knew cannot be declared."""
    with pytest.raises(ValidationError, match=f"a column {name} of type timestamp"):
        contract(**{name: column})


def test_a_key_must_be_a_column_without_nulls() -> None:
    """Rows are told apart by their key, so a key may not be missing."""
    with pytest.raises(ValidationError, match="each key column"):
        contract(order_id={**NAME, "nullable": True})


def test_all_mistakes_of_a_file_are_reported_with_their_keys() -> None:
    """Three mistakes give three entries that say where, what was expected and what was found."""
    with pytest.raises(ValidationError) as caught:
        TableContract.model_validate(
            {"name": "shop__orders", "description": "short", "keys": ["order_id"], "columns": {}}
        )
    mistakes = {mistake.key: mistake for mistake in mistakes_from(caught.value, "orders.toml")}
    assert set(mistakes) == {"description", "keys", "key", "columns"}
    assert str(mistakes["key"]) == "orders.toml: key: expected a value, found nothing"
    assert mistakes["keys"].expected == "no key of this name"


def test_a_joined_column_is_made_of_others_and_brought_by_nobody() -> None:
    """Its parts with a bar between them; where one is missing, so is it."""
    pair = {"type": "string", "nullable": True, "joined": ["order_id", "shop"]}
    table = contract(shop={**NAME, "nullable": True}, pair=pair | {"description": "Order and shop."})
    assert "pair" not in table.brought
    assert set(table.columns) - set(table.brought) == {"pair"}
    assert table.joined_values({"order_id": "o1", "shop": "s"}) == {"pair": "o1|s"}
    assert table.joined_values({"order_id": "o1", "shop": None}) == {"pair": None}
    assert table.joined_values({"order_id": "o1", "shop": ""}) == {"pair": None}
