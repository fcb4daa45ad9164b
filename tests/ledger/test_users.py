"""Users and their sessions, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import Engine, select

from riskloom.errors import LedgerError, NotInLedgerError
from riskloom.ledger.audit import AuditTrail
from riskloom.ledger.database import reading, writing
from riskloom.ledger.desk import Desk
from riskloom.ledger.schema import AuditEvent, User
from riskloom.ledger.sessions import (
    IDLE,
    LASTING,
    MOST_BY_NAME,
    SEEN_EVERY,
    WINDOW,
    SignedIn,
    begin_attempt,
    close_session,
    find_session,
    mark_seen,
    open_session,
)
from riskloom.ledger.users import add_user, all_users, disable_user, set_role
from tests.ledger.examples import NOW


@pytest.fixture
def trail(tmp_path: Path) -> AuditTrail:
    """Where steps are audited."""
    return AuditTrail(b"k" * 32, tmp_path / "anchor.json")


@pytest.fixture
def with_mila(ledger: Engine, trail: AuditTrail) -> Engine:
    """A ledger with one user, who is logged in."""
    with writing(ledger) as session:
        desk = Desk(session, trail, "test", NOW)
        open_session(desk, add_user(desk, "mila", role="analyst", password="kept"), "token")
    return ledger


def test_a_session_is_found_until_it_ends(with_mila: Engine) -> None:
    """By its token alone; it ends idle, at its end, or when it is closed."""
    with reading(with_mila) as session:
        assert find_session(session, "token", at=NOW) == SignedIn("mila", "analyst")
        assert find_session(session, "another", at=NOW) is None
        later = find_session(session, "token", at=NOW + SEEN_EVERY)
        assert later is not None
        assert later.is_seen_long_ago
        assert find_session(session, "token", at=NOW + IDLE) is None
    with writing(with_mila) as session:
        mark_seen(session, "token", at=NOW + LASTING)
        mark_seen(session, "another", at=NOW)
    with reading(with_mila) as session:
        assert find_session(session, "token", at=NOW + LASTING - SEEN_EVERY) is not None
        assert find_session(session, "token", at=NOW + LASTING) is None
    with writing(with_mila) as session:
        close_session(session, "token")
        assert find_session(session, "token", at=NOW) is None


def test_attempts_are_counted_in_a_window(ledger: Engine) -> None:
    """Those that are refused do not make it longer, and old ones are forgotten."""
    with writing(ledger) as session:
        for number in range(MOST_BY_NAME):
            at = NOW + timedelta(seconds=number)
            assert begin_attempt(session, "mila", "here", attempt_id=f"a{number}", at=at) is None
        late = NOW + timedelta(minutes=5)
        assert begin_attempt(session, "mila", "there", attempt_id="b", at=late) == NOW + WINDOW
        assert begin_attempt(session, "mila", "there", attempt_id="c", at=NOW + WINDOW) == NOW + WINDOW
        after = NOW + WINDOW + timedelta(milliseconds=1)
        assert begin_attempt(session, "mila", "there", attempt_id="d", at=after) is None


def test_names_are_taken_once(with_mila: Engine, trail: AuditTrail) -> None:
    """Also those of users who are shut out: the name stands in what they did."""
    with writing(with_mila) as session:
        desk = Desk(session, trail, "test", NOW)
        disable_user(desk, "mila")
        with pytest.raises(LedgerError, match="found a user of this name"):
            add_user(desk, "mila", role="lead", password="other")
    with reading(with_mila) as session:
        assert [user.name for user in all_users(session)] == ["mila"]
        assert session.get_one(User, "mila").role == "analyst"
        assert find_session(session, "token", at=NOW) is None


def test_a_role_is_changed(with_mila: Engine, trail: AuditTrail) -> None:
    """The user logs in again to have it, and the chain says who had which before; the same role is no change."""
    with writing(with_mila) as session:
        desk = Desk(session, trail, "test", NOW)
        assert set_role(desk, "mila", "lead").role == "lead"
        with pytest.raises(LedgerError, match="expected another role than lead"):
            set_role(desk, "mila", "lead")
        with pytest.raises(NotInLedgerError):
            set_role(desk, "nobody", "lead")
    with reading(with_mila) as session:
        assert find_session(session, "token", at=NOW) is None
        assert session.scalars(select(AuditEvent.action)).all()[-1] == "user.role_changed"


def test_somebody_leads(with_mila: Engine, trail: AuditTrail) -> None:
    """The last lead who may log in stays one, unless it is forced; one who is shut out leads nobody."""
    with writing(with_mila) as session:
        desk = Desk(session, trail, "test", NOW)
        set_role(desk, "mila", "lead")
        add_user(desk, "tom", role="lead", password="kept")
        disable_user(desk, "tom")
        with pytest.raises(LedgerError, match="expected another lead"):
            set_role(desk, "mila", "analyst")
        set_role(desk, "tom", "engineer")
        add_user(desk, "ada", role="lead", password="kept")
        assert set_role(desk, "mila", "analyst").role == "analyst"
        assert set_role(desk, "ada", "engineer", is_forced=True).role == "engineer"


def test_two_leads_who_stop_at_the_same_moment(with_mila: Engine, trail: AuditTrail) -> None:
    """The second of them is told that nobody else would be left."""
    with writing(with_mila) as session:
        desk = Desk(session, trail, "test", NOW)
        set_role(desk, "mila", "lead")
        add_user(desk, "tom", role="lead", password="kept")
    barrier = Barrier(2)

    def stop(name: str) -> bool:
        barrier.wait()
        try:
            with writing(with_mila) as session:
                set_role(Desk(session, trail, name, NOW), name, "analyst")
        except LedgerError:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(stop, ("mila", "tom"))) == [False, True]
