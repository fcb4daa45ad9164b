"""Bad records are set aside with their reasons, bad files refused by name, and nothing good beside them is lost."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from riskloom.ingest import RefusedFilesError
from tests.domains.cloud_security.conftest import EVENTS, Zone, events, record

MAPPING = "cloudtrail_events.toml"
WHOLE = json.dumps({"Records": [record(number) for number in range(40)]}).encode()
FINDING = {
    "finding_id": "f1",
    "event_id": "event-1",
    "is_confirmed": True,
    "technique": "T1530",
    "tactic": "collection",
    "effective_at": "2026-05-02T00:00:00Z",
    "observed_at": "2026-05-03T00:00:00Z",
}
FLOW = {
    "flow_id": "n1",
    "source_address": "10.0.0.5",
    "destination_address": "203.0.113.9",
    "destination_port": 443,
    "bytes_out": 10,
    "action": "ACCEPT",
    "effective_at": "2026-05-01T00:00:00Z",
    "observed_at": "2026-05-01T00:01:00Z",
}
ATTEMPT = {
    "attempt_id": "s1",
    "principal_id": "p-1",
    "account_id": "123456789012",
    "is_successful": True,
    "effective_at": "2026-05-01T00:00:00Z",
    "observed_at": "2026-05-01T00:01:00Z",
}
ROWS = {"findings__api_calls": FINDING, "vpc__flows": FLOW, "signin__attempts": ATTEMPT}


def renamed(old: str, new: str) -> bytes:
    """A delivery in which a field has another name."""
    changed = record(1)
    changed[new] = changed.pop(old)
    return json.dumps({"Records": [changed]}).encode()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("cut.json", WHOLE[:-300], "cut.json"),
        ("cut.json.gz", gzip.compress(WHOLE)[:-30], "cut.json.gz"),
        ("damaged.json.gz", gzip.compress(WHOLE)[:200] + b"\x00" * 60 + gzip.compress(WHOLE)[260:], "damaged.json.gz"),
        ("plain.json.gz", WHOLE, "plain.json.gz"),
        ("empty.json", b"", "empty.json: expected JSON, found an empty file"),
        ("empty.json.gz", gzip.compress(b""), "empty.json.gz: expected JSON, found an empty file"),
        ("twice.json", json.dumps(WHOLE.decode()).encode(), "encoded twice"),
        ("after.json", WHOLE + b'{"Records": []}', "after.json"),
        ("wide.json", WHOLE.decode().encode("utf-16"), "wide.json"),
        ("renamed.json", renamed("eventSource", "eventSrc"), r"'eventSource' \(nearest: "),
        ("untimed.json", renamed("eventTime", "event_time"), r"'eventTime' \(nearest: "),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value else "",
)
def test_a_file_that_cannot_be_read_is_refused_and_others_land(
    zone: Zone, name: str, content: bytes, says: str
) -> None:
    """Nothing of it lands, so nothing is missed when it comes again; a good file of the same call does."""
    good = zone.file("good.json.gz", gzip.compress(WHOLE))
    with pytest.raises(RefusedFilesError, match=says) as caught:
        zone.ingest(EVENTS, MAPPING, [zone.file(name, content), good])
    assert name in str(caught.value)
    assert (caught.value.report.read, caught.value.report.landed) == (40, 40)
    assert len(zone.rows(EVENTS)) == 40
    assert zone.reasons(EVENTS) == []


def test_a_delivery_without_calls_is_no_mistake(zone: Zone) -> None:
    """Hours in which nothing happened are delivered too."""
    report = zone.ingest(EVENTS, MAPPING, [zone.file("quiet.json.gz", gzip.compress(b'{"Records": []}'))])
    assert (report.read, report.landed, report.quarantined) == (0, 0, 0)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"eventSource": "evil.example.com"}, "service: expected a text like"),
        ({"eventName": ""}, "operation: expected a value, found nothing"),
        ({"eventName": "Get Object; DROP"}, "operation: expected a text like"),
        ({"eventTime": "yesterday"}, "effective_at: expected a time such as"),
        ({"eventTime": "2031-01-01T00:00:00Z"}, "observed_at: expected no later than the ingest"),
        ({"eventTime": None}, "effective_at: expected a value, found nothing"),
        ({"recipientAccountId": "12"}, "account_id: expected a text like [0-9]{12}, found '12'"),
        ({"readOnly": "perhaps"}, "is_read_only: expected true or false, found 'perhaps'"),
        ({"eventID": None}, "event_id: expected a value, found nothing"),
        ({"eventID": "e" * 70_000}, "event_id: expected at most"),
        ({"eventName": {"deep": 1}}, "eventName: expected one value, found"),
        ({"userIdentity": None}, "principal_id: expected a value, found nothing"),
        ({"userIdentity": json.dumps(record(1)["userIdentity"])}, "principal_id: expected a value, found nothing"),
        ({"additionalEventData": {"bytesTransferredOut": -1}}, "bytes_out: expected 0 or more"),
        ({"additionalEventData": {"bytesTransferredOut": 1.5}}, "bytes_out: expected a whole number"),
        ({"additionalEventData": {"bytesTransferredOut": "many"}}, "bytes_out: expected a whole number"),
        ({"blob": "x" * (5 << 20)}, "record: expected at most 1048576 bytes"),
    ],
)
def test_a_bad_record_is_set_aside_and_its_neighbours_land(zone: Zone, change: dict[str, Any], says: str) -> None:
    """Each with its reason: an unknown service, no id, no time, a time to come, another type, five megabytes."""
    assert events(zone, record(1), record(2, **change), record(3)) == (3, 2, 1)
    assert zone.reasons(EVENTS)[0].startswith(says)
    assert zone.rows(EVENTS, "event_id") == [("event-1",), ("event-3",)]


def test_a_record_encoded_twice_is_set_aside(zone: Zone) -> None:
    """A text that holds a record is no record, and so are a list and a number."""
    strays = [json.dumps(record(2)), [record(3)], 4]
    path = zone.file("a.json", json.dumps({"Records": [record(1), *strays, record(5)]}))
    report = zone.ingest(EVENTS, MAPPING, [path])
    assert (report.read, report.landed, report.quarantined) == (5, 2, 3)
    assert {reason.split(" found ")[0] for reason in zone.reasons(EVENTS)} == {"line: expected a JSON object,"}


@pytest.mark.parametrize("depth", [300, 20_000])
def test_what_nests_deeply_is_read(zone: Zone, depth: int) -> None:
    """Never followed, so never in the way: the call lands like any other."""
    text = json.dumps(record(1))[:-1] + ', "deep": ' + '{"d":[' * depth + "1" + "]}" * depth + "}"
    path = zone.file("deep.json", '{"Records": [' + text + "," + json.dumps(record(2)) + "]}")
    report = zone.ingest(EVENTS, MAPPING, [path])
    assert (report.read, report.landed) == (2, 2)


def test_times_of_mixed_zones_are_utc(zone: Zone) -> None:
    """One instant in four spellings; without a zone it is UTC."""
    times = [
        "2026-05-01T12:00:00Z",
        "2026-05-01T14:00:00+02:00",
        "2026-05-01T05:00:00.000-07:00",
        "2026-05-01 12:00:00",
    ]
    assert events(zone, *(record(number, eventTime=time) for number, time in enumerate(times))) == (4, 4, 0)
    assert len(zone.rows(EVENTS, "DISTINCT effective_at")) == 1


def test_the_order_of_deliveries_does_not_matter(zone: Zone, tmp_path: Path) -> None:
    """Later hours first, records of an hour backwards, and some of them again: the same calls land."""
    hours = [
        [record(10 * hour + one, eventTime=f"2026-05-01T{hour:02}:0{one}:00Z") for one in range(3)] for hour in (1, 2)
    ]
    late = Zone(zone.domain, tmp_path / "late")
    zone.ingest(EVENTS, MAPPING, [zone.file(f"{number}.json", part) for number, part in enumerate(hours)])
    parts = [[*reversed(hours[1])], [*reversed(hours[0]), hours[1][0]]]
    report = late.ingest(EVENTS, MAPPING, [late.file(f"{number}.json", part) for number, part in enumerate(parts)])
    assert (report.read, report.landed, report.duplicates) == (7, 6, 1)
    assert late.rows(EVENTS) == zone.rows(EVENTS)


def test_one_id_with_two_contents_is_a_conflict(zone: Zone) -> None:
    """What has landed is never changed by a later delivery, and within one the first holds."""
    assert events(zone, record(1)) == (1, 1, 0)
    later = [record(1, eventName="PutObject"), record(2), record(2, errorCode="AccessDenied")]
    assert events(zone, *later, name="b.json") == (3, 1, 2)
    assert len(zone.reasons(EVENTS)) == 2
    assert all("different content" in reason for reason in zone.reasons(EVENTS))
    assert zone.rows(EVENTS, "operation, error_code") == [("GetObject", None)] * 2


@pytest.mark.parametrize(
    ("table", "change", "says"),
    [
        ("findings__api_calls", {"finding_id": None}, "finding_id: expected a value"),
        ("findings__api_calls", {"event_id": ""}, "event_id: expected a value"),
        ("findings__api_calls", {"is_confirmed": "likely"}, "is_confirmed: expected true or false"),
        ("findings__api_calls", {"observed_at": "2026-05-01T00:00:00Z"}, "effective_at: expected"),
        ("vpc__flows", {"flow_id": None}, "flow_id: expected a value"),
        ("vpc__flows", {"destination_port": 65_536}, "destination_port: expected 65535 or less"),
        ("vpc__flows", {"destination_port": "https"}, "destination_port: expected a whole number"),
        ("vpc__flows", {"action": "DROP"}, "action: expected one of ACCEPT, REJECT"),
        ("vpc__flows", {"bytes_out": 2**70}, "bytes_out: expected a whole number"),
        ("signin__attempts", {"principal_id": None}, "principal_id: expected a value"),
        ("signin__attempts", {"account_id": "root"}, "account_id: expected a text like"),
        ("signin__attempts", {"is_successful": 7}, "is_successful: expected true or false"),
    ],
)
def test_rows_of_every_table_are_checked(zone: Zone, table: str, change: dict[str, Any], says: str) -> None:
    """Rows that come by the tables' own names are held to the same contract; the good one beside the bad one lands."""
    good, bad = ROWS[table], {**ROWS[table], **change}
    bad = {name: f"{value}x" if name == next(iter(good)) and value else value for name, value in bad.items()}
    path = zone.file("rows.jsonl", "".join(json.dumps(row) + "\n" for row in (good, bad)))
    report = zone.ingest(table, None, [path])
    assert (report.read, report.landed, report.duplicates, report.quarantined) == (2, 1, 0, 1)
    assert any(reason.startswith(says) for reason in zone.reasons(table)), zone.reasons(table)


