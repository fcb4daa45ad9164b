"""
Keyed pseudonyms for people and credentials: HMAC-SHA-256 (RFC 2104), of which 128 bits are kept.

The same text has the same pseudonym under one key, so rows still join; without the key nobody can try names. A text
that has the form of a pseudonym already stays what it is, so that rows may be brought in that were made elsewhere.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from riskloom.contracts import PSEUDONYM_DIGITS, TableContract
from riskloom.keyfile import ensure_key

KEY_FILE = "pseudonyms.key"


def ensure_pseudonym_key(keys: Path) -> bytes:
    """
    Read the key, or make one on first use, readable by its owner only.

    Raises:
        ConfigError: It is shorter than 32 bytes, or others may read it.
    """
    return ensure_key(keys / KEY_FILE, purpose="pseudonyms")


def pseudonym(text: str, prefix: str, key: bytes) -> str:
    """The pseudonym of one text: what ingest lands for the same text, and what the scoring service keeps of it."""
    return _pseudonym(text, prefix, hmac.new(key, digestmod="sha256"))


def _pseudonym(text: str, prefix: str, keyed: hmac.HMAC) -> str:
    digest = keyed.copy()
    digest.update(text.encode())
    return prefix + digest.hexdigest()[:PSEUDONYM_DIGITS]


def pseudonym_form(prefix: str) -> str:
    """What pseudonyms with a prefix look like, as a regular expression for the whole text."""
    return f"{re.escape(prefix)}[0-9a-f]{{{PSEUDONYM_DIGITS}}}"


class Pseudonyms:
    """
    Replaces what identifies a person in the rows of a table.

    Args:
        table: Declares which columns do.
        key: Of the pseudonyms.
    """

    def __init__(self, table: TableContract, key: bytes) -> None:
        self._keyed = hmac.new(key, digestmod="sha256")  # preparing the key takes as long as the rest
        self._columns = {
            name: (prefix, re.compile(pseudonym_form(prefix))) for name, prefix in table.pseudonyms.items()
        }  # fmt: skip

    def of(self, column: str, text: str) -> str:
        """What is kept of a text in a column: itself, where the column identifies nobody or it is a pseudonym."""
        declared = self._columns.get(column)
        if declared is None or not text or declared[1].fullmatch(text):
            return text
        return _pseudonym(text, declared[0], self._keyed)

    def replace(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row with pseudonyms in the columns that identify somebody; what is missing stays so."""
        return {**row, **{name: self.of(name, row[name]) for name in self._columns if row.get(name)}}
