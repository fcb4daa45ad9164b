"""Lists of entities: who is on them, since when and until when; changed by commands only, each of them audited."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from riskloom.errors import NotInLedgerError, RefusedStepError
from riskloom.ledger.desk import Desk, added, columns_of
from riskloom.ledger.schema import EntityList, ListEntry, ListKind
from riskloom.rules import Member, MemberList

_LONGEST_VALUE = 600


def open_list(
    desk: Desk, domain: str, name: str, *, kind: ListKind, owner: str, reason: str, declared: Iterable[str]
) -> EntityList:
    """
    Begin to keep a list that the domain declares.

    Args:
        desk: Who opens it.
        domain: Whose it is.
        name: As rules call it.
        kind: What being on it means for people who look at it.
        owner: Who answers for its members.
        reason: What it is for.
        declared: The names that the domain's ``lists.yml`` has.

    Raises:
        RefusedStepError: It is not declared, or it is there.
    """
    if name not in set(declared):
        raise RefusedStepError(
            f"list {name}: expected one that lists.yml of {domain} declares ({', '.join(declared)}), found none of them"
        )
    row = EntityList(domain=domain, name=name, kind=kind, owner=owner, reason=_reason(name, reason), created_at=desk.at)
    if not added(desk.session, row):
        raise RefusedStepError(f"list {name}: expected a list that nobody has opened, found it open")
    desk.audit("list.opened", row, f"{domain}/{name}", before=None, after=columns_of(row))
    return row


def add_member(
    desk: Desk, domain: str, name: str, value: str, *, entry_id: str, reason: str, expires_at: datetime | None
) -> ListEntry:
    """
    Put a value on a list from now on; one whose entry has expired may come again.

    Args:
        desk: Who adds it.
        domain: Whose list it is.
        name: Which list.
        value: The entity; a pseudonym where it identifies a person.
        entry_id: What the entry is called.
        reason: Why.
        expires_at: When it is over; None where somebody has to remove it.

    Raises:
        NotInLedgerError: There is no such list; says how to open it.
        RefusedStepError: The value is on the list, the time is not to come, or something is left out.
    """
    if desk.session.get(EntityList, (domain, name)) is None:
        raise NotInLedgerError("list", f"{domain}/{name}")
    if not 0 < len(value) <= _LONGEST_VALUE:
        raise RefusedStepError(f"list {name}: value: expected 1 to {_LONGEST_VALUE} characters, found {len(value)}")
    _check_to_come(desk, name, expires_at)
    before = _present(desk, domain, name, value)
    if before is not None:
        if before.expires_at is None or before.expires_at > desk.at:
            raise RefusedStepError(
                f"list {name}: expected a value that is not on it, found it there; expire or remove it"
            )
        before.removed_by, before.removed_at = desk.actor, desk.at
        desk.session.flush()
    entry = ListEntry(
        entry_id=entry_id, domain=domain, list_name=name, value=value, reason=_reason(name, reason),
        added_by=desk.actor, added_at=desk.at, expires_at=expires_at,
    )  # fmt: skip
    if not added(desk.session, entry):
        raise RefusedStepError(f"list {name}: somebody else added this value, or named an entry {entry_id}; look again")
    desk.audit("list.member_added", entry, entry_id, before=None, after=columns_of(entry))
    return entry


def expire_member(desk: Desk, domain: str, name: str, value: str, *, expires_at: datetime, reason: str) -> ListEntry:
    """
    Say anew when a member's time is over.

    Raises:
        NotInLedgerError: It is no member.
        RefusedStepError: The time is not to come, or there is no reason.
    """
    _check_to_come(desk, name, expires_at)
    entry = _member(desk, domain, name, value)
    before = columns_of(entry)
    entry.expires_at = expires_at
    return _changed(desk, entry, "list.member_expires", before, reason)


def remove_member(desk: Desk, domain: str, name: str, value: str, *, reason: str) -> ListEntry:
    """
    Take a member off a list, from now on.

    Raises:
        NotInLedgerError: It is no member.
        RefusedStepError: There is no reason.
    """
    entry = _member(desk, domain, name, value)
    before = columns_of(entry)
    entry.removed_by, entry.removed_at = desk.actor, desk.at
    return _changed(desk, entry, "list.member_removed", before, reason)


def list_members(session: Session, domain: str, name: str, *, at: datetime) -> Sequence[ListEntry]:
    """Who is on a list at a time, in the order of coming."""
    entries = _entries(session, domain, name)
    return [entry for entry in entries if entry.added_at <= at and (end_of(entry) is None or at < end_of(entry))]  # type: ignore[operator]


def get_list(session: Session, domain: str, name: str) -> EntityList | None:
    """A list that somebody has opened; None where nobody has."""
    return session.get(EntityList, (domain, name))


def entries_of(session: Session, domain: str, name: str, *, value: str | None = None, limit: int) -> list[ListEntry]:
    """
    Everything that was ever put on a list, the newest first.

    Args:
        session: Of a reading transaction.
        domain: Whose list.
        name: Which list.
        value: Only entries of this value.
        limit: Most entries.
    """
    statement = select(ListEntry).where(ListEntry.domain == domain, ListEntry.list_name == name)
    if value is not None:
        statement = statement.where(ListEntry.value == value)
    newest = statement.order_by(ListEntry.added_at.desc(), ListEntry.entry_id.desc())
    return list(session.scalars(newest.limit(limit)))


def count_members(session: Session, domain: str, *, at: datetime) -> dict[str, int]:
    """How many members each open list of a domain has at a time."""
    counted = (
        select(ListEntry.list_name, func.count())
        .where(
            ListEntry.domain == domain,
            ListEntry.removed_at.is_(None),
            or_(ListEntry.expires_at.is_(None), ListEntry.expires_at > at),
        )
        .group_by(ListEntry.list_name)
    )
    names = session.scalars(select(EntityList.name).where(EntityList.domain == domain))
    return {**dict.fromkeys(names, 0), **dict(session.execute(counted).tuples().all())}


def lists_ever(session: Session, domain: str) -> dict[str, MemberList]:
    """A domain's lists with everybody who ever was on them, for a history: each counts from and until its times."""
    by_list: dict[str, list[Member]] = {}
    for entry in _entries(session, domain):
        by_list.setdefault(entry.list_name, []).append(Member(entry.value, entry.added_at, end_of(entry)))
    return {name: MemberList(members) for name, members in by_list.items()}


