"""
Keyed pseudonyms for people and credentials: HMAC-SHA-256 (RFC 2104), of which 128 bits are kept.

The same text has the same pseudonym under one key, so rows still join; without the key nobody can try names.
"""

from __future__ import annotations

import hmac
from pathlib import Path

from riskloom.keyfile import ensure_key

KEY_FILE = "pseudonyms.key"
DIGITS = 32  # hexadecimal, of 64


def ensure_pseudonym_key(keys: Path) -> bytes:
    """
    Read the key, or make one on first use, readable by its owner only.

    Raises:
        ConfigError: It is shorter than 32 bytes, or others may read it.
    """
    return ensure_key(keys / KEY_FILE, purpose="pseudonyms")


def pseudonym(text: str, prefix: str, key: bytes) -> str:
    """The pseudonym of one text, as whoever sends live events makes it: what ingest lands for the same text."""
    return prefix + hmac.new(key, text.encode(), "sha256").hexdigest()[:DIGITS]
