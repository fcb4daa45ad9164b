"""Who is logged in: sessions that end by themselves, and a throttle on guessing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from riskloom.ledger.desk import Desk, columns_of
from riskloom.ledger.schema import LogInAttempt, Role, User, UserSession

#: However busy somebody is, after this long they log in again.
LASTING = timedelta(hours=12)
#: Without a request for this long, a session has ended.
IDLE = timedelta(hours=1)
#: Seen is written down this often at most: a page that is read should not cost a write.
SEEN_EVERY = timedelta(minutes=1)
#: Attempts without success are counted over this time.
WINDOW = timedelta(minutes=15)
#: So many of them for one name, and from one address, are let through.
MOST_BY_NAME, MOST_BY_ADDRESS = 5, 30


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody who is logged in."""

    name: str
    role: Role
    is_seen_long_ago: bool = False


def begin_attempt(session: Session, name: str, address: str, *, attempt_id: str, at: datetime) -> datetime | None:
    """
    Count an attempt to log in, before the password is looked at: guesses side by side are counted as well.

    Args:
        session: Of a writing transaction.
        name: As it was typed; whether there is such a user makes no difference.
        address: Where it comes from.
        attempt_id: A name of its own.
        at: The time, timezone-aware.

    Returns:
        None where the attempt may go on; otherwise from when on another may be made.
    """
    since = at - WINDOW
    session.execute(delete(LogInAttempt).where(LogInAttempt.at < since))
    for column, value, most in (
        (LogInAttempt.user_name, name, MOST_BY_NAME),
        (LogInAttempt.address, address, MOST_BY_ADDRESS),
    ):
        count, oldest = _attempts(session, column, value)
        if count >= most and oldest is not None:
            return oldest + WINDOW
    session.add(LogInAttempt(attempt_id=attempt_id, user_name=name, address=address, at=at))
    return None


def open_session(desk: Desk, user: User, token: str) -> None:
    """
    Log somebody in whose password was right; attempts under that name count no more.

    Args:
        desk: The user's own.
        user: Who.
        token: 256 random bits as text, which the browser keeps; only its digest is kept here.
    """
    desk.session.execute(delete(LogInAttempt).where(LogInAttempt.user_name == user.name))
    desk.session.execute(delete(UserSession).where(UserSession.expires_at <= desk.at))
    opened = UserSession(
        token_digest=token_digest(token),
        user_name=user.name,
        opened_at=desk.at,
        expires_at=desk.at + LASTING,
        seen_at=desk.at,
    )
    desk.session.add(opened)
    desk.session.flush()
    desk.audit("user.logged_in", user, user.name, before=None, after=columns_of(opened))


def find_session(session: Session, token: str, *, at: datetime) -> SignedIn | None:
    """Who a token belongs to; None where the session is unknown, over or idle for too long, or the user disabled."""
    statement = (
        select(UserSession.seen_at, User.name, User.role)
        .join(User, User.name == UserSession.user_name)
        .where(
            UserSession.token_digest == token_digest(token),
            UserSession.expires_at > at,
            UserSession.seen_at > at - IDLE,
            User.disabled_at.is_(None),
        )
    )
    found = session.execute(statement).one_or_none()
    return None if found is None else SignedIn(found.name, found.role, at - found.seen_at >= SEEN_EVERY)


def mark_seen(session: Session, token: str, *, at: datetime) -> None:
    """Note that a session is in use."""
    known = session.get(UserSession, token_digest(token))
    if known is not None:
        known.seen_at = at


def close_session(session: Session, token: str) -> None:
    """Log out."""
    session.execute(delete(UserSession).where(UserSession.token_digest == token_digest(token)))


def token_digest(token: str) -> str:
    """What is kept of a token; it is random, so one SHA-256 is enough: there is no dictionary to try."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _attempts(session: Session, column: InstrumentedAttribute[str], value: str) -> tuple[int, datetime | None]:
    statement = select(func.count(), func.min(LogInAttempt.at)).where(column == value)
    return session.execute(statement).tuples().one()