def entries_from(session: Session, domain: str, at: datetime) -> dict[str, list[ListEntry]]:
    """The entries of each open list of a domain that count at a time or later."""
    names = session.scalars(select(EntityList.name).where(EntityList.domain == domain).order_by(EntityList.name))
    is_to_come = or_(ListEntry.expires_at.is_(None), ListEntry.expires_at > at)
    statement = select(ListEntry).where(ListEntry.domain == domain, ListEntry.removed_at.is_(None), is_to_come)
    by_list: dict[str, list[ListEntry]] = {name: [] for name in names}
    for entry in session.scalars(statement.order_by(ListEntry.list_name, ListEntry.value)):
        by_list[entry.list_name].append(entry)
    return by_list


def end_of(entry: ListEntry) -> datetime | None:
    """When an entry ends or ended; None where it stays."""
    return min((end for end in (entry.expires_at, entry.removed_at) if end is not None), default=None)


def _entries(session: Session, domain: str, name: str | None = None) -> Sequence[ListEntry]:
    statement = select(ListEntry).where(ListEntry.domain == domain).order_by(ListEntry.added_at, ListEntry.entry_id)
    return session.scalars(statement if name is None else statement.where(ListEntry.list_name == name)).all()


def _present(desk: Desk, domain: str, name: str, value: str) -> ListEntry | None:
    """The entry of a value that was not removed; it may have expired."""
    statement = select(ListEntry).where(
        ListEntry.domain == domain,
        ListEntry.list_name == name,
        ListEntry.value == value,
        ListEntry.removed_at.is_(None),
    )
    return desk.session.scalars(statement.with_for_update()).one_or_none()


def _member(desk: Desk, domain: str, name: str, value: str) -> ListEntry:
    entry = _present(desk, domain, name, value)
    if entry is None or (entry.expires_at is not None and entry.expires_at <= desk.at):
        raise NotInLedgerError(f"member of {domain}/{name}", value)
    return entry


def _changed(desk: Desk, entry: ListEntry, action: str, before: dict[str, object], reason: str) -> ListEntry:
    why = _reason(entry.list_name, reason)
    desk.session.flush()
    desk.audit(action, entry, entry.entry_id, before=before, after={**columns_of(entry), "reason_of_change": why})
    return entry


def _check_to_come(desk: Desk, name: str, expires_at: datetime | None) -> None:
    if expires_at is not None and expires_at <= desk.at:
        raise RefusedStepError(f"list {name}: expires_at: expected a time to come, found {expires_at.isoformat()}")


def _reason(name: str, reason: str) -> str:
    if not reason.strip():
        raise RefusedStepError(f"list {name}: reason: expected why, found nothing")
    return reason
