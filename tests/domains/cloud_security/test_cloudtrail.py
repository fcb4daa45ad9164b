"""CloudTrail's records as they are delivered: nested, with missing fields."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from riskloom.ingest import pseudonym
from tests.domains.cloud_security.conftest import ARN, EVENTS, KEY, Zone, events, record

SIGNINS = "signin__attempts"


def test_all_recorded_attacks_land(zone: Zone, reference_data: Path) -> None:
    """Every record of the 35 files lands once; a second time, and beside each other, all are duplicates."""
    files = sorted((reference_data / "stratus").glob("*.json"))
    written = [one for path in files for one in json.loads(path.read_text())]
    report = zone.ingest(EVENTS, "cloudtrail_events.toml", files)
    assert len(files) == len(report.files) == 35
    assert (report.read, report.landed, report.quarantined) == (len(written), len(written), 0)
    assert {row[0] for row in zone.rows(EVENTS, "event_id")} == {one["eventID"] for one in written}
    known = {(one["eventID"], one["eventSource"], one["eventName"], one.get("errorCode")) for one in written}
    assert set(zone.rows(EVENTS, "event_id, service, operation, error_code")) == known
    assert len(zone.rows(EVENTS, "DISTINCT operation")) > 50
    again = zone.file("again.json", json.dumps(written))
    report = zone.ingest(EVENTS, "cloudtrail_events.toml", [again])
    assert (report.read, report.duplicates) == (len(written), len(written))


def test_the_sign_in_among_them_lands_as_one(zone: Zone, reference_data: Path) -> None:
    """A sign-in without a second factor is one, and all other records are skipped."""
    report = zone.ingest(SIGNINS, "cloudtrail_signins.toml", sorted((reference_data / "stratus").glob("*.json")))
    assert (report.read, report.landed, report.skipped) == (1, 1, 309)
    assert zone.rows(SIGNINS, "is_successful, is_mfa") == [(True, False)]


def test_a_record_becomes_a_call(zone: Zone) -> None:
    """What is kept of a record, by the table's names."""
    assert events(zone, record(1)) == (1, 1, 0)
    columns = "peer_group, account_id, service, operation, is_data_read, bytes_out, source_network, user_agent, is_mfa"
    assert zone.rows(EVENTS, columns) == [
        ("Engineer", "123456789012", "s3.amazonaws.com", "GetObject", True, 2048, "198.51.100", "aws-cli", True)
    ]
    ((principal, operation, network),) = zone.rows(EVENTS, "principal_id, principal_operation, principal_network")
    assert principal == pseudonym(ARN, "p-", KEY)
    assert operation == f"{principal}|s3.amazonaws.com|GetObject"
    assert network == f"{principal}|198.51.100"


def test_neither_names_nor_secrets_land(zone: Zone) -> None:
    """Of people, keys and resources only keyed pseudonyms, and nothing of a request's content."""
    events(zone, record(1))
    (row,) = zone.rows(EVENTS)
    text = json.dumps(row, default=str)
    for secret in ("anna", "ASIAEXAMPLEKEY", "hunter2", "payroll", "198.51.100.7"):
        assert secret not in text, secret


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.250", "203.0.113"),
        ("2001:db8:85a3::8a2e:370:7334", "2001:db8:85a3"),
        ("cloudformation.amazonaws.com", "cloudformation.amazonaws.com"),
        ("AWS Internal", "AWS Internal"),
        ("", None),
    ],
)
def test_where_a_call_came_from_is_a_network(zone: Zone, address: str, network: str | None) -> None:
    """Not an address, which would be a person's; of a service its name."""
    assert events(zone, record(1, sourceIPAddress=address)) == (1, 1, 0)
    assert zone.rows(EVENTS, "source_network") == [(network,)]


@pytest.mark.parametrize(
    "identity",
    [
        {"type": "AWSService", "invokedBy": "autoscaling.amazonaws.com"},
        {"type": "Root", "principalId": "123456789012", "arn": "arn:aws:iam::123456789012:root"},
        {"type": "AWSAccount", "principalId": "AIDAEXAMPLE", "accountId": "999999999999"},
        {"type": "IdentityCenterUser", "accountId": "123456789012", "onBehalfOf": {"userId": "u"}},
    ],
)
def test_identities_of_every_kind_are_somebody(zone: Zone, identity: dict[str, Any]) -> None:
    """Services, other accounts and root have no ARN or no session, and land all the same."""
    assert events(zone, record(1, userIdentity=identity)) == (1, 1, 0)
    assert zone.rows(EVENTS, "principal_kind, peer_group, credential_id") == [(identity["type"],) * 2 + (None,)]


def test_fields_may_be_missing(zone: Zone) -> None:
    """Old and terse records lack much; what the contract needs is enough."""
    needed = ("eventID", "eventTime", "eventSource", "eventName", "recipientAccountId", "userIdentity")
    terse = {name: value for name, value in record(1).items() if name in needed}
    assert events(zone, terse) == (1, 1, 0)
    assert zone.rows(EVENTS, "is_read_only, error_code, source_network, user_agent") == [(None,) * 4]


def test_times_of_any_zone_are_utc(zone: Zone) -> None:
    """The same instant in three spellings is one."""
    times = ["2026-05-01T12:00:00Z", "2026-05-01T14:00:00+02:00", "2026-05-01T05:00:00-07:00"]
    assert events(zone, *(record(nth, eventTime=time) for nth, time in enumerate(times))) == (3, 3, 0)
    assert len(zone.rows(EVENTS, "DISTINCT effective_at")) == 1


def test_failed_sign_ins_are_failed(zone: Zone) -> None:
    """Success and failure, with and without a second factor; who is not known is the account."""
    answers = [("Success", "Yes"), ("Failure", "No")]
    records = [
        record(
            nth,
            eventSource="signin.amazonaws.com",
            eventName="ConsoleLogin",
            responseElements={"ConsoleLogin": answer},
            additionalEventData={"MFAUsed": mfa},
            userIdentity={"type": "IAMUser", "accountId": "123456789012", "userName": "HIDDEN_DUE_TO_SECURITY_REASONS"},
        )
        for nth, (answer, mfa) in enumerate(answers)
    ]
    report = zone.ingest(SIGNINS, "cloudtrail_signins.toml", [zone.file("a.json", [*records, record(9)])])
    assert (report.read, report.landed, report.skipped) == (2, 2, 1)
    assert zone.rows(SIGNINS, "is_successful, is_mfa") == [(False, False), (True, True)]
