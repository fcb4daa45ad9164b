"""What a console asks: pages hold every row once, in order, along an index."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar, get_args

import pytest
from sqlalchemy import Engine, insert, text

from riskloom.errors import LedgerError, NotInLedgerError
from riskloom.ledger.audit import AuditTrail
from riskloom.ledger.database import is_postgresql, reading, writing
from riskloom.ledger.desk import Desk
from riskloom.ledger.hits import newest_hits
from riskloom.ledger.paging import Page
from riskloom.ledger.queries import (
    DayCount,
    QueueOrder,
    Workload,
    audit_log,
    case_file,
    case_queue,
    case_timeline,
    cases_of,
    count_by_day,
    find_decisions,
    find_labels,
    get_decision,
    labels_of,
    workload,
)
from riskloom.ledger.schema import Alert, Case, CaseEvent
from tests.ledger.examples import DOMAIN, NOW, case_row
from tests.ledger.test_shipping import append, shipper
from tests.plans import plans_of

T = TypeVar("T")


def walk(ask: Callable[[str | None], Page[T]]) -> list[T]:
    """All pages, one after the other."""
    first = ask(None)
    rows, cursor = list(first.rows), first.next_cursor
    while cursor is not None:
        following = ask(cursor)
        assert following.rows
        rows, cursor = [*rows, *following.rows], following.next_cursor
    return rows


@pytest.fixture
def decided(ledger: Engine, tmp_path: Path) -> Engine:
    """Thirty decisions of two days, several at one instant."""
    same = {"decided_at": "2026-03-01T10:00:00.000000Z"}
    append(tmp_path, *range(10), **same)
    append(tmp_path, *range(10, 20))
    append(tmp_path, *range(20, 30), day="2026-03-02")
    shipper(ledger, tmp_path).ship()
    return ledger


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ({}, range(30)),
        ({"outcome": "review"}, range(0, 30, 5)),
        ({"entity": "e-3"}, range(3, 30, 7)),
        ({"subject": "s-7"}, [7]),
        ({"entity": "e-3", "outcome": "review"}, [10]),
        ({"since": NOW + timedelta(hours=12)}, range(20, 30)),
        ({"until": NOW + timedelta(microseconds=1)}, range(10)),
        ({"subject": "nobody"}, []),
    ],
)
def test_pages_hold_every_decision_once_newest_first(decided: Engine, filters: dict[str, Any], numbers: Any) -> None:
    """Whatever is filtered, also where several were decided at one instant."""
    with reading(decided) as session:
        found = walk(lambda cursor: find_decisions(session, DOMAIN, **filters, cursor=cursor, limit=3))
    assert [(one.decided_at, one.decision_id) for one in found] == sorted(
        ((one.decided_at, one.decision_id) for one in found), reverse=True
    )
    assert {one.decision_id for one in found} == {f"d-{number}" for number in numbers}
    assert len(found) == len(list(numbers))


def test_rows_that_come_meanwhile_do_not_move_the_pages(decided: Engine, tmp_path: Path) -> None:
    """The second page goes on behind the first one's last row."""
    with reading(decided) as session:
        first = find_decisions(session, DOMAIN, limit=5)
    append(tmp_path, *range(30, 40), day="2026-03-03")
    shipper(decided, tmp_path).ship()
    with reading(decided) as session:
        second = find_decisions(session, DOMAIN, cursor=first.next_cursor, limit=5)
    assert [one.decision_id for one in second.rows] == [f"d-{number}" for number in range(24, 19, -1)]


def test_a_decision_is_given_whole(decided: Engine) -> None:
    """Or it is said that there is none."""
    with reading(decided) as session:
        assert get_decision(session, "d-3").event == {"transaction_id": "s-3", "amount": "12.50"}
        with pytest.raises(NotInLedgerError, match="no decision 'd-99'"):
            get_decision(session, "d-99")
        with pytest.raises(NotInLedgerError, match="no case 'c-99'"):
            case_file(session, "c-99")
        assert labels_of(session, DOMAIN, "s-1", as_of=NOW) == []


def test_outcomes_of_days(decided: Engine) -> None:
    """First and last day included."""
    with reading(decided) as session:
        found = count_by_day(session, DOMAIN, first=date(2026, 3, 2), last=date(2026, 3, 2))
    assert found == [DayCount("2026-03-02", "approve", 8), DayCount("2026-03-02", "review", 2)]


