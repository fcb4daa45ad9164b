"""Flow records: the default format and custom ones, and NSL-KDD's connections by mapping."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from riskloom.ingest import RefusedFilesError
from tests.domains.cloud_security.conftest import Zone

FLOWS = "vpc__flows"
NAMES = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
)
GOOD = "2 123456789012 eni-1 10.0.0.5 203.0.113.9 49152 443 6 10 8400 1777600000 1777600060 ACCEPT OK"
REFUSED = "2 123456789012 eni-1 203.0.113.9 10.0.0.5 33000 22 6 1 40 1777600000 1777600010 REJECT OK"
NO_DATA = "2 123456789012 eni-1 - - - - - - - 1777600000 1777600060 - NODATA"
COLUMNS = "source_address, destination_port, protocol, packets, bytes_out, action, state"
LANDED = [
    ("10.0.0.5", 443, "6", 10, 8400, "ACCEPT", "OK"),
    ("203.0.113.9", 22, "6", 1, 40, "REJECT", "OK"),
    (None, None, None, None, None, None, "NODATA"),
]


def ingest(zone: Zone, lines: list[str], mapping: str = "vpc_flow_logs_v2.toml", name: str = "a.log") -> list[int]:
    """Read, landed and quarantined."""
    text = ("\n".join(lines) + "\n").encode()
    content = gzip.compress(text) if name.endswith(".gz") else text
    report = zone.ingest(FLOWS, mapping, [zone.file(name, content)])
    assert report.read == report.landed + report.duplicates + report.quarantined
    return [report.read, report.landed, report.quarantined]


@pytest.mark.parametrize("name", ["a.log", "a.log.gz", "a.txt"])
@pytest.mark.parametrize("first", [[NAMES], []], ids=["names", "no names"])
def test_the_default_format_lands(zone: Zone, name: str, first: list[str]) -> None:
    """With its line of names or without; a hyphen is no value, and a record without data is one all the same."""
    assert ingest(zone, [*first, GOOD, REFUSED, NO_DATA], name=name) == [3, 3, 0]
    assert sorted(zone.rows(FLOWS, COLUMNS), key=str) == sorted(LANDED, key=str)
    assert zone.rows(FLOWS, "epoch(effective_at - started_at)", "state = 'NODATA'") == [(60.0,)]


def test_the_same_record_twice_is_one(zone: Zone) -> None:
    """A record has no number of its own: what it says tells it apart."""
    assert ingest(zone, [NAMES, GOOD, REFUSED]) == [2, 2, 0]
    later = GOOD.replace("1777600060", "1777600061")
    assert ingest(zone, [NAMES, GOOD, REFUSED, later], name="b.log") == [3, 1, 0]


def test_custom_fields_are_found_by_their_names(zone: Zone) -> None:
    """In any order, some missing, others among them that nobody asked for."""
    lines = [
        "vpc-id dstport srcport srcaddr dstaddr protocol interface-id start end tcp-flags bytes",
        "vpc-1 443 49152 10.0.0.5 203.0.113.9 6 eni-1 1777600000 1777600060 19 8400",
        "vpc-1 - - - - - eni-1 1777600000 1777600060 - -",
    ]
    assert ingest(zone, lines, "vpc_flow_logs_custom.toml") == [2, 2, 0]
    assert zone.rows(FLOWS, COLUMNS, "bytes_out > 0") == [("10.0.0.5", 443, "6", None, 8400, None, None)]


def test_bad_lines_are_set_aside(zone: Zone) -> None:
    """Too few fields, a port beyond all ports, negative bytes, an unknown action: each with its reason."""
    lines = [
        NAMES,
        GOOD,
        "2 123456789012 eni-1 10.0.0.5",
        GOOD.replace(" 443 ", " 99999 "),
        GOOD.replace(" 8400 ", " -1 "),
        GOOD.replace("ACCEPT", "PERHAPS"),
        GOOD.replace("1777600060", "9999999999"),
    ]
    assert ingest(zone, lines) == [6, 1, 5]
    reasons = zone.reasons(FLOWS)
    for said in (
        "line: expected 14 fields, found 4",
        "destination_port: expected 65535 or less",
        "bytes_out: expected 0 or more",
        "action: expected one of ACCEPT, REJECT",
        "observed_at: expected no later than the ingest",
    ):
        assert any(reason.startswith(said) for reason in reasons), said


def test_custom_fields_without_a_time_are_refused(zone: Zone) -> None:
    """A file that cannot be dated says which field it lacks."""
    with pytest.raises(RefusedFilesError, match=r"columns.effective_at.from: .*'end'"):
        ingest(zone, ["interface-id srcaddr dstaddr srcport dstport protocol start", "a b c 1 2 6 1"],
               "vpc_flow_logs_custom.toml")  # fmt: skip


def test_nsl_kdd_lands_as_flows_and_findings(zone: Zone, reference_data: Path) -> None:
    """Every connection is a flow, every attack among them a confirmed finding about one."""
    file = reference_data / "nsl_kdd" / "KDDTrain+_20Percent.txt"
    attacks = [line.rsplit(",", 2)[1] for line in file.read_text().splitlines()]
    flows = zone.ingest(FLOWS, "nsl_kdd_flows.toml", [file])
    assert (flows.read, flows.landed, flows.quarantined) == (25_192, 25_192, 0)
    findings = zone.ingest("findings__flows", "nsl_kdd_findings.toml", [file])
    hostile = len(attacks) - attacks.count("normal")
    assert (findings.landed, findings.skipped) == (hostile, attacks.count("normal"))
    found = {row[0] for row in zone.rows("findings__flows", "flow_id")}
    assert found <= {row[0] for row in zone.rows(FLOWS, "flow_id")}
    assert zone.rows(FLOWS, "sum(bytes_out), count(*) FILTER (protocol = 'tcp')") == [
        (
            sum(int(line.split(",")[4]) for line in file.read_text().splitlines()),
            sum(line.split(",")[1] == "tcp" for line in file.read_text().splitlines()),
        )
    ]
