"""What was ingested into a table, a line a file, so that the same file adds nothing a second time."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from riskloom.errors import ContractError

_MANIFEST, _LOCK = "manifest.jsonl", ".ingest.lock"
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One ingested file; ``identity`` is of its bytes, the mapping and the contract together."""

    identity: str
    file: str
    observed_at: str
    read: int
    landed: int
    duplicates: int
    quarantined: int
    skipped: int
    landed_file: str | None


def identify(path: Path, mapping: str, contract: str) -> str:
    """
    What a file is recognised by: its bytes, and what was made of them.

    Raises:
        ContractError: It cannot be read.
    """
    digest = hashlib.sha256(f"{len(mapping)}:{mapping}{len(contract)}:{contract}".encode())
    try:
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise ContractError(f"{path.name}: expected a file that can be read, found: {error.strerror}") from error
    return digest.hexdigest()


def read_manifest(folder: Path) -> dict[str, Entry]:
    """The files ingested into a table's folder, by identity."""
    path = folder / _MANIFEST
    if not path.is_file():
        return {}
    entries = (Entry(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines())
    return {entry.identity: entry for entry in entries}


def append(folder: Path, entry: Entry) -> None:
    """Add one file; on disk when this returns."""
    with (folder / _MANIFEST).open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(asdict(entry), separators=(",", ":")) + "\n")
        stream.flush()
        os.fsync(stream.fileno())


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a table's folder: two ingests of one table take turns, so neither misses the other's rows."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