@pytest.fixture
def queue(ledger: Engine) -> Engine:
    """Cases of equal and of different priority; some closed, some snoozed."""
    tomorrow = NOW + timedelta(days=1)
    changes: list[dict[str, Any]] = [
        {"priority": Decimal(5)},
        {"priority": Decimal(7)},
        {"priority": Decimal(7), "assignee": "ada", "claimed_at": NOW, "state": "claimed"},
        {"priority": Decimal("6.5"), "sla_due_at": NOW - timedelta(hours=1)},
        {"state": "closed", "closed_at": NOW},
        {"state": "snoozed", "snoozed_until": tomorrow, "priority": Decimal(9)},
        {"domain": "other_domain"},
    ]
    rows = [case_row(f"c-{number}", entity=f"e-{number}", **change) for number, change in enumerate(changes)]
    events = [
        {"case_id": "c-0", "version": version, "at": NOW, "actor": "ada", "action": "noted", "details": {}}
        for version in range(1, 8)
    ]
    with writing(ledger) as session:
        session.execute(insert(Case), rows)
        session.execute(insert(CaseEvent), events)
    return ledger


def test_the_queue_has_what_is_open_and_awake(queue: Engine) -> None:
    """By expected loss or by deadline; a snoozed case comes when its time does."""

    def names(**changes: Any) -> list[str]:
        with reading(queue) as session:
            arguments: dict[str, Any] = {"at": NOW, "limit": 2, **changes}
            return [one.case_id for one in walk(lambda cursor: case_queue(session, DOMAIN, cursor=cursor, **arguments))]

    assert names() == ["c-2", "c-1", "c-3", "c-0"]
    assert names(order="due") == ["c-3", "c-0", "c-1", "c-2"]
    assert names(assignee="ada") == ["c-2"]
    assert names(at=NOW + timedelta(days=1))[0] == "c-5"


def test_a_timeline_is_in_order(queue: Engine) -> None:
    """From the first step on."""
    with reading(queue) as session:
        steps = walk(lambda cursor: case_timeline(session, "c-0", cursor=cursor, limit=3))
    assert [one.version for one in steps] == list(range(1, 8))


@pytest.mark.parametrize("cursor", ["", "x", "W10=", "WzEsMl0=", "WyJhIiwiYiJd", "WzEwZTk5LCJhIl0=", "é"])
def test_a_cursor_that_no_page_gave_is_refused(queue: Engine, cursor: str) -> None:
    """Cursors come back from outside."""
    with reading(queue) as session, pytest.raises(LedgerError, match="cursor: expected one that a page"):
        find_decisions(session, DOMAIN, cursor=cursor)


@pytest.mark.parametrize("limit", [0, 501])
def test_a_page_has_a_size(queue: Engine, limit: int) -> None:
    """Nobody asks for everything at once."""
    with reading(queue) as session, pytest.raises(LedgerError, match="limit: expected 1 to 500"):
        find_decisions(session, DOMAIN, limit=limit)


@pytest.mark.parametrize(
    "ask",
    [
        lambda session: find_decisions(session, DOMAIN),
        lambda session: find_decisions(session, DOMAIN, subject="s", since=NOW),
        lambda session: find_decisions(session, DOMAIN, entity="e", until=NOW),
        lambda session: find_decisions(session, DOMAIN, outcome="o"),
        lambda session: case_queue(session, DOMAIN, at=NOW),
        lambda session: case_queue(session, DOMAIN, at=NOW, order="due"),
        lambda session: case_queue(session, DOMAIN, at=NOW, state="snoozed"),
        lambda session: case_queue(session, DOMAIN, at=NOW, state="escalated", order="due"),
        lambda session: cases_of(session, "a"),
        lambda session: workload(session, DOMAIN, at=NOW),
        lambda session: audit_log(session, object_kind="k", object_id="o"),
        lambda session: case_timeline(session, "c"),
        lambda session: labels_of(session, DOMAIN, "s"),
        lambda session: find_labels(session, DOMAIN, as_of=NOW),
        lambda session: find_labels(session, DOMAIN, subject="s"),
        lambda session: count_by_day(session, DOMAIN, first=date(2026, 3, 1), last=date(2026, 3, 2)),
        lambda session: newest_hits(session, DOMAIN, "r", limit=20),
    ],
)
def test_every_question_runs_along_an_index(sqlite_ledger: Engine, ask: Callable[[Any], object]) -> None:
    """SQLite plans to search, and to sort nothing: the rows lie in the order of the page."""
    with plans_of(sqlite_ledger) as plans, reading(sqlite_ledger) as session:
        assert not is_postgresql(session)
        assert session.execute(text("VALUES (1)")).scalar() == 1
        ask(session)
    assert plans
    assert all(plan.startswith("SEARCH") for plan in plans), plans


