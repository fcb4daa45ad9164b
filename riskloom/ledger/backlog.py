"""What waits in an outbox: how many decisions are not in the database yet, and since when."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.orm import Session

from riskloom.ledger.schema import OutboxFile
from riskloom.ledger.shipping import outbox_files

_CHUNK = 1_000_000  # bytes


@dataclass(frozen=True, slots=True)
class Backlog:
    """
    What of a domain's outbox is not shipped.

    Attributes:
        domain: Whose outbox.
        lines: Whole lines that wait.
        oldest_at: When the oldest of them was decided, UTC; None where nothing waits.
    """

    domain: str
    lines: int = 0
    oldest_at: datetime | None = None

    def seconds(self, now: datetime) -> float:
        """For how long the oldest has waited."""
        return 0.0 if self.oldest_at is None else max((now - self.oldest_at).total_seconds(), 0.0)


def measure_backlog(session: Session, outbox: Path, *, source: str) -> list[Backlog]:
    """
    What waits, by domain; a line that is being written does not count.

    Args:
        session: Of a reading transaction.
        outbox: The outbox's folder.
        source: Its name in the ledger.
    """
    found: dict[str, Backlog] = {}
    for domain, path in outbox_files(outbox):
        known = found.get(domain, Backlog(domain))
        added = _waiting(session, path, domain, source)
        times = [at for at in (known.oldest_at, added.oldest_at) if at is not None]
        found[domain] = Backlog(domain, known.lines + added.lines, min(times, default=None))
    return list(found.values())


def _waiting(session: Session, path: Path, domain: str, source: str) -> Backlog:
    remembered = session.get(OutboxFile, (source, domain, path.name))
    try:
        status = path.stat()
        is_same = remembered is not None and remembered.inode == status.st_ino and remembered.offset <= status.st_size
        start = remembered.offset if remembered is not None and is_same else 0
        lines = sum(chunk.count(b"\n") for chunk in _chunks(path, start)) if status.st_size > start else 0
        return Backlog(domain, lines, _oldest(path, start, status.st_mtime) if lines else None)
    except FileNotFoundError:  # a shipper found it old and shipped
        return Backlog(domain)


def _chunks(path: Path, start: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while chunk := file.read(_CHUNK):
            yield chunk


def _oldest(path: Path, start: int, written_at: float) -> datetime:
    """When the first line that waits was decided; where it is no decision, when the file was written last."""
    with path.open("rb") as file:
        file.seek(start)
        try:
            return datetime.fromisoformat(json.loads(file.readline(_CHUNK))["decided_at"]).astimezone(UTC)
        except (ValueError, KeyError, TypeError):
            return datetime.fromtimestamp(written_at, UTC)
