"""Read decisions back; a line that was torn by a crash or a full disk is reported, and the rest is read."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from riskloom.ledger.outbox import SUFFIX

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TornLine:
    """A line that is not a whole decision: its file, its number from 1, and how many bytes are left of it."""

    file: Path
    line: int
    size: int


def log_torn(torn: TornLine) -> None:
    """Warn of a torn line, without its content."""
    _log.warning("%s: line %d is not a whole decision (%d bytes)", torn.file.name, torn.line, torn.size)


def read_decisions(
    folder: Path, domain: str, *, on_torn: Callable[[TornLine], None] = log_torn
) -> Iterator[dict[str, Any]]:
    """
    Read the decisions of one domain: by day, then by process, then in the order they were written.

    Args:
        folder: The outbox's folder.
        domain: The domain's name; no decision yet is no error.
        on_torn: Called for each line that is not a whole decision, which is then left out.
    """
    for path in sorted((folder / domain).glob(f"*{SUFFIX}")):
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                decision = _decision(line)
                if decision is None:
                    on_torn(TornLine(path, number, len(line)))
                else:
                    yield decision


def _decision(line: bytes) -> dict[str, Any] | None:
    try:
        content = json.loads(line)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None
