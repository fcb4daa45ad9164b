"""Bad scans, returns and concessions: each lands, is a duplicate or is quarantined with the reason; nothing else."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from riskloom.catalog import Domain, load_domain
from riskloom.ingest import IngestReport, RefusedFilesError, ingest_files

KEY = b"k" * 32
CLOCK = datetime(2026, 3, 1, 12, tzinfo=UTC)
SCAN = {
    "eventID": "ni:///sha-256;1?ver=CBV2.0",
    "epc": "urn:epc:id:sscc:4012345.0000000017",
    "action": "OBSERVE",
    "bizStep": "accepting",
    "disposition": "in_progress",
    "readPoint": "urn:epc:id:sgln:4012345.00001.9",
    "bizLocation": "urn:epc:id:sgln:4012345.00001.0",
    "route_type": "urban",
    "route_id": None,
    "weight_g": None,
    "driver_id": "dr-1",
    "proof": "photo",
    "distance_m": 12,
    "eventTimeZoneOffset": "+01:00",
    "eventTime": "2026-02-28T10:15:00.000+01:00",
    "recordTime": "2026-02-28T09:15:04Z",
}
TIMES = {"effective_at": "2026-02-27T08:00:00Z", "observed_at": "2026-02-27T08:05:00Z"}
PARCEL = "340123450000000017"
#: A good row of each table that is not read by a mapping; the first column is its key.
GOOD: dict[str, dict[str, Any]] = {
    "warehouse__parcels": {
        "parcel_id": PARCEL, "customer_id": "c-1", "address_id": "a-1", "device_id": "d-1", "site_id": "wh-1",
        "category": "shoes", "goods_value": 79.9, "currency": "EUR", "expected_g": 900, **TIMES,
    },
    "warehouse__adjustments": {
        "adjustment_id": "ad-1", "site_id": "wh-1", "shift": "late", "associate_id": "as-1", "reason": "not_found",
        "quantity": -2, "goods_value": 30, "currency": "EUR", **TIMES,
    },
    "warehouse__returns": {
        "return_id": "re-1", "parcel_id": PARCEL, "site_id": "wh-1", "disposition": "returned", "expected_g": 900,
        "received_g": 880, **TIMES,
    },
    "transport__redirects": {
        "redirect_id": "rd-1", "parcel_id": PARCEL, "customer_id": "c-1", "address_id": "a-2", **TIMES,
    },
    "service__contacts": {
        "contact_id": "co-1", "customer_id": "c-1", "parcel_id": PARCEL, "channel": "app", "topic": "other", **TIMES,
    },
    "service__concessions": {
        "concession_id": "cn-1", "parcel_id": PARCEL, "customer_id": "c-1", "address_id": "a-1", "channel": "app",
        "kind": "refund", "is_missing": False, "reason": "unwanted", "is_return_expected": True, "amount": "79.90",
        "currency": "EUR", **TIMES,
    },
    "service__investigations": {
        "finding_id": "fi-1", "concession_id": "cn-1", "is_abuse": True, "party": "customer", **TIMES,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def domain() -> Domain:
    """The domain as declared."""
    return load_domain("logistics_abuse")


class Desk:
    """Ingests rows of one table into folders of its own."""

    def __init__(self, domain: Domain, home: Path) -> None:
        self._domain, self._home, self._files = domain, home, 0

    def ingest(self, table: str, *rows: dict[str, Any], mapping: str | None = None) -> IngestReport:
        """Ingest rows as a file of JSON lines; whatever comes of it, the counts add up."""
        self._files += 1
        content = "".join(json.dumps(row) + "\n" for row in rows).encode()
        return self.ingest_file(table, f"rows-{self._files}.jsonl", content, mapping=mapping)

    def ingest_file(self, table: str, name: str, content: bytes, mapping: str | None = None) -> IngestReport:
        """The same of a file as it is."""
        path = self._home / name
        path.write_bytes(content)
        source = self._domain.folder / "mappings" / f"{mapping}.toml"
        report = ingest_files(
            self._domain,
            table,
            [path],
            landing=self._home / "landing",
            quarantine=self._home / "quarantine",
            observed_at=CLOCK,
            mapping=source if mapping else None,
            pseudonym_key=KEY,
        )
        assert report.read == report.landed + report.duplicates + report.quarantined
        return report

    def landed(self, table: str, columns: str) -> list[tuple[Any, ...]]:
        """What has landed, in the order of the rows."""
        return self._rows("landing", table, columns)

    def reasons(self, table: str) -> list[str]:
        """Why rows are in quarantine."""
        return [reason for (reasons,) in self._rows("quarantine", table, "reasons") for reason in reasons]

    def _rows(self, zone: str, table: str, columns: str) -> list[tuple[Any, ...]]:
        files = self._home / zone / self._domain.name / table / "*.parquet"
        return duckdb.execute(f"select {columns} from read_parquet('{files}')").fetchall()  # noqa: S608


@pytest.fixture
def desk(domain: Domain, tmp_path: Path) -> Desk:
    """An empty landing zone."""
    return Desk(domain, tmp_path)


def test_epcis_events_land_by_mapping(desk: Desk) -> None:
    """Times of any zone become UTC; events of other business steps are skipped and counted, not refused."""
    other = {**SCAN, "eventID": "e2", "bizStep": "commissioning"}
    report = desk.ingest("transport__scans", SCAN, other, mapping="epcis_transport_scans")
    assert (report.landed, report.skipped, report.quarantined) == (1, 1, 0)
    ((event_id, parcel, step, at, known),) = desk.landed(
        "transport__scans", "event_id, parcel_id, biz_step, effective_at, observed_at"
    )
    assert (event_id, parcel, step) == (SCAN["eventID"], SCAN["epc"], "accepting")
    assert (at, known) == (datetime(2026, 2, 28, 9, 15), datetime(2026, 2, 28, 9, 15, 4))  # noqa: DTZ001


def test_zones_are_mixed_and_mean_the_same_instant(desk: Desk) -> None:
    """Three ways to write one instant are one instant; a time without a zone is UTC."""
    times = ["2026-02-28T23:30:00+14:00", "2026-02-28T04:30:00-05:00", "2026-02-28T09:30:00"]
    rows = [{**SCAN, "eventID": f"e{number}", "eventTime": time} for number, time in enumerate(times)]
    rows = [{**row, "recordTime": "2026-02-28T10:00:00Z"} for row in rows]
    assert desk.ingest("transport__scans", *rows, mapping="epcis_transport_scans").landed == 3
    assert {at for (at,) in desk.landed("transport__scans", "effective_at")} == {datetime(2026, 2, 28, 9, 30)}  # noqa: DTZ001


def test_the_order_of_events_does_not_matter_and_the_future_is_refused(desk: Desk) -> None:
    """A hand-over may land before the departure; what has not happened or is not known yet may not."""
    earlier = {**SCAN, "eventID": "e2", "bizStep": "departing", "eventTime": "2026-02-28T06:00:00Z"}
    unhappened = {**SCAN, "eventID": "e3", "eventTime": "2026-02-28T11:00:00Z"}
    unknown = {**SCAN, "eventID": "e4", "recordTime": "2026-03-02T00:00:00Z"}
    report = desk.ingest("transport__scans", SCAN, earlier, unhappened, unknown, mapping="epcis_transport_scans")
    assert (report.landed, report.quarantined) == (2, 2)
    assert len(desk.reasons("transport__scans")) == 2


def test_an_event_id_twice_with_other_content_is_refused(desk: Desk) -> None:
    """The same event again is a duplicate; another content under its id changes nothing that has landed."""
    report = desk.ingest("transport__scans", SCAN, SCAN, mapping="epcis_transport_scans")
    assert (report.landed, report.duplicates) == (1, 1)
    forged = {**SCAN, "proof": "signature", "distance_m": 0}
    report = desk.ingest("transport__scans", forged, mapping="epcis_transport_scans")
    assert (report.landed, report.quarantined) == (0, 1)
    assert "different content" in desk.reasons("transport__scans")[0]
    assert desk.landed("transport__scans", "proof") == [("photo",)]


@pytest.mark.parametrize(
    ("table", "change", "reason"),
    [
        ("warehouse__returns", {"received_g": -4}, "received_g: expected 0 or more, found '-4'"),
        ("warehouse__returns", {"received_g": "light"}, "received_g: expected a whole number, found 'light'"),
        ("warehouse__returns", {"received_g": 880.5}, "received_g: expected a whole number, found '880.5'"),
        ("warehouse__returns", {"received_g": 2_000_000}, "received_g: expected 1000000 or less, found '2000000'"),
        ("warehouse__returns", {"disposition": "lost"}, "disposition: expected one of returned"),
        ("warehouse__returns", {"parcel_id": ""}, "parcel_id: expected a value, found nothing"),
        ("warehouse__returns", {"effective_at": "yesterday"}, "effective_at: expected"),
        ("warehouse__returns", {"effective_at": "2026-02-30T00:00:00Z"}, "effective_at: expected"),
        ("warehouse__parcels", {"parcel_id": None}, "parcel_id: expected a value, found nothing"),
        ("warehouse__parcels", {"goods_value": -0.01}, "goods_value: expected 0 or more, found '-0.01'"),
        ("warehouse__parcels", {"goods_value": "NaN"}, "goods_value: expected"),
        ("warehouse__parcels", {"goods_value": "1e400"}, "goods_value: expected"),
        ("warehouse__parcels", {"goods_value": 12.345}, "goods_value: expected"),
        ("warehouse__parcels", {"currency": "XYZ"}, "currency: expected one of EUR, found 'XYZ'"),
        ("warehouse__parcels", {"currency": "eur"}, "currency: expected one of EUR, found 'eur'"),
        ("warehouse__parcels", {"expected_g": -1}, "expected_g: expected 0 or more, found '-1'"),
        ("warehouse__parcels", {"customer_id": "c" * 2049}, "customer_id: expected at most 2048 characters"),
        ("warehouse__adjustments", {"quantity": -100_001}, "quantity: expected -100000 or more, found '-100001'"),
        ("warehouse__adjustments", {"quantity": 1.5}, "quantity: expected a whole number, found '1.5'"),
        ("warehouse__adjustments", {"goods_value": -30}, "goods_value: expected 0 or more, found '-30'"),
        ("warehouse__adjustments", {"shift": "Late"}, "shift: expected one of early, late, night, found 'Late'"),
        ("transport__redirects", {"address_id": None}, "address_id: expected a value, found nothing"),
        ("transport__redirects", {"observed_at": "2031-01-01T00:00:00Z"}, "observed_at: expected"),
        ("service__contacts", {"customer_id": None}, "customer_id: expected a value, found nothing"),
        ("service__contacts", {"topic": {"text": "late"}}, 'topic: expected one value, found {"text":"late"}'),
        ("service__concessions", {"amount": "-5.00"}, "amount: expected 0 or more, found '-5.00'"),
        ("service__concessions", {"amount": "79,90"}, "amount: expected"),
        ("service__concessions", {"currency": "USD"}, "currency: expected one of EUR, found 'USD'"),
        ("service__concessions", {"kind": "voucher"}, "kind: expected one of refund"),
        ("service__concessions", {"is_missing": "perhaps"}, "is_missing: expected true or false, found 'perhaps'"),
        ("service__concessions", {"effective_at": "2026-02-27T08:11:00Z"}, "effective_at: expected"),
        ("service__investigations", {"concession_id": None}, "concession_id: expected a value, found nothing"),
        ("service__investigations", {"is_abuse": 2}, "is_abuse: expected true or false, found '2'"),
        ("service__investigations", {"party": "neighbour"}, "party: expected one of customer"),
    ],
)
def test_a_bad_value_says_what_is_wrong_with_it(desk: Desk, table: str, change: dict[str, Any], reason: str) -> None:
    """Null keys, negative amounts, unknown words, other types: quarantined; the good row beside it lands."""
    row = GOOD[table]
    key = next(iter(row))
    report = desk.ingest(table, row, {**row, key: "other", **change})
    assert (report.read, report.landed, report.quarantined) == (2, 1, 1)
    assert any(reason in found for found in desk.reasons(table)), desk.reasons(table)


LINE = json.dumps(GOOD["warehouse__returns"])
OTHER = json.dumps({**GOOD["warehouse__returns"], "return_id": "re-2"})
DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (json.dumps(LINE), "line: expected a JSON object, found a text that holds JSON: encoded twice"),
        (LINE[:-9], "line: expected a JSON object, found "),
        ("[1, 2]", "line: expected a JSON object, found [1, 2]"),
        ("\x00\x01", "line: expected a JSON object, found "),
        (LINE.replace('"wh-1"', "[" * 1000 + "]" * 1000), "site_id: expected one value, found [[["),
        (
            LINE.replace("}", ', "note": "' + "x" * (5 << 20) + '"}'),
            "line: expected at most 1048576 bytes, found more",
        ),
        (
            LINE.replace("}", ', "note": ' + "[" * 600_000 + "]" * 600_000 + "}"),
            "line: expected at most 1048576 bytes, found more",
        ),
    ],
    ids=["encoded twice", "cut off", "no object", "binary", "nested", "five megabytes", "long and deep"],
)
def test_a_bad_record_hides_no_other(desk: Desk, bad: str, reason: str) -> None:
    """Whatever stands on a line, those before and behind it land."""
    report = desk.ingest_file("warehouse__returns", "rows.jsonl", f"{LINE}\n{bad}\n{OTHER}\n".encode())
    assert (report.read, report.landed, report.quarantined) == (3, 2, 1)
    ((found,),) = [desk.reasons("warehouse__returns")]
    assert found.startswith(reason)


def test_depth_where_nobody_looks_does_no_harm(desk: Desk) -> None:
    """A column that is not read may be as deep as it likes."""
    deep = LINE.replace("}", f', "note": {DEEP}}}')
    assert desk.ingest_file("warehouse__returns", "rows.jsonl", deep.encode()).landed == 1


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("rows.jsonl.gz", gzip.compress(LINE.encode() * 200)[:-12], "damaged"),
        ("rows.json", f"[{LINE}, {OTHER}".encode(), "cut off"),
        ("rows.json", json.dumps(f"[{LINE}]").encode(), "encoded twice"),
        ("rows.parquet", b"PAR1" + b"x" * 400, "a file that is not"),
        ("rows.csv", b"", "an empty file"),
        ("rows.jsonl", LINE.replace("received_g", "weight_g").encode(), "received_g: expected a column of this name"),
        ("rows.xlsx", LINE.encode(), "expected a name that ends in one of"),
    ],
    ids=[
        "gzip cut off",
        "document cut off",
        "encoded twice",
        "no Parquet",
        "empty",
        "column renamed",
        "unknown format",
    ],
)
def test_a_bad_file_is_refused_by_name(desk: Desk, name: str, content: bytes, found: str) -> None:
    """Nothing of it lands, and what is right afterwards does."""
    with pytest.raises(RefusedFilesError, match=name) as caught:
        desk.ingest_file("warehouse__returns", name, content)
    assert found in str(caught.value)
    assert desk.ingest("warehouse__returns", GOOD["warehouse__returns"]).landed == 1


@pytest.mark.parametrize(
    ("kind", "landed", "reason"),
    [
        (pa.string(), 1, "received_g: expected a whole number, found 'abc'"),
        (pa.float64(), 1, "received_g: expected a whole number, found '880.5'"),
        (pa.list_(pa.int64()), 0, "received_g: expected one value a row, found a column of type BIGINT[]"),
    ],
    ids=["text", "fractions", "lists"],
)
def test_a_retyped_column_lands_where_it_means_the_same(
    desk: Desk, tmp_path: Path, kind: pa.DataType, landed: int, reason: str
) -> None:
    """Whole numbers written as text or as floats are whole numbers; what is none is quarantined, lists are refused."""
    values = {pa.string(): ["880", "abc"], pa.float64(): [880.0, 880.5]}.get(kind, [[880], [881]])
    rows = [GOOD["warehouse__returns"], {**GOOD["warehouse__returns"], "return_id": "re-2"}]
    table = pa.Table.from_pylist([{**row, "received_g": None} for row in rows])
    table = table.set_column(table.schema.get_field_index("received_g"), "received_g", pa.array(values, kind))
    pq.write_table(table, tmp_path / "retyped.parquet")
    content = (tmp_path / "retyped.parquet").read_bytes()
    if not landed:
        with pytest.raises(RefusedFilesError) as caught:
            desk.ingest_file("warehouse__returns", "rows.parquet", content)
        assert reason in str(caught.value)
        return
    report = desk.ingest_file("warehouse__returns", "rows.parquet", content)
    assert (report.read, report.landed, report.quarantined) == (2, 1, 1)
    assert desk.reasons("warehouse__returns") == [reason]


def test_an_error_declaration_leaves_its_scan_alone(desk: Desk) -> None:
    """The declaration is a row of its own with the time it was declared; the scan stays as it landed."""
    desk.ingest("transport__scans", SCAN, mapping="epcis_transport_scans")
    declared = {
        "event_id": SCAN["eventID"],
        "reason": "did_not_occur",
        "effective_at": "2026-02-28T18:00:00Z",
        "observed_at": "2026-02-28T18:00:09Z",
    }
    report = desk.ingest("transport__error_declarations", declared, {**declared, "reason": "no_idea"})
    assert (report.landed, report.quarantined) == (1, 1)
    assert desk.landed("transport__scans", "proof") == [("photo",)]
