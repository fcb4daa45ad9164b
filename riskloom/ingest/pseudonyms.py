"""
Keyed pseudonyms for people and credentials: HMAC-SHA-256 (RFC 2104), of which 128 bits are kept.

The same text has the same pseudonym under one key, so rows still join; without the key nobody can try names.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

from riskloom.errors import ConfigError
from riskloom.sql import Parameters

KEY_FILE = "pseudonyms.key"
_KEY_BYTES = 32
_BLOCK = 64  # of SHA-256, in bytes
_DIGITS = 32  # hexadecimal, of 64
_OTHERS = 0o077  # the permission bits of everybody but the owner


def ensure_pseudonym_key(keys: Path) -> bytes:
    """
    Read the key, or make one on first use, readable by its owner only.

    Raises:
        ConfigError: It is shorter than 32 bytes, or others may read it.
    """
    path = keys / KEY_FILE
    if not path.exists():
        keys.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_once(path, os.urandom(_KEY_BYTES))
    mode = path.stat().st_mode & 0o777
    if mode & _OTHERS:
        raise ConfigError(f"{path}: expected permissions 600, found {mode:o}: others may read the key of pseudonyms")
    key = path.read_bytes()
    if len(key) < _KEY_BYTES:
        raise ConfigError(f"{path}: expected a key of {_KEY_BYTES} bytes or more, found {len(key)}")
    return key


def pseudonym(text: str, prefix: str, key: bytes) -> str:
    """The pseudonym of one text, as whoever sends live events makes it: what ingest lands for the same text."""
    return prefix + hmac.new(key, text.encode(), "sha256").hexdigest()[:_DIGITS]


def pseudonym_sql(text: str, prefix: str, key: bytes, parameters: Parameters) -> str:
    """The same as SQL of an expression ``text``; null where it is."""
    padded = key.ljust(_BLOCK, b"\0") if len(key) <= _BLOCK else _hashed(key).ljust(_BLOCK, b"\0")
    inner = parameters.add(bytes(byte ^ 0x36 for byte in padded))
    outer = parameters.add(bytes(byte ^ 0x5C for byte in padded))
    digest = f"sha256({outer}::BLOB || unhex(sha256({inner}::BLOB || encode({text}))))"
    return f"{parameters.add(prefix)} || left({digest}, {_DIGITS})"


def _hashed(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def _write_once(path: Path, content: bytes) -> None:
    """Put the whole key in place unless one is there: who comes second keeps the first one's."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
