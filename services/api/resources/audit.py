"""The audit chain: who did what to which object."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from pydantic import model_validator
from sqlalchemy.orm import Session

from riskloom.ledger.queries import audit_log
from services.api.calls import Answer, Call
from services.api.shown import Key, Listing, PageFilter, Shown


class AuditFilter(PageFilter):
    """Events of one object: its kind and its name, or neither."""

    object_kind: Key | None = None
    object_id: Key | None = None

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.object_kind is None) != (self.object_id is None):
            raise ValueError("object_kind and object_id together, or neither")
        return self


class AuditRow(Shown):
    """One event of the chain; digests are of the object's canonical JSON."""

    sequence: int
    at: datetime
    actor: str
    action: str
    object_kind: str
    object_id: str
    before_digest: str | None
    after_digest: str | None
    previous_hash: str
    hash: str


class AuditRows(Listing[AuditRow]):
    """Events, the newest first."""


def index(session: Session, call: Call, asked: AuditFilter) -> Answer:
    """The chain, in all domains."""
    return call.listing(AuditRows, audit_log(session, **dict(asked)), AuditRow.model_validate)
