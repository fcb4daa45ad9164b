"""
Land the events that the door accepted: from its outbox, through the checks that every file passes, each once.

What was landed of a file is noted behind it; where that note is lost, rows land again as what they are, duplicates.
"""

from __future__ import annotations

import json
import logging
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from riskloom.catalog import Domain
from riskloom.ingest.files import ingest_files
from riskloom.ingest.manifest import locked
from riskloom.ledger.outbox import SUFFIX

_CHUNK = 16_000_000  # bytes of a file that are landed at once
_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})-\d+" + re.escape(SUFFIX))
_LANDED = ".landed"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LandedEvents:
    """Rows of one call: landed, there before, quarantined; and lines of the outbox that are no events."""

    landed: int = 0
    duplicates: int = 0
    quarantined: int = 0
    torn: int = 0

    def __add__(self, other: LandedEvents) -> LandedEvents:
        return LandedEvents(
            self.landed + other.landed,
            self.duplicates + other.duplicates,
            self.quarantined + other.quarantined,
            self.torn + other.torn,
        )


@dataclass(frozen=True, slots=True)
class _Zone:
    """Where a domain's rows go, and with what DuckDB works."""

    domain: Domain
    landing: Path
    quarantine: Path
    threads: int
    memory: str
    pseudonym_key: bytes


@dataclass(slots=True)
class _Slice:
    """Whole lines of a file of the outbox: rows by table, the newest stamp among them, and where the next begins."""

    end: int
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    newest: datetime | None = None
    torn: int = 0


def land_events(
    domain: Domain,
    events: Path,
    *,
    landing: Path,
    quarantine: Path,
    now: datetime,
    keep: timedelta,
    threads: int,
    memory: str,
    pseudonym_key: bytes,
) -> LandedEvents:
    """
    Land what waits in a domain's outbox; a line that is being written waits for the next call.

    Args:
        domain: Whose events.
        events: The outbox's folder.
        landing: Root of the landing zone.
        quarantine: Root of the quarantine.
        now: The clock, timezone-aware.
        keep: Files that are landed to their end and whose day ended longer ago are removed.
        threads: Of DuckDB.
        memory: Most that DuckDB takes, such as ``2GB``.
        pseudonym_key: For tables that ask for pseudonyms; what the door replaced already stays what it is.
    """
    folder = events / domain.name
    total = LandedEvents()
    if not folder.is_dir():
        return total
    zone = _Zone(domain, landing, quarantine, threads, memory, pseudonym_key)
    with locked(folder):
        for path in sorted(path for path in folder.glob(f"*{SUFFIX}") if _NAME.fullmatch(path.name)):
            for part in _slices(path):
                for table, rows in part.rows.items():
                    total += _land(zone, table, rows, observed_at=max(now, part.newest or now))
                total += LandedEvents(torn=part.torn)
                _note(path, part.end)
            if now.date() - date.fromisoformat(path.name[:10]) > keep:
                total += LandedEvents(torn=_remove(path))
    return total


def _land(zone: _Zone, table: str, rows: list[dict[str, Any]], *, observed_at: datetime) -> LandedEvents:
    zone.landing.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".events-", dir=zone.landing.parent) as scratch:
        path = Path(scratch) / f"events-{table}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        report = ingest_files(
            zone.domain, table, [path], landing=zone.landing, quarantine=zone.quarantine, observed_at=observed_at,
            threads=zone.threads, memory=zone.memory, pseudonym_key=zone.pseudonym_key, is_stamped=True,
        )  # fmt: skip
    return LandedEvents(report.landed, report.duplicates, report.quarantined)


def _slices(path: Path) -> Iterator[_Slice]:
    """What was not landed yet of a file, in slices of bounded size."""
    with path.open("rb") as file:
        start = _landed_to(path)
        while True:
            file.seek(start)
            content = file.read(_CHUNK)
            whole = content[: content.rfind(b"\n") + 1]
            if not whole:
                return
            part = _Slice(start + len(whole))
            for line in whole.splitlines():
                _add(part, line, path)
            yield part
            start = part.end


def _add(part: _Slice, line: bytes, path: Path) -> None:
    try:
        content = json.loads(line)
        table, row, observed_at = content["table"], content["row"], content["observed_at"]
        stamp = datetime.fromisoformat(observed_at)
    except (ValueError, KeyError, TypeError):
        part.torn += bool(line)
        _log.warning("%s: a line that is no whole event (%d bytes)", path.name, len(line))
        return
    part.rows.setdefault(table, []).append({**row, "observed_at": observed_at})
    part.newest = stamp if part.newest is None else max(part.newest, stamp)


def _landed_to(path: Path) -> int:
    """Where in a file to go on; at its beginning where it is another file, or one that was cut."""
    try:
        inode, offset = map(int, path.with_suffix(_LANDED).read_text(encoding="ascii").split())
    except (FileNotFoundError, ValueError):
        return 0
    status = path.stat()
    return offset if inode == status.st_ino and offset <= status.st_size else 0


def _note(path: Path, offset: int) -> None:
    target = path.with_suffix(_LANDED)
    new = target.with_suffix(".new")
    new.write_text(f"{path.stat().st_ino} {offset}\n", encoding="ascii")
    new.replace(target)


def _remove(path: Path) -> int:
    """Remove a file that nobody writes any more; gives how many lines without an end are gone with it."""
    with path.open("rb") as file:
        file.seek(_landed_to(path))
        rest = file.read()
    if rest:
        _log.warning("%s: a line without an end (%d bytes), which nobody was told of", path.name, len(rest))
    path.unlink()
    path.with_suffix(_LANDED).unlink(missing_ok=True)
    return int(bool(rest))
