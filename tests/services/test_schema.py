"""The request made from a contract: what callers bring, and nothing that follows from it."""

from __future__ import annotations

import pytest

from riskloom.catalog import Domain, load_catalog
from riskloom.contracts import TableContract
from services.scoring.schema import example, read_event, request_reader, request_schema
from services.web.problems import RefusalError

_TEXT = {"type": "string", "description": "A text of a test."}
_TIME = {"type": "timestamp", "description": "A time of a test."}
_CALLS = TableContract.model_validate(
    {
        "name": "lab__calls",
        "description": "Calls in a laboratory.",
        "key": ("call_id",),
        "columns": {
            "call_id": {**_TEXT, "pattern": "[a-z0-9-]+", "example": "c-1"},
            "caller": _TEXT,
            "network": {**_TEXT, "nullable": True},
            "pair": {**_TEXT, "nullable": True, "joined": ("caller", "network")},
            "effective_at": _TIME,
            "observed_at": _TIME,
        },
    }
)


@pytest.fixture
def domain() -> Domain:
    """A domain whose event table has a joined column."""
    first = next(iter(load_catalog().values()))
    subject = first.subject.model_copy(update={"event_table": _CALLS.name, "key": "call_id"})
    return first.model_copy(update={"tables": {_CALLS.name: _CALLS}, "subject": subject})


def test_a_joined_column_is_not_for_the_caller_to_say(domain: Domain) -> None:
    """It is no field of the request, and sending it is refused."""
    reader, schema = request_reader(domain), request_schema(domain)
    assert set(example(domain)) == set(schema["properties"]) == {"call_id", "caller", "network", "effective_at"}
    assert schema["properties"]["call_id"]["pattern"] == "^(?:[a-z0-9-]+)$"
    event = read_event(reader, example(domain))
    assert domain.event_table.joined_values(event) == {"pair": "caller-1|network-1"}
    with pytest.raises(RefusalError):
        read_event(reader, {**example(domain), "pair": "a|b"})
