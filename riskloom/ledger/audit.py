"""
Who did what, in a chain that nobody can change unseen who has not the key.

Each event carries the keyed hash (HMAC-SHA-256, RFC 2104) of its number, the hash before it and its content, after
Schneier and Kelsey, "Secure audit logs to support computer forensics" (1999), section 3, with one key instead of an
evolving one. An event that was changed, removed, moved or slipped in breaks the chain. A chain that was cut at its end
is still a chain: so the end is also kept in a signed file beside the database, the anchor.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import event, insert, select
from sqlalchemy.orm import Session

from riskloom.errors import LedgerError
from riskloom.keyfile import ensure_key
from riskloom.ledger.anchor import Anchor, advance_anchor, read_anchor
from riskloom.ledger.canonical import canonical_json, digest
from riskloom.ledger.conflicts import insert_or_ignore
from riskloom.ledger.schema import AuditEvent, AuditHead

KEY_FILE = "audit.key"
#: What the first event follows.
GENESIS = "0" * 64
_PURPOSE = b"riskloom audit event v1\n"
_PENDING = "riskloom_audit_anchor"
_log = logging.getLogger(__name__)


def ensure_audit_key(keys: Path) -> bytes:
    """Read the key of the chain, or make one on first use; raises ConfigError where it cannot be trusted."""
    return ensure_key(keys / KEY_FILE, purpose="the audit chain")


class AuditTrail:
    """
    The chain's writing end.

    Args:
        key: Of the chain.
        anchor: The file in which its end is kept besides.
    """

    def __init__(self, key: bytes, anchor: Path) -> None:
        self._key = key
        self._anchor = anchor

    def append(
        self,
        session: Session,
        *,
        at: datetime,
        actor: str,
        action: str,
        object_kind: str,
        object_id: str,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any] | None,
    ) -> None:
        """
        Add an event to the transaction, in which it is the last in the chain; writers wait for each other here.

        The anchor follows once the transaction is committed. It stays where it is when the chain does not contain it:
        then something was cut off, and an anchor that went on would hide it.

        Args:
            session: Of a writing transaction.
            at: When it was done, timezone-aware.
            actor: Who did it.
            action: What was done.
            object_kind: To what kind of thing.
            object_id: To which.
            before: The object before, None where there was none; only its digest is kept.
            after: The object after.
        """
        insert_or_ignore(session, AuditHead, [{"head_id": 1, "sequence": 0, "hash": GENESIS}])
        head = session.scalars(select(AuditHead).with_for_update().execution_options(populate_existing=True)).one()
        content: dict[str, Any] = {
            "sequence": head.sequence + 1,
            "at": at,
            "actor": actor,
            "action": action,
            "object_kind": object_kind,
            "object_id": object_id,
            "before_digest": digest(before),
            "after_digest": digest(after),
            "previous_hash": head.hash,
        }
        is_whole = self._contains_anchor(session, head)
        content["hash"] = event_hash(self._key, content)
        session.execute(insert(AuditEvent), [content])
        head.sequence, head.hash = content["sequence"], content["hash"]
        session.flush()
        if is_whole:
            self._anchor_after_commit(session, Anchor(head.sequence, head.hash))
        else:
            _log.error("the audit chain does not contain its anchor, which stays; run `riskloom audit verify`")

    def _contains_anchor(self, session: Session, head: AuditHead) -> bool:
        if _PENDING in session.info:
            return True  # seen before the first event of this transaction
        try:
            anchor = read_anchor(self._anchor, self._key)
        except LedgerError:
            return False
        return head.sequence == 0 if anchor is None else anchor.hash == hash_at(session, anchor.sequence)

    def _anchor_after_commit(self, session: Session, anchor: Anchor) -> None:
        if _PENDING not in session.info:

            def write(committed: Session) -> None:
                advance_anchor(self._anchor, self._key, committed.info.pop(_PENDING))

            event.listen(session, "after_commit", write, once=True)
        session.info[_PENDING] = anchor


def event_hash(key: bytes, content: Mapping[str, Any]) -> str:
    """The keyed hash of an event's columns without its own."""
    signed = {name: value for name, value in content.items() if name != "hash"}
    return hmac.new(key, _PURPOSE + canonical_json(signed), "sha256").hexdigest()


def hash_at(session: Session, sequence: int) -> str | None:
    """The hash of the event with that number; None where there is none."""
    return session.scalars(select(AuditEvent.hash).where(AuditEvent.sequence == sequence)).one_or_none()


def end_of_chain(session: Session) -> Anchor | None:
    """The last event there is, as an anchor; None where there is none."""
    statement = select(AuditEvent.sequence, AuditEvent.hash).order_by(AuditEvent.sequence.desc()).limit(1)
    found = session.execute(statement).tuples().one_or_none()
    return None if found is None else Anchor(*found)
