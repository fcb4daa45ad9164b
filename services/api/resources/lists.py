"""Lists of entities that rules ask: which are kept, who is on them, and how members come and go."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field, JsonValue
from sqlalchemy.orm import Session

from riskloom.ledger.desk import Desk
from riskloom.ledger.schema import ListKind
from riskloom.lifecycle import lists
from riskloom.lifecycle.members import find_members, member_of, open_lists
from riskloom.rules import load_lists
from services.api.calls import Answer, Call
from services.api.shown import Asked, Key, Listing, Moment, Nothing, PageFilter, Reason, Shown, Text

_MEMBER: dict[str, JsonValue] = {"value": "t-000007", "reason": "a skimmer was found"}


class ListRow(Shown):
    """A list that somebody answers for."""

    name: str
    kind: ListKind
    owner: str
    reason: str
    created_at: datetime


class Lists(Listing[ListRow]):
    """The lists that somebody has opened, by name."""


class MemberRow(Shown):
    """A value on a list."""

    value: str
    reason: str
    added_by: str
    added_at: datetime
    expires_at: datetime | None = Field(description="No longer part of its time; null where it stays.")
    removed_at: datetime | None


class Members(Listing[MemberRow]):
    """Who is on a list now, by value."""


class NewList(Asked):
    """A list that the domain declares."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "blocked_terminals", "kind": "block", "owner": "fraud-team", "reason": "incident 7"}]
        }
    )
    name: Key
    kind: ListKind
    owner: Text
    reason: Reason


class NewMember(Asked):
    """A value that is put on a list; of one that identifies a person only its keyed pseudonym is kept."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_MEMBER, "expires_at": "2026-04-01T00:00:00Z"}]})
    value: Key
    reason: Reason
    expires_at: Moment | None = Field(default=None, description="Null where somebody has to remove it.")


class Expiry(Asked):
    """When a member's time is over."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_MEMBER, "expires_at": "2026-04-01T00:00:00Z"}]})
    value: Key
    expires_at: Moment
    reason: Reason


class Removal(Asked):
    """A member that is taken off."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_MEMBER}]})
    value: Key
    reason: Reason


def index(session: Session, call: Call, _: Nothing) -> Answer:
    """All lists of the domain."""
    items = tuple(map(ListRow.model_validate, open_lists(session, call.domain.name)))
    return Answer(Lists(items=items, next=None))


def members(session: Session, call: Call, asked: PageFilter) -> Answer:
    """Who is on one."""
    page = find_members(session, call.domain.name, call.path("list_name"), at=call.at, **dict(asked))
    return call.listing(Members, page, MemberRow.model_validate)


def open_(desk: Desk, call: Call, asked: NewList) -> Answer:
    """Begin to keep one."""
    opened = lists.open_list(desk, call.domain.name, **dict(asked), declared=load_lists(call.domain))
    return Answer(ListRow.model_validate(opened), status=201, location=call.address("lists", asked.name, "members"))


def add(desk: Desk, call: Call, asked: NewMember) -> Answer:
    """Put a value on one."""
    entry = lists.add_member(desk, *_named(call), entry_id=call.api.new_id(), **_concealed(call, asked))
    return Answer(MemberRow.model_validate(entry), status=201)


def expire(desk: Desk, call: Call, asked: Expiry) -> Answer:
    """Say anew when a member's time is over."""
    entry = lists.expire_member(desk, *_named(call), **_concealed(call, asked))
    return Answer(MemberRow.model_validate(entry))


def remove(desk: Desk, call: Call, asked: Removal) -> Answer:
    """Take a member off."""
    entry = lists.remove_member(desk, *_named(call), **_concealed(call, asked))
    return Answer(MemberRow.model_validate(entry))


def _named(call: Call) -> tuple[str, str]:
    return call.domain.name, call.path("list_name")


def _concealed(call: Call, asked: NewMember | Expiry | Removal) -> dict[str, Any]:
    """What was asked for, with the value as the list keeps it."""
    key = call.api.controls.pseudonym_key
    return {**dict(asked), "value": member_of(call.domain, call.path("list_name"), asked.value, pseudonym_key=key)}
