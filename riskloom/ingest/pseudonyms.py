"""The pseudonyms of :mod:`riskloom.pseudonyms` as SQL, for whole tables: a text that is one stays what it is."""

from __future__ import annotations

import hashlib

from riskloom.contracts import PSEUDONYM_DIGITS
from riskloom.pseudonyms import pseudonym_form
from riskloom.sql import Parameters

_BLOCK = 64  # of SHA-256, in bytes


def pseudonym_sql(text: str, prefix: str, key: bytes, parameters: Parameters) -> str:
    """The pseudonym of an SQL expression ``text``; null where it is."""
    padded = key.ljust(_BLOCK, b"\0") if len(key) <= _BLOCK else _hashed(key).ljust(_BLOCK, b"\0")
    inner = parameters.add(bytes(byte ^ 0x36 for byte in padded))
    outer = parameters.add(bytes(byte ^ 0x5C for byte in padded))
    digest = f"sha256({outer}::BLOB || unhex(sha256({inner}::BLOB || encode({text}))))"
    made = f"{parameters.add(prefix)} || left({digest}, {PSEUDONYM_DIGITS})"
    is_one = f"regexp_full_match({text}, {parameters.add(pseudonym_form(prefix))})"
    return f"CASE WHEN {is_one} THEN {text} ELSE {made} END"


def _hashed(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
