"""Secret keys in files that only their owner can read."""

from __future__ import annotations

import os
from pathlib import Path

from riskloom.errors import ConfigError

KEY_BYTES = 32
_OTHERS = 0o077  # the permission bits of everybody but the owner


def ensure_key(path: Path, *, purpose: str) -> bytes:
    """
    Read a key, or make one of 32 random bytes on first use, readable by its owner only.

    Args:
        path: Its file.
        purpose: What it is the key of, for the message where it cannot be used.

    Raises:
        ConfigError: It is shorter than 32 bytes, or others may read it.
    """
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_once(path, os.urandom(KEY_BYTES), mode=0o600)
    mode = path.stat().st_mode & 0o777
    if mode & _OTHERS:
        raise ConfigError(f"{path}: expected permissions 600, found {mode:o}: others may read the key of {purpose}")
    key = path.read_bytes()
    if len(key) < KEY_BYTES:
        raise ConfigError(f"{path}: expected a key of {KEY_BYTES} bytes or more, found {len(key)}")
    return key


def write_once(path: Path, content: bytes, *, mode: int) -> None:
    """Put a whole file in place unless one is there: who comes second keeps the first one's."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
