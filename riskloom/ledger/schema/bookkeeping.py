"""What the ledger keeps about itself: commands done once, the audit chain, how far files were shipped, who does it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from riskloom.ledger.schema.base import Base


class IdempotencyKey(Base):
    """A command that was done under a key of its caller's: the same one again changes nothing."""

    __tablename__ = "idempotency_keys"

    actor: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_digest: Mapped[str]
    answer: Mapped[dict[str, Any]]
    done_at: Mapped[datetime]

    __table_args__ = (Index(None, "done_at"),)


class AuditEvent(Base):
    """
    Who did what to which object, chained to the event before it by a keyed hash.

    ``before_digest`` and ``after_digest`` are SHA-256 of the object's canonical JSON, null where there was or is none.
    """

    __tablename__ = "audit_events"

    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]
    object_kind: Mapped[str]
    object_id: Mapped[str]
    before_digest: Mapped[str | None]
    after_digest: Mapped[str | None]
    previous_hash: Mapped[str]
    hash: Mapped[str]

    __table_args__ = (Index(None, "object_kind", "object_id", "sequence"),)


class AuditHead(Base):
    """The end of the chain, in one row; whoever appends locks it."""

    __tablename__ = "audit_head"

    head_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sequence: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str]

    __table_args__ = (CheckConstraint("head_id = 1", name="one"),)


class OutboxFile(Base):
    """
    How far a file of an outbox is in the database; changed only in the transaction that brings its rows.

    ``source`` names the outbox, so that several machines can ship to one database; ``inode`` tells a file from a later
    one of the same name.
    """

    __tablename__ = "outbox_files"

    source: Mapped[str] = mapped_column(primary_key=True)
    domain: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    inode: Mapped[int] = mapped_column(BigInteger)
    offset: Mapped[int] = mapped_column(BigInteger)
    decisions: Mapped[int] = mapped_column(BigInteger)
    skipped: Mapped[int] = mapped_column(BigInteger)
    shipped_at: Mapped[datetime]


class Lease(Base):
    """Who does a job that one process at a time should do, and until when others leave it alone."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    expires_at: Mapped[datetime]
