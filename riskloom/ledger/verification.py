"""Whether the audit chain is as it was written."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from riskloom.errors import LedgerError
from riskloom.ledger.anchor import Anchor, read_anchor
from riskloom.ledger.audit import GENESIS, event_hash, hash_at
from riskloom.ledger.schema import AuditEvent, AuditHead

_COLUMNS = tuple(AuditEvent.__table__.columns.keys())
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Verification:
    """
    What a walk along the chain found.

    Attributes:
        events: How many there are.
        unanchored: How many of them, the last, the anchor does not reach: that these were cut off could not be seen.
        findings: What is wrong, in words; empty is what it should be.
    """

    events: int
    unanchored: int
    findings: tuple[str, ...]


def verify_audit(session: Session, key: bytes, anchor: Path) -> Verification:
    """
    Walk along the whole chain, then compare its end with the database's note of it and with the anchor.

    Found are: an event that was changed, removed, moved or added; a chain that was cut before the anchor; an anchor
    that was changed or is missing. Not found are: events that were cut off behind the anchor, which are those of a
    process that ended between its commit and its anchor; the whole state, database and anchor, put back from an older
    copy; and anything done by who has the key.

    Args:
        session: Of one state of the database.
        key: Of the chain.
        anchor: The anchor's file.
    """
    chain = _Chain(key)
    findings = list(chain.walk(session))
    head = session.scalars(select(AuditHead)).one_or_none()
    noted = (head.sequence, head.hash) if head else (0, GENESIS)
    if noted != (chain.sequence, chain.hash):
        findings.append(
            f"the end of the chain: expected event {noted[0]}, found event {chain.sequence} or another hash"
        )
    try:
        end = read_anchor(anchor, key)
    except LedgerError as error:
        return Verification(chain.events, chain.events, (*findings, str(error)))
    findings += _compare(chain, session, end, anchor)
    reached = end.sequence if end else 0
    return Verification(chain.events, max(chain.sequence - reached, 0), tuple(findings))


class _Chain:
    """Where a walk along the chain is."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.events = 0
        self.sequence = 0
        self.hash = GENESIS

    def walk(self, session: Session) -> Iterator[str]:
        """Yield what is wrong, event by event."""
        statement = select(*AuditEvent.__table__.columns).order_by(AuditEvent.sequence)
        for row in session.execute(statement, execution_options={"yield_per": _AT_ONCE}):
            content = dict(zip(_COLUMNS, row, strict=True))
            self.events += 1
            expected = self.sequence + 1
            if content["sequence"] != expected:
                yield f"event {expected}: missing; the next there is, is {content['sequence']}"
            elif content["previous_hash"] != self.hash:
                yield f"event {expected}: does not follow the event before it"
            if not hmac.compare_digest(event_hash(self._key, content).encode(), str(content["hash"]).encode()):
                yield f"event {content['sequence']}: its hash does not fit its content: it was changed, moved or added"
            self.sequence, self.hash = content["sequence"], content["hash"]


def _compare(chain: _Chain, session: Session, anchor: Anchor | None, path: Path) -> Iterator[str]:
    if anchor is None:
        if chain.events:
            yield f"{path}: missing, so that it cannot be seen whether the chain was cut"
        return
    found = hash_at(session, anchor.sequence)
    if found is None:
        yield f"the chain ends at event {chain.sequence}, the anchor is event {anchor.sequence}: it was cut"
    elif found != anchor.hash:
        yield f"event {anchor.sequence}: expected the hash of the anchor, found another"
