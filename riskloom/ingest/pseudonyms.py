"""The pseudonyms of :mod:`riskloom.pseudonyms` as SQL, for whole tables."""

from __future__ import annotations

import hashlib

from riskloom.pseudonyms import DIGITS
from riskloom.sql import Parameters

_BLOCK = 64  # of SHA-256, in bytes


def pseudonym_sql(text: str, prefix: str, key: bytes, parameters: Parameters) -> str:
    """The pseudonym of an SQL expression ``text``; null where it is."""
    padded = key.ljust(_BLOCK, b"\0") if len(key) <= _BLOCK else _hashed(key).ljust(_BLOCK, b"\0")
    inner = parameters.add(bytes(byte ^ 0x36 for byte in padded))
    outer = parameters.add(bytes(byte ^ 0x5C for byte in padded))
    digest = f"sha256({outer}::BLOB || unhex(sha256({inner}::BLOB || encode({text}))))"
    return f"{parameters.add(prefix)} || left({digest}, {DIGITS})"


def _hashed(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
