"""
Who is on a list now, a page at a time: a list may have more members than anybody reads at once; and what a list keeps
of what somebody types.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from riskloom.catalog import Domain
from riskloom.errors import NotInLedgerError
from riskloom.ledger.paging import Order, Page, page
from riskloom.ledger.schema import EntityList, ListEntry
from riskloom.pseudonyms import Pseudonyms
from riskloom.rules import declared_lists

_BY_VALUE = Order((ListEntry.value,))


def member_of(domain: Domain, name: str, text: str, *, pseudonym_key: bytes) -> str:
    """
    What a list keeps of a text: its pseudonym, where the members identify somebody, so that it meets the events'.

    Args:
        domain: Whose list.
        name: Which list; one that the domain declares no longer keeps a text as it is.
        text: The member, or the pseudonym of one.
        pseudonym_key: See ``ensure_pseudonym_key``.
    """
    column = concealed_column(domain, name)
    return text if column is None else Pseudonyms(domain.event_table, pseudonym_key).of(column, text)


def concealed_column(domain: Domain, name: str) -> str | None:
    """The column of the event table whose pseudonyms a list's members are; None where they identify nobody."""
    declared = declared_lists(domain).get(name)
    return declared.of if declared is not None and declared.of in domain.event_table.pseudonyms else None


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
