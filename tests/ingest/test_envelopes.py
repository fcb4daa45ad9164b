"""Documents whose records lie deep, stand for several rows each, or are meant only where they lack something."""

from __future__ import annotations

import json

import pytest

from riskloom.errors import MappingError
from riskloom.ingest import RefusedFilesError
from tests.ingest.conftest import Laboratory

MAPPING = """
domain = "{domain}"
table = "lab__sensors"
description = "A row for each name of each event."
records = "body.events"
each = "names"

[columns]
sensor_id = "names.0"
place = "place"
effective_at = "at"

[{condition}]
"error.at" = {values}
"""


def event(*names: object, **more: object) -> dict[str, object]:
    """One event that is about several sensors."""
    return {"place": "hall", "at": "2026-01-01T00:00:00Z", "names": list(names), **more}


def ingest(
    laboratory: Laboratory, content: str, name: str = "a.json", condition: str = "where", values: str = '[""]'
) -> tuple[int, int, int, list[str]]:
    """Read, landed, skipped, and the reasons of the rest."""
    text = MAPPING.format(domain=laboratory.domain.name, condition=condition, values=values)
    mapping = laboratory.file("mapping.toml", text)
    report = laboratory.ingest(laboratory.file(name, content), table="lab__sensors", mapping=mapping)
    assert report.read == report.landed + report.duplicates + report.quarantined
    reasons = laboratory.quarantined("reasons", "lab__sensors") if report.quarantined else []
    return report.read, report.landed, report.skipped, [reason for (found,) in reasons for reason in found]


def landed(laboratory: Laboratory) -> list[str]:
    """The sensors that landed."""
    return [name for (name,) in laboratory.landed("sensor_id", "lab__sensors")]


def document(*events: object, **around: object) -> str:
    """Events in an envelope."""
    return json.dumps({"head": {"events": [1]}, "body": {"n": [{"events": 2}], "events": list(events)}, **around})


@pytest.mark.parametrize("name", ["a.json", "a.jsonld"])
def test_records_lie_below_a_path(laboratory: Laboratory, name: str) -> None:
    """Keys of the same name elsewhere are not taken for it."""
    assert ingest(laboratory, document(event("a"), event("b"), tail={"events": []}), name) == (2, 2, 0, [])


@pytest.mark.parametrize("content", ['{"body": {"event": []}}', '{"body": []}', '{"body.event": []}', '{"body":'])
def test_a_path_that_leads_nowhere_is_refused(laboratory: Laboratory, content: str) -> None:
    """The path is named; nothing is taken for an empty delivery."""
    with pytest.raises(RefusedFilesError, match=r"body\.events|columns"):
        ingest(laboratory, content)


def test_each_element_makes_a_row(laboratory: Laboratory) -> None:
    """Everything else stays as it came; one bad element hides no other, and an event without any says so."""
    odd = event("a", None, "b", {"x": 1}, note='[{"names": ["z"]}] \\ é', big=10**30)
    read, count, _, reasons = ingest(laboratory, document(odd, event(), event("c"), {"place": "x"}))
    assert (read, count, landed(laboratory)) == (7, 3, ["a", "b", "c"])
    assert reasons[0] == "sensor_id: expected a value, found nothing"
    assert reasons[1] == 'names.0: expected one value, found {"x":1}'
    assert reasons[2] == "sensor_id: expected a value, found nothing"


def test_lines_are_spread_as_well(laboratory: Laboratory) -> None:
    """A line that cannot be read stays one record, wherever it stands."""
    content = "\n".join([json.dumps(event("a", "b")), '{"names": ["c", ', json.dumps(event("c"))])
    read, count, _, reasons = ingest(laboratory, content, "a.jsonl")
    assert (read, count, landed(laboratory)) == (4, 3, ["a", "b", "c"])
    assert reasons == ['line: expected a JSON object, found {"names": ["c", ']


def test_many_elements_are_given_out_in_batches(laboratory: Laboratory) -> None:
    """More rows than a batch holds, from one event."""
    names = [f"s{number:05d}" for number in range(9_000)]
    assert ingest(laboratory, document(event(*names)))[:2] == (9_000, 9_000)
    assert landed(laboratory) == names


def test_an_event_that_would_fill_the_memory_is_quarantined(laboratory: Laboratory) -> None:
    """Long and with many elements: it would be as long for each of them."""
    read, count, _, reasons = ingest(laboratory, document(event(*range(1_000), blob="x" * 500_000), event("a")))
    assert (read, count, landed(laboratory)) == (2, 1, ["a"])
    assert reasons[0].startswith("names: expected a record of at most 67108864 characters when it is spread")


def test_rows_may_be_meant_for_want_of_something(laboratory: Laboratory) -> None:
    """An empty text stands for no value, and the source may lack the column; ``unless`` means the others."""
    declared = event("b", error={"at": "2026-01-02"})
    assert ingest(laboratory, document(event("a"), declared))[:3] == (1, 1, 1)
    assert ingest(laboratory, document(event("c"), declared), "b.json", "unless")[:3] == (1, 1, 1)
    assert ingest(laboratory, document(event("d")), "c.json")[:3] == (1, 1, 0)
    assert ingest(laboratory, document(event("e")), "d.json", "unless")[:3] == (0, 0, 1)
    assert landed(laboratory) == ["a", "b", "d"]


def test_a_condition_on_a_value_needs_its_column(laboratory: Laboratory) -> None:
    """Without the column nobody knows which rows are meant."""
    with pytest.raises((RefusedFilesError, MappingError), match=r"unless\.error\.at"):
        ingest(laboratory, document(event("a")), condition="unless", values='["x"]')


def test_only_json_can_be_spread(laboratory: Laboratory) -> None:
    """Other formats have no lists to take elements from."""
    with pytest.raises(RefusedFilesError, match="expected JSON, whose records hold a list 'names', found csv"):
        ingest(laboratory, "names,place,at\na,b,2026-01-01", "a.csv")
