"""Who is on a list now, a page at a time: a list may have more members than anybody reads at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from riskloom.errors import NotInLedgerError
from riskloom.ledger.paging import Order, Page, page
from riskloom.ledger.schema import EntityList, ListEntry

_BY_VALUE = Order((ListEntry.value,))


def open_lists(session: Session, domain: str) -> Sequence[EntityList]:
    """The lists of a domain that somebody has opened, by name."""
    return session.scalars(select(EntityList).where(EntityList.domain == domain).order_by(EntityList.name)).all()


def find_members(
    session: Session, domain: str, name: str, *, at: datetime, cursor: str | None = None, limit: int = 50
) -> Page[ListEntry]:
    """
    Who is on a list, by value, along the index of those who were not removed.

    Args:
        session: Of a reading transaction.
        domain: Whose list it is.
        name: Which list.
        at: The present time, timezone-aware.
        cursor: Of the page before.
        limit: Most rows.

    Raises:
        NotInLedgerError: Nobody has opened such a list.
    """
    if session.get(EntityList, (domain, name)) is None:
        raise NotInLedgerError("list", f"{domain}/{name}")
    statement = select(ListEntry, ListEntry.value).where(
        ListEntry.domain == domain,
        ListEntry.list_name == name,
        ListEntry.removed_at.is_(None),
        or_(ListEntry.expires_at.is_(None), ListEntry.expires_at > at),
    )
    return page(session, statement, _BY_VALUE, cursor=cursor, limit=limit, make=itemgetter(0))