def test_work_is_counted_and_states_are_found_without_reading_other_cases(sqlite_ledger: Engine) -> None:
    """Sums come from an index alone, and the queue of a state holds that state."""
    with reading(sqlite_ledger) as session:
        with plans_of(sqlite_ledger) as plans:
            workload(session, DOMAIN, at=NOW)
        assert any("COVERING INDEX ix_cases_queue" in plan for plan in plans), plans
        for order in get_args(QueueOrder):
            with plans_of(sqlite_ledger) as plans:
                case_queue(session, DOMAIN, at=NOW, state="escalated", order=order)
            assert ["(domain=? AND state=?)" in plan for plan in plans] == [True], plans


def test_the_file_of_a_busy_case_has_its_newest_alerts(ledger: Engine) -> None:
    """Two hundred of them, the oldest first, and how many there are of how many subjects."""
    with writing(ledger) as session:
        session.execute(insert(Case), [case_row("c-1")])
        alerts = [
            {"alert_id": f"a-{number:03}", "domain": DOMAIN, "kind": "decision", "subject": f"s-{number % 100}",
             "entity": "somebody", "raised_at": NOW + timedelta(seconds=number // 2), "expected_loss": Decimal(1),
             "case_id": "c-1"}
            for number in range(230)
        ]  # fmt: skip
        session.execute(insert(Alert), alerts)
    with reading(ledger) as session:
        file = case_file(session, "c-1")
    assert [alert.alert_id for alert in file.alerts] == [f"a-{number:03}" for number in range(30, 230)]
    assert (file.alert_count, file.subject_count) == (230, 100)


@pytest.fixture
def desks(ledger: Engine) -> Engine:
    """Cases of two domains in every state; some are somebody's."""
    away = {"snoozed_until": NOW + timedelta(hours=1), "state": "snoozed"}
    taken = {"assignee": "ana", "claimed_at": NOW, "state": "claimed"}
    rows = [
        case_row("open", entity="a", sla_due_at=NOW - timedelta(hours=1)),
        case_row("away", entity="b", **away),
        case_row("taken", entity="c", **taken, sla_due_at=NOW + timedelta(hours=2)),
        case_row("elsewhere", entity="d", domain="another", **taken),
        case_row("up", entity="e", state="escalated"),
        case_row("closed", entity="f", state="closed", closed_at=NOW, assignee="ana", claimed_at=NOW),
    ]
    with writing(ledger) as session:
        session.execute(insert(Case), rows)
    return ledger


@pytest.mark.parametrize(
    ("state", "names"),
    [(None, {"open", "taken", "up"}), ("snoozed", {"away"}), ("claimed", {"taken"}), ("escalated", {"up"})],
)
def test_the_queue_of_a_state(desks: Engine, state: Any, names: set[str]) -> None:
    """What is put away is shown where it is asked for."""
    with reading(desks) as session:
        found = walk(lambda cursor: case_queue(session, DOMAIN, at=NOW, state=state, cursor=cursor, limit=2))
    assert {case.case_id for case in found} == names


def test_a_desk_has_the_cases_of_every_domain(desks: Engine) -> None:
    """The nearest deadline first, closed ones not; and a domain's work is counted with what is put away."""
    with reading(desks) as session:
        found = walk(lambda cursor: cases_of(session, "ana", cursor=cursor, limit=1))
        assert [case.case_id for case in found] == ["elsewhere", "taken"]
        assert workload(session, DOMAIN, at=NOW) == Workload(open_cases=4, overdue=1, at_stake=Decimal(40))
        assert workload(session, "nobody's", at=NOW) == Workload(open_cases=0, overdue=0, at_stake=Decimal(0))


def test_the_audit_log_goes_back(ledger: Engine, tmp_path: Path) -> None:
    """The newest first, all of it or what was done to one object."""
    trail = AuditTrail(b"k" * 32, tmp_path / "anchor.json")
    with writing(ledger) as session:
        for number in range(5):
            desk = Desk(session, trail, f"a{number}", NOW)
            desk.audit("did", Case(), f"c{number % 2}", before=None, after=None)
    with reading(ledger) as session:
        every = walk(lambda cursor: audit_log(session, cursor=cursor, limit=2))
        assert [event.actor for event in every] == ["a4", "a3", "a2", "a1", "a0"]
        one = walk(lambda cursor: audit_log(session, object_kind="cases", object_id="c1", cursor=cursor, limit=1))
        assert [event.actor for event in one] == ["a3", "a1"]
