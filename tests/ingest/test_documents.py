"""JSON documents: records below a key or in a list, however deep, long or broken some of them are."""

from __future__ import annotations

import gzip
import json

import pytest

from riskloom.ingest import RefusedFilesError
from tests.ingest.conftest import Laboratory

MAPPING = """
domain = "{domain}"
table = "lab__sensors"
description = "Sensors out of nested records."
records = "Items"

[columns]
sensor_id = {{ from = ["who.id", "who.name"], optional = true }}
place = "where.rooms.0.name"
effective_at = "at"
"""


def record(name: str, **more: object) -> dict[str, object]:
    """One record, nested as services write them."""
    return {"who": {"id": name}, "where": {"rooms": [{"name": "hall"}]}, "at": "2026-01-01T00:00:00Z", **more}


def ingest(laboratory: Laboratory, content: str | bytes, name: str = "a.json") -> tuple[int, int, list[str]]:
    """Read, landed, and the reasons of the rest."""
    mapping = laboratory.file("mapping.toml", MAPPING.format(domain=laboratory.domain.name))
    report = laboratory.ingest(laboratory.file(name, content), table="lab__sensors", mapping=mapping)
    assert report.read == report.landed + report.duplicates + report.quarantined
    reasons = laboratory.quarantined("reasons", "lab__sensors")
    return report.read, report.landed, [reason for (found,) in reasons for reason in found]


def landed(laboratory: Laboratory) -> list[str]:
    """The sensors that landed."""
    return [name for (name,) in laboratory.landed("sensor_id", "lab__sensors")]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("wrap", ["object", "list", "lines", "envelope"])
def test_the_same_records_land_in_whatever_dress(laboratory: Laboratory, wrap: str, indent: int | None) -> None:
    """A key above the records, a list, a line each; with other keys around, on one line or on many."""
    records = [record("a", text='[{"\\ é'), record("b", more=[[1, {"x": "]"}]])]
    content = {
        "object": json.dumps({"Items": records}, indent=indent),
        "list": json.dumps(records, indent=indent),
        "lines": "\n".join(map(json.dumps, records)),
        "envelope": json.dumps({"of": {"Items": [9]}, "n": "x,y", "Items": records, "next": None}, indent=indent),
    }[wrap]
    assert ingest(laboratory, content) == (2, 2, [])
    assert landed(laboratory) == ["a", "b"]


def test_small_pieces_change_nothing(laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts, escapes and letters may be cut anywhere between two reads."""
    monkeypatch.setattr("riskloom.ingest.documents._CHUNK", 3)
    odd = ["\\", '\\"', "é,]}", "\\\\", '{"a": [', "ü" * 5]
    content = json.dumps({"Items": [record(f"s{n}", text=text) for n, text in enumerate(odd)]}, ensure_ascii=False)
    assert ingest(laboratory, content) == (len(odd), len(odd), [])


def test_a_list_without_records_is_no_mistake(laboratory: Laboratory) -> None:
    """An empty delivery reads nothing and refuses nothing."""
    assert ingest(laboratory, '{"Items": [ ]}') == (0, 0, [])


def test_a_bad_record_hides_no_other(laboratory: Laboratory) -> None:
    """Broken, encoded twice, no object at all: each is quarantined with its reason, its neighbours land."""
    good = [json.dumps(record(name)) for name in "abc"]
    twice = json.dumps(json.dumps(record("t")))
    content = f'{{"Items": [{good[0]}, {{"who": }}, {twice}, 7, {good[1]}, {good[2]}]}}'
    read, count, reasons = ingest(laboratory, content)
    assert (read, count, landed(laboratory)) == (6, 3, ["a", "b", "c"])
    assert reasons[0] == 'line: expected a JSON object, found {"who": }'
    assert reasons[1] == "line: expected a JSON object, found a text that holds JSON: encoded twice"
    assert reasons[2] == "line: expected a JSON object, found 7"
    assert [row for (row,) in laboratory.quarantined("row_number", "lab__sensors")] == [2, 3, 4]


def test_five_megabytes_in_one_record_are_quarantined(laboratory: Laboratory) -> None:
    """A record longer than a line may be is set aside in bounded memory; those around it land."""
    content = json.dumps({"Items": [record("a"), record("big", blob="x" * (5 << 20)), record("b")]})
    read, count, reasons = ingest(laboratory, content)
    assert (read, count, landed(laboratory)) == (3, 2, ["a", "b"])
    assert reasons[0].startswith("record: expected at most 1048576 bytes, found 5242985")


def test_depth_is_no_danger(laboratory: Laboratory) -> None:
    """A hundred thousand brackets in a record, or before the records, are read or refused, not followed."""
    deep = "[" * 100_000 + "]" * 100_000
    content = json.dumps({"Items": [record("a"), record("b")]}).replace('"at"', f'"deep": {deep}, "at"', 1)
    assert ingest(laboratory, content)[:2] == (2, 2)
    with pytest.raises(RefusedFilesError, match="a document with a list below 'Items', found neither"):
        ingest(laboratory, '{"deep": ' + deep + ', "Items": []}', "deep.json")


@pytest.mark.parametrize("content", ['{"items": [1]}\n', '{\n"items": []}', '{"Items": {"a": 1}}'])
def test_a_document_without_the_list_is_refused(laboratory: Laboratory, content: str) -> None:
    """A renamed key is said, not taken for an empty delivery."""
    with pytest.raises(RefusedFilesError, match=r"Items|columns"):
        ingest(laboratory, content)
    assert landed(laboratory) == []


def test_cut_files_are_refused_and_land_whole_later(laboratory: Laboratory) -> None:
    """Nothing of a cut file lands, plain or gzip; when it comes whole, all of it does."""
    whole = json.dumps({"Items": [record(f"s{n}") for n in range(50)]}).encode()
    for name, content in (("cut.json", whole[:-200]), ("cut.json.gz", gzip.compress(whole)[:-20])):
        with pytest.raises(RefusedFilesError, match=r"cut off|damaged"):
            ingest(laboratory, content, name)
    assert landed(laboratory) == []
    assert ingest(laboratory, gzip.compress(whole), "whole.json.gz") == (50, 50, [])


def test_optional_values_may_be_missing_or_nested(laboratory: Laboratory) -> None:
    """Of several columns the first with a value counts; a list where an optional value may be is none."""
    records = [record("a"), {**record("x"), "who": {"name": "b"}}, {**record("x"), "who": {"id": ["c"], "name": "c"}}]
    records += [{**record("x"), "who": {"id": {}}}, {**record("d"), "where": {"rooms": [{"name": {"deep": 1}}]}}]
    _, count, reasons = ingest(laboratory, json.dumps(records))
    assert (count, landed(laboratory)) == (3, ["a", "b", "c"])
    assert reasons[0] == "sensor_id: expected a value, found nothing"
    assert reasons[1] == 'where.rooms.0.name: expected one value, found {"deep":1}'


def test_a_line_of_many_megabytes_is_one_record(laboratory: Laboratory) -> None:
    """Cut so that memory stays bounded, and counted once; the lines behind it keep their numbers and land."""
    lines = [json.dumps(record(name, blob="x" * size)) for name, size in (("a", 1), ("big", 13 << 20), ("b", 1))]
    read, count, reasons = ingest(laboratory, "\n".join([*lines, "{"]), "a.jsonl")
    assert (read, count, landed(laboratory)) == (4, 2, ["a", "b"])
    assert reasons[0] == "line: expected at most 1048576 bytes, found more"
    assert [row for (row,) in laboratory.quarantined("row_number", "lab__sensors")] == [2, 4]
