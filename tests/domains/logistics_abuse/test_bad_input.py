"""Bad scans, returns and concessions: each lands, is a duplicate or is quarantined with the reason; nothing else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from riskloom.catalog import Domain, load_domain
from riskloom.errors import ContractError
from riskloom.ingest import IngestReport, ingest_files

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
RETURN = {
    "return_id": "re-1",
    "parcel_id": "340123450000000017",
    "site_id": "wh-1",
    "expected_g": 900,
    "received_g": 880,
    "effective_at": "2026-02-27T08:00:00Z",
    "observed_at": "2026-02-27T08:05:00Z",
}


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
        path = self._home / f"rows-{self._files}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        source = self._domain.folder / "mappings" / f"{mapping}.toml"
        report = ingest_files(
            self._domain,
            table,
            [path],
            landing=self._home / "landing",
            quarantine=self._home / "quarantine",
            observed_at=CLOCK,
            mapping=source if mapping else None,
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
    ("table", "row", "change", "column"),
    [
        ("warehouse__returns", RETURN, {"received_g": -4}, "received_g"),
        ("warehouse__returns", RETURN, {"return_id": None}, "return_id"),
        ("warehouse__returns", RETURN, {"parcel_id": ""}, "parcel_id"),
        ("warehouse__returns", RETURN, {"received_g": "light"}, "received_g"),
        ("warehouse__returns", RETURN, {"received_g": 880.5}, "received_g"),
        ("warehouse__returns", RETURN, {"disposition": "lost"}, "disposition"),
        ("warehouse__returns", RETURN, {"effective_at": "yesterday"}, "effective_at"),
    ],
)
def test_a_bad_value_names_its_column(
    desk: Desk, table: str, row: dict[str, Any], change: dict[str, Any], column: str
) -> None:
    """Negative weights, null keys, other types and unknown words are quarantined; the good row beside them lands."""
    report = desk.ingest(table, row, {**row, "return_id": "re-2", **change})
    assert (report.landed, report.quarantined) == (1, 1)
    (reason,) = desk.reasons(table)
    assert column in reason


def test_a_renamed_column_is_refused_by_name(desk: Desk) -> None:
    """A file without a column that must be there is refused as a whole, naming it; nothing of it lands."""
    renamed = {("weight" if name == "received_g" else name): value for name, value in RETURN.items()}
    with pytest.raises(ContractError, match="received_g"):
        desk.ingest("warehouse__returns", renamed)
    assert desk.ingest("warehouse__returns", RETURN).landed == 1


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
