"""
Bring what the outbox holds into the database: nothing is lost, nothing comes twice.

The rows of a batch and the place in the file behind them are one transaction, so the end of the process at any point,
of the machine as well, leaves both or neither. Several shippers take turns by a lease; should two work at once all the
same, the second finds the file further than it thought and keeps nothing.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from riskloom.errors import LedgerError
from riskloom.ledger.cargo import Cargo
from riskloom.ledger.conflicts import insert_or_ignore
from riskloom.ledger.database import reading, writing
from riskloom.ledger.leases import hold, release
from riskloom.ledger.outbox import SUFFIX
from riskloom.ledger.records import Row
from riskloom.ledger.schema import OutboxFile

BATCH = 1000
LEASE = timedelta(seconds=30)
_CHUNK = 4_000_000  # bytes; a line that does not end within them is no decision
_UNKNOWN = (0, 0)  # inode and offset of a file that was never shipped
_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})-\d+" + re.escape(SUFFIX))
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A line that is not a whole decision: its file, where in it, how many bytes it has and what is wrong."""

    file: Path
    offset: int
    size: int
    reason: str


@dataclass(frozen=True, slots=True)
class Shipped:
    """
    What one round did.

    Attributes:
        decisions: How many came into the database.
        skipped: Lines that were reported and passed over.
        is_ours: False where another shipper was at work, and nothing was done here.
    """

    decisions: int = 0
    skipped: int = 0
    is_ours: bool = True


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in a file of the outbox to go on, and what the database knew of the file: its inode and offset."""

    domain: str
    path: Path
    inode: int
    offset: int
    known: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Batch:
    """Lines that were read from a place on: rows by decision, what was skipped, and where the next line begins."""

    rows: Mapping[str, Row]
    skipped: Sequence[Skipped]
    end: int


def log_skipped(skipped: Skipped) -> None:
    """Warn of a line, without its content."""
    _log.warning("%s: at byte %d: %s (%d bytes)", skipped.file.name, skipped.offset, skipped.reason, skipped.size)


def lease_of(source: str) -> str:
    """The lease by which shippers of one outbox take turns."""
    return f"ship {source}"


class Shipper:
    """
    Ship one outbox.

    Args:
        engine: The ledger.
        outbox: The outbox's folder.
        source: Names the outbox among those that are shipped to this ledger: the machine, for instance.
        holder: Names this process among the shippers.
        clock: The time, timezone-aware.
        cargo: What its lines are, and how they are kept.
        batch: Lines in one transaction.
        on_skipped: Told each line that is no whole one, once it is passed over for good.
    """

    def __init__(
        self,
        engine: Engine,
        outbox: Path,
        *,
        source: str,
        holder: str,
        clock: Callable[[], datetime],
        cargo: Cargo,
        batch: int = BATCH,
        on_skipped: Callable[[Skipped], None] = log_skipped,
    ) -> None:
        self._engine = engine
        self._outbox = outbox
        self._source = source
        self._holder = holder
        self._clock = clock
        self._cargo = cargo
        self._batch = batch
        self._on_skipped = on_skipped

    def ship(self, *, is_over: Callable[[], bool] = lambda: False) -> Shipped:
        """
        Ship every whole line there is; a line that is being written waits for the next round.

        Args:
            is_over: Asked after each batch whether to leave the rest for another time.
        """
        decisions = skipped = 0
        for domain, path in outbox_files(self._outbox):
            while not is_over() and (batch := self._next(domain, path)):
                place, lines = batch
                kept = self._keep(place, lines)
                if kept is None:
                    return Shipped(decisions, skipped, is_ours=False)
                decisions, skipped = decisions + kept, skipped + len(lines.skipped)
        return Shipped(decisions, skipped)

    def hold(self) -> None:
        """Stay the one who ships also while nothing comes, unless another one is."""
        with writing(self._engine) as session:
            hold(session, self._lease, self._holder, at=self._clock(), lasting=LEASE)

    def give_back(self) -> None:
        """Let the next shipper begin at once: nobody else waits for the end of the lease."""
        with writing(self._engine) as session:
            release(session, self._lease, self._holder)

    def remove(self, *, older_than: timedelta) -> list[Path]:
        """
        Remove files that are shipped to their end and whose day ended longer ago than ``older_than``.

        A last line without an end is reported: whoever wrote it is gone, and it was never acknowledged.
        """
        removed = []
        for domain, path in outbox_files(self._outbox):
            if self._clock() - _end_of_day(path) >= older_than and self._remove(domain, path):
                removed.append(path)
        return removed

    @property
    def _lease(self) -> str:
        return lease_of(self._source)

    def _key(self, domain: str, path: Path) -> tuple[str, str, str]:
        return self._source, domain, path.name

    def _next(self, domain: str, path: Path) -> tuple[_Place, _Batch] | None:
        """The next lines of a file and where they stand, or None where there are none yet."""
        with reading(self._engine) as session:
            remembered = session.get(OutboxFile, self._key(domain, path))
        known = (remembered.inode, remembered.offset) if remembered else _UNKNOWN
        try:
            with path.open("rb") as file:
                place = _place(domain, path, os.fstat(file.fileno()), known)
                file.seek(place.offset)
                batch = _read(place, file.read(_CHUNK), self._batch, self._cargo)
        except FileNotFoundError:  # another shipper found it old and shipped
            return None
        return (place, batch) if batch.end > place.offset else None

    def _keep(self, place: _Place, batch: _Batch) -> int | None:
        """Keep a batch; gives how many decisions are new, None where somebody else is at work."""
        at = self._clock()
        with writing(self._engine) as session:
            if not hold(session, self._lease, self._holder, at=at, lasting=LEASE):
                return None
            if not self._move(session, place, batch, at):
                return None
            new = self._cargo.keep(session, batch.rows)
        for skipped in batch.skipped:
            self._on_skipped(skipped)
        return new

    def _move(self, session: Session, place: _Place, batch: _Batch, at: datetime) -> bool:
        """Remember that the file is shipped to the batch's end; False where the database knows otherwise by now."""
        source, domain, name = self._key(place.domain, place.path)
        key = {"source": source, "domain": domain, "name": name}
        inode, offset = _UNKNOWN
        first = {**key, "inode": inode, "offset": offset, "decisions": 0, "skipped": 0, "shipped_at": at}
        insert_or_ignore(session, OutboxFile, [first])
        known = session.scalars(select(OutboxFile).filter_by(**key).with_for_update()).one()
        if place.known != (known.inode, known.offset):
            return False
        known.inode, known.offset, known.shipped_at = place.inode, batch.end, at
        known.decisions += len(batch.rows)
        known.skipped += len(batch.skipped)
        session.flush()
        return True

    def _remove(self, domain: str, path: Path) -> bool:
        with writing(self._engine) as session:
            if not hold(session, self._lease, self._holder, at=self._clock(), lasting=LEASE):
                return False
            known = session.get(OutboxFile, self._key(domain, path), with_for_update=True)
            if known is None or known.inode != path.stat().st_ino:
                return False  # not shipped yet
            with path.open("rb") as file:
                file.seek(known.offset)
                tail = file.read(_CHUNK)
            if b"\n" in tail:
                return False
            offset = known.offset
            session.delete(known)
        # An end in between would ship the file again, and find each of its decisions there.
        path.unlink()
        if tail:
            self._on_skipped(Skipped(path, offset, len(tail), "a line without an end"))
        return True


