"""Who is on a list, since when and until when."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from riskloom.errors import NotInLedgerError, RefusedStepError
from riskloom.ledger.database import reading
from riskloom.ledger.schema import AuditEvent
from riskloom.lifecycle.lists import add_member, expire_member, list_members, lists_ever, open_list, remove_member
from riskloom.lifecycle.members import find_members, open_lists
from riskloom.rules import Evaluation, Facts, read_condition
from tests.lifecycle.world import DOMAIN, SCHEMA, Office

LIST = "watched"


@pytest.fixture
def opened(office: Office) -> Office:
    """An office that keeps the list."""
    with office.controls.commanding(DOMAIN, "lead") as desk:
        open_list(desk, DOMAIN, LIST, kind="watch", owner="payments", reason="incident 7", declared=SCHEMA.lists)
    return office


def add(office: Office, value: str, *, days: float | None = None) -> datetime:
    """Add a member; gives when."""
    with office.controls.commanding(DOMAIN, "analyst") as desk:
        expires_at = None if days is None else desk.at + timedelta(days=days)
        entry_id = f"{value}-{desk.at:%d%H%M}"
        return add_member(desk, DOMAIN, LIST, value, entry_id=entry_id, reason="seen", expires_at=expires_at).added_at


def members(office: Office, at: datetime) -> list[str]:
    with reading(office.controls.engine) as session:
        return [entry.value for entry in list_members(session, DOMAIN, LIST, at=at)]


def test_a_member_counts_from_and_until_its_times(opened: Office) -> None:
    """The instant of its end is no part of it; commands and conditions agree, also about the past."""
    added = add(opened, "DE", days=2)
    ends = added + timedelta(days=2)
    removed = add(opened, "FR")
    with opened.controls.commanding(DOMAIN, "analyst") as desk:
        gone = remove_member(desk, DOMAIN, LIST, "FR", reason="a mistake").removed_at
    assert gone is not None
    moment = timedelta(microseconds=1)
    with reading(opened.controls.engine) as session:
        lists = lists_ever(session, DOMAIN)
    evaluation = Evaluation(read_condition("event.country in list.watched", SCHEMA))
    for value, since, until in (("DE", added, ends), ("FR", removed, gone)):
        for at, expected in ((since - moment, False), (since, True), (until - moment, True), (until, False)):
            assert (value in members(opened, at)) is expected, (value, at)
            assert evaluation.answer(Facts({"country": value}, {}, at=at, lists=lists)) is expected


def test_members_come_in_pages_along_the_index(opened: Office) -> None:
    """By value, each once; who was removed or whose time is over is not among them; a list that is not open is none."""
    for value, days in (("FR", None), ("DE", 2.0), ("AT", None), ("GONE", None), ("OVER", 0.001)):
        added = add(opened, value, days=days)
    with opened.controls.commanding(DOMAIN, "analyst") as desk:
        remove_member(desk, DOMAIN, LIST, "GONE", reason="a mistake")
    later = added + timedelta(minutes=5)
    found: list[str] = []
    with reading(opened.controls.engine) as session:
        assert [row.name for row in open_lists(session, DOMAIN)] == [LIST]
        cursor: str | None = None
        while True:
            page = find_members(session, DOMAIN, LIST, at=later, cursor=cursor, limit=2)
            found += [row.value for row in page.rows]
            if (cursor := page.next_cursor) is None:
                break
        assert found == ["AT", "DE", "FR"]
        with pytest.raises(NotInLedgerError):
            find_members(session, DOMAIN, "other", at=later)


def test_only_what_is_declared_can_be_opened_once(opened: Office) -> None:
    """A list that no rule may name, or that is open, is refused; nobody is put on a list that is not open."""
    for name, message in (("others", "declares"), (LIST, "nobody has opened")):
        with pytest.raises(RefusedStepError, match=message), opened.controls.commanding(DOMAIN, "lead") as desk:
            open_list(desk, DOMAIN, name, kind="block", owner="x", reason="y", declared=SCHEMA.lists)
    with pytest.raises(NotInLedgerError), opened.controls.commanding(DOMAIN, "lead") as desk:
        add_member(desk, DOMAIN, "others", "DE", entry_id="e", reason="seen", expires_at=None)


def test_nobody_is_on_a_list_twice_at_a_time(opened: Office) -> None:
    """Once the first entry has expired the value may come again, and both times are kept."""
    first = add(opened, "DE", days=1)
    with pytest.raises(RefusedStepError, match="found it there"):
        add(opened, "DE")
    opened.now += timedelta(days=3)
    second = add(opened, "DE")
    assert members(opened, first) == members(opened, second) == ["DE"]
    assert members(opened, first + timedelta(days=2)) == []


def test_an_end_can_be_moved_but_not_into_the_past(opened: Office) -> None:
    """Sooner or later; not on what has ended, and never without a reason."""
    added = add(opened, "DE", days=1)
    later = added + timedelta(days=5)
    with opened.controls.commanding(DOMAIN, "analyst") as desk:
        expire_member(desk, DOMAIN, LIST, "DE", expires_at=later, reason="it goes on")
    assert members(opened, added + timedelta(days=4)) == ["DE"]
    with pytest.raises(RefusedStepError, match="to come"), opened.controls.commanding(DOMAIN, "analyst") as desk:
        expire_member(desk, DOMAIN, LIST, "DE", expires_at=added, reason="never was")
    with pytest.raises(RefusedStepError, match="reason"), opened.controls.commanding(DOMAIN, "analyst") as desk:
        remove_member(desk, DOMAIN, LIST, "DE", reason="")
    opened.now = later
    with pytest.raises(NotInLedgerError), opened.controls.commanding(DOMAIN, "analyst") as desk:
        remove_member(desk, DOMAIN, LIST, "DE", reason="too late")


def test_every_change_is_audited(opened: Office) -> None:
    """Who, what, to which entry; the chain has no value, only digests."""
    add(opened, "DE", days=1)
    with opened.controls.commanding(DOMAIN, "lead") as desk:
        remove_member(desk, DOMAIN, LIST, "DE", reason="a mistake")
    with reading(opened.controls.engine) as session:
        events = session.scalars(select(AuditEvent).order_by(AuditEvent.sequence)).all()
    assert [(event.action, event.actor) for event in events] == [
        ("list.opened", "lead"), ("list.member_added", "analyst"), ("list.member_removed", "lead"),
    ]  # fmt: skip
