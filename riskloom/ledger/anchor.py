"""The end of the audit chain, signed, in a file beside the database: what shows that the chain was cut."""

from __future__ import annotations

import fcntl
import hmac
import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from riskloom.errors import LedgerError
from riskloom.ledger.canonical import canonical_json

_PURPOSE = b"riskloom audit anchor v1\n"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Anchor:
    """An event that the chain had when it was written: its number and hash."""

    sequence: int
    hash: str


def read_anchor(path: Path, key: bytes) -> Anchor | None:
    """
    Read the anchor; None where there is no file.

    Raises:
        LedgerError: The file is no anchor that was signed with this key.
    """
    try:
        content = json.loads(path.read_bytes())
        anchor = Anchor(int(content["sequence"]), str(content["hash"]))
        signature = str(content["signature"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerError(f"{path}: expected the audit chain's anchor, found something else") from error
    if not hmac.compare_digest(signature.encode(), _signature(key, anchor).encode()):
        raise LedgerError(f"{path}: its signature does not fit, or was made with another key")
    return anchor


def advance_anchor(path: Path, key: bytes, anchor: Anchor) -> None:
    """Write a later anchor; one that is further already stays, and so does a file that is no anchor of ours."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            present = read_anchor(path, key)
        except LedgerError as error:
            _log.error("%s; it stays for `riskloom audit verify` to report", error)
            return
        if present is None or present.sequence < anchor.sequence:
            write_anchor(path, key, anchor)


def write_anchor(path: Path, key: bytes, anchor: Anchor) -> None:
    """Put an anchor in place, whatever is there; whoever reads sees the old one or the new."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = {"sequence": anchor.sequence, "hash": anchor.hash, "signature": _signature(key, anchor)}
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(canonical_json(content) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _signature(key: bytes, anchor: Anchor) -> str:
    content = {"sequence": anchor.sequence, "hash": anchor.hash}
    return hmac.new(key, _PURPOSE + canonical_json(content), "sha256").hexdigest()