def outbox_files(outbox: Path) -> Iterator[tuple[str, Path]]:
    """The outbox's files with their domains: by domain, day and process."""
    for folder in sorted(path for path in outbox.glob("*") if path.is_dir()):
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            if _NAME.fullmatch(path.name):
                yield folder.name, path


def _end_of_day(path: Path) -> datetime:
    day = date.fromisoformat(path.name[:10])
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


def _place(domain: str, path: Path, status: os.stat_result, known: tuple[int, int]) -> _Place:
    """Where to go on: at the beginning where it is another file than the known one, or one that was cut."""
    inode, offset = known
    is_same = inode == status.st_ino and offset <= status.st_size
    return _Place(domain, path, status.st_ino, offset if is_same else 0, known)


def _read(place: _Place, content: bytes, most: int, cargo: Cargo) -> _Batch:
    """The rows of at most so many whole lines."""
    rows: dict[str, Row] = {}
    skipped: list[Skipped] = []
    offset = place.offset
    lines = content.split(b"\n")[:-1]  # what stands behind the last end of a line is being written
    for line in lines[:most]:
        try:
            row = cargo.row(line, place.domain)
        except LedgerError as error:
            skipped.append(Skipped(place.path, offset, len(line), str(error)))
        else:
            rows[row["decision_id"]] = row
        offset += len(line) + 1
    if not lines and len(content) >= _CHUNK:
        raise LedgerError(f"{place.path.name}: at byte {place.offset}: expected a line of less than {_CHUNK} bytes")
    return _Batch(rows, skipped, offset)
