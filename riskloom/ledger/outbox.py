"""
Where a decision, or an event's entry into the online state, is written down before anybody hears of it: JSON lines, a
file a domain, process and day.

A line goes out in one ``write`` on a file opened with ``O_APPEND``: it is in the kernel's hands when ``append``
returns: it survives any end of the process, ``kill -9`` included, and lines of several processes never mix. It is not
flushed to the disk each time; a power cut may cost the last moments.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic_core import PydanticSerializationError, to_json

from riskloom.errors import LedgerError

SUFFIX = ".jsonl"
_DOMAIN = re.compile(r"[a-z][a-z0-9_]{0,62}")  # it becomes a folder's name
_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})T")
_PRIVATE_FILE = 0o600  # decisions hold identifiers and amounts
_PRIVATE_FOLDER = 0o700


class Outbox:
    """
    Append records below a folder: ``<domain>/<day>-<process id>.jsonl``; safe to share between threads.

    Args:
        folder: Where the domains' folders are, made at the first record.
        dated_by: The record's time that chooses the file.
    """

    def __init__(self, folder: Path, *, dated_by: str = "decided_at") -> None:
        self._folder = folder
        self._dated_by = dated_by
        self._open: dict[str, tuple[str, int]] = {}
        self._lock = threading.Lock()

    def append(self, record: Mapping[str, object]) -> None:
        """
        Write one record; when this returns, it is kept.

        Args:
            record: What JSON can say, and times, decimals (which become text) and pydantic's models; a number that is
                not finite becomes null. ``domain`` and the time it is dated by (UTC) choose the file.

        Raises:
            LedgerError: It could not be written, so it must not be answered.
        """
        domain, day = self._address(record)
        try:
            line = to_json(record, inf_nan_mode="null") + b"\n"
        except PydanticSerializationError as error:
            raise LedgerError(f"record of {domain}: expected values that JSON can say, found {error}") from error
        with self._lock:
            try:
                self._write(domain, day, line)
            except OSError as error:
                raise LedgerError(f"record of {domain} was not written: {error.strerror}") from error

    def close(self) -> None:
        """Close the files; a later ``append`` opens them again."""
        with self._lock:
            for _, descriptor in self._open.values():
                os.close(descriptor)
            self._open.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _address(self, record: Mapping[str, object]) -> tuple[str, str]:
        domain, instant = str(record.get("domain")), record.get(self._dated_by)
        if domain not in self._open and not _DOMAIN.fullmatch(domain):
            raise LedgerError(f"record: domain: expected a domain's name, found {domain!r}")
        if isinstance(instant, datetime):
            return domain, instant.date().isoformat()
        day = _DAY.match(str(instant))
        if day is None:
            raise LedgerError(f"record of {domain}: {self._dated_by}: expected an ISO 8601 time, found {instant!r}")
        return domain, day[1]

    def _write(self, domain: str, day: str, line: bytes) -> None:
        descriptor = self._descriptor(domain, f"{day}-{os.getpid()}{SUFFIX}")
        written = os.write(descriptor, line)
        if written < len(line):
            # The disk is full: what was written is a torn line. Closed here, so that the next opening ends it.
            os.close(self._open.pop(domain)[1])
            raise LedgerError(f"record of {domain}: only {written} of {len(line)} bytes were written")

    def _descriptor(self, domain: str, name: str) -> int:
        known = self._open.get(domain)
        if known is not None:
            if known[0] == name:
                return known[1]
            os.close(self._open.pop(domain)[1])
        path = self._folder / domain / name
        path.parent.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _PRIVATE_FILE)
        try:
            _end_torn_line(descriptor)
        except OSError:
            os.close(descriptor)
            raise
        self._open[domain] = (name, descriptor)
        return descriptor


def _end_torn_line(descriptor: int) -> None:
    """Start a new line where a file ends within one, or the next decision would be lost with the torn one."""
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        os.write(descriptor, b"\n")