@pytest.mark.parametrize(
    ("retyped", "landed"),
    [
        (lambda table: set_column(table, "bytes_out", pa.array(["10", "ten", None])), 2),
        (lambda table: set_column(table, "bytes_out", pa.array([10.0, 10.5, None])), 2),
        (lambda table: set_column(table, "destination_port", pa.array([True, False, True])), 0),
        (lambda table: set_column(table, "observed_at", pa.array([20_574, 20_574, 20_574])), 0),
    ],
    ids=["numbers as texts", "whole numbers as floats", "ports as booleans", "times as numbers"],
)
def test_a_retyped_column_lands_only_what_still_means_the_same(
    zone: Zone, retyped: Callable[[pa.Table], pa.Table], landed: int
) -> None:
    """Each value is read by the contract's type: what is exactly one lands, everything else is set aside."""
    rows = [{**FLOW, "flow_id": f"n{number}"} for number in range(3)]
    path = zone.file("flows.parquet", b"")
    pq.write_table(retyped(pa.Table.from_pylist(rows)), path)
    report = zone.ingest("vpc__flows", None, [path])
    assert (report.read, report.landed, report.quarantined) == (3, landed, 3 - landed)
    assert len(zone.reasons("vpc__flows")) >= 3 - landed


def set_column(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    """The table with other values of a column."""
    return table.set_column(table.column_names.index(name), name, values)


@pytest.mark.parametrize("table", sorted(ROWS))
def test_a_renamed_key_refuses_the_file(zone: Zone, table: str) -> None:
    """A column that must be there is missed by its name before anything lands."""
    key = next(iter(ROWS[table]))
    path = zone.file(
        "rows.jsonl", json.dumps({("uid" if name == key else name): one for name, one in ROWS[table].items()})
    )
    with pytest.raises(RefusedFilesError, match=f"(?s)rows.jsonl: .*{key}: expected a column of this name"):
        zone.ingest(table, None, [path])
