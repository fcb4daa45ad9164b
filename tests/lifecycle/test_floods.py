"""Rules that hit far more than they were meant to."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from riskloom.errors import LedgerError
from riskloom.ledger.database import reading
from riskloom.lifecycle.floods import FloodRequest, Shares, read_requests, requests_folder, write_request
from riskloom.lifecycle.requests import SERVICE, take_requests
from riskloom.lifecycle.stages import rule_history
from tests.lifecycle.world import DOMAIN, NOW, Office, source

RULE = "large_amount"


@pytest.fixture
def office(sqlite_ledger: Engine, tmp_path: Path) -> Office:
    """An office on SQLite with a live rule."""
    office = Office.over(sqlite_ledger, tmp_path)
    office.go_live(source())
    return office


def request(step: int, version: int = 1) -> FloodRequest:
    return FloodRequest(
        domain=DOMAIN, rule_id=RULE, version=version, step=step, share=0.43, max_share=0.2, at=NOW
    )  # fmt: skip


def stages(office: Office) -> list[tuple[str, str]]:
    with reading(office.controls.engine) as session:
        return [(change.stage, change.changed_by) for change in rule_history(session, DOMAIN, RULE)]


ONE, OTHER = ("one", 1, 2), ("other", 1, 2)


def test_the_share_is_that_of_the_last_decisions() -> None:
    """Nothing is said of too few; what is older than the window is forgotten."""
    shares = Shares(window=10, minimum=4)
    shares.keep([ONE])
    assert [shares.add([ONE])[ONE] for _ in range(4)] == [0, 0, 0, 1]
    assert [shares.add([]) for _ in range(5)] == [{}] * 5
    assert shares.add([ONE])[ONE] == 0.5
    assert [shares.add([]) for _ in range(3)] == [{}] * 3
    assert shares.add([ONE])[ONE] == 0.2
    assert [shares.add([ONE])[ONE] for _ in range(12)][-1] == 1


def test_a_decision_that_is_spared_does_not_count() -> None:
    """The share of a roll-out is that of the subjects it reaches."""
    shares = Shares(window=10, minimum=4)
    shares.keep([ONE, OTHER])
    for _ in range(6):
        shares.add([OTHER], spared=[ONE])
    assert [shares.add([ONE, OTHER])[ONE] for _ in range(4)] == [0, 0, 0, 1]
    assert shares.add([ONE, OTHER]) == {ONE: 1, OTHER: 1}


def test_what_is_counted_goes_on_as_long_as_the_version_stays() -> None:
    """A version that comes later, or comes back, begins anew."""
    shares = Shares(window=10, minimum=4)
    shares.keep([ONE])
    for _ in range(5):
        shares.add([ONE])
    shares.keep([ONE, OTHER])
    assert shares.add([ONE, OTHER]) == {ONE: 1, OTHER: 0}
    shares.keep([OTHER])
    shares.keep([ONE, OTHER])
    assert [shares.add([ONE, OTHER])[ONE] for _ in range(4)] == [0, 0, 0, 1]


def test_a_request_becomes_a_step(office: Office) -> None:
    """By the service's name, with the figures as its reason; the request is gone, and the file for services is new."""
    folder = office.controls.folder
    write_request(folder, request(4))
    write_request(folder, request(4))
    (done,) = take_requests(office.controls, DOMAIN)
    assert done.reason == "hit 43.0% of recent decisions, which is more than its max_share of 20.0%"
    assert stages(office)[-1] == ("shadow", SERVICE)
    assert read_requests(folder, DOMAIN) == ()
    assert office.controls.publish(DOMAIN).rules[0].stage == "shadow"


def test_a_request_about_what_has_moved_is_void(office: Office) -> None:
    """Somebody has looked at it since, or the version is not there."""
    before = stages(office)
    for void in (request(3), request(4, version=9)):
        write_request(office.controls.folder, void)
    assert take_requests(office.controls, DOMAIN) == ()
    assert stages(office) == before
    assert read_requests(office.controls.folder, DOMAIN) == ()


def test_a_request_outlives_drafts(office: Office) -> None:
    """Writing another version is no step of the one that was stopped."""
    office.write(source(bound=400))
    write_request(office.controls.folder, request(4))
    assert len(take_requests(office.controls, DOMAIN)) == 1


def test_what_is_no_request_is_not_passed_over(office: Office) -> None:
    """It is named."""
    folder = requests_folder(office.controls.folder, DOMAIN)
    folder.mkdir()
    (folder / "odd.json").write_text("{}", encoding="utf-8")
    with pytest.raises(LedgerError, match=r"odd\.json"):
        take_requests(office.controls, DOMAIN)
