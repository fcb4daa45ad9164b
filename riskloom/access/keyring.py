"""
API keys: made once, shown once, kept as hashes in a file only its owner can read.

A key is ``rlk_`` and 256 random bits, so one SHA-256 is enough to keep it: there is no dictionary to try.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from riskloom.access.scope import Scope
from riskloom.contracts import mistakes_from
from riskloom.errors import ConfigError

PREFIX = "rlk_"
SECRET_BYTES = 32
_OWNER_ONLY = 0o600
_PRIVATE_FOLDER = 0o700


class ApiKey(BaseModel):
    """One key as it is kept: what it may do, and the hash it is recognised by."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")
    scopes: tuple[Scope, ...] = Field(min_length=1)
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", repr=False)

    @property
    def actor(self) -> str:
        """Who is named for what is done with the key; no user and no process of ours has a name like it."""
        return f"key:{self.name}"

    def may(self, scope: str) -> bool:
        """Whether the key was granted a scope, by itself or by its right's ``*``."""
        return scope in self.scopes or f"{scope.rpartition(':')[0]}:*" in self.scopes

    def is_expired(self, at: datetime) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= at


class KeyRing(BaseModel):
    """All keys of one installation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    keys: tuple[ApiKey, ...] = ()

    def find(self, presented: str) -> ApiKey | None:
        """The key that was presented, or None; the time taken tells nothing about the keys there are."""
        digest = _hash(presented)
        found = None
        for key in self.keys:
            if hmac.compare_digest(key.sha256, digest):
                found = key
        return found


def load_keys(path: Path) -> KeyRing:
    """
    Read the key file; no file means no key, and so no access.

    Raises:
        ConfigError: The file is not a key file, or others than its owner can read it.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read()
    except FileNotFoundError:
        return KeyRing()
    except OSError as error:
        raise ConfigError(f"{path}: expected a readable key file, found {error.strerror}") from error
    if mode & ~_OWNER_ONLY:
        raise ConfigError(f"{path}: expected mode 600, found {mode:o}; others could read or change the keys")
    try:
        return KeyRing.model_validate_json(content)
    except ValidationError as error:
        raise ConfigError("\n".join(map(str, mistakes_from(error, str(path))))) from error


def create_key(
    path: Path,
    name: str,
    scopes: Sequence[str],
    *,
    created_at: datetime,
    secret: bytes,
    expires_at: datetime | None = None,
) -> str:
    """
    Add a key to the file and return it; it cannot be shown again.

    Args:
        path: The key file, made where it is missing.
        name: What uses the key; unique.
        scopes: What it may do.
        created_at: Timezone-aware.
        secret: 32 bytes from the operating system's random source.
        expires_at: From when on it opens nothing; None where somebody has to revoke it.

    Raises:
        ConfigError: The name is taken, or a value is not one a key can have.
    """
    if len(secret) != SECRET_BYTES:
        raise ConfigError(f"API key {name!r}: expected a secret of {SECRET_BYTES} bytes, found {len(secret)}")
    token = PREFIX + secret.hex()
    try:
        key = ApiKey(name=name, scopes=tuple(scopes), created_at=created_at, expires_at=expires_at, sha256=_hash(token))
    except ValidationError as error:
        raise ConfigError("\n".join(map(str, mistakes_from(error, f"API key {name!r}")))) from error
    with _locked(path):
        keys = load_keys(path).keys
        if any(known.name == name for known in keys):
            raise ConfigError(f"API key {name!r}: expected a new name, found a key of this name; revoke it first")
        _replace(path, KeyRing(keys=(*keys, key)))
    return token


def revoke_key(path: Path, name: str) -> None:
    """
    Take a key out of the file; services notice within a second.

    Raises:
        ConfigError: No key has this name.
    """
    with _locked(path):
        keys = load_keys(path).keys
        kept = tuple(key for key in keys if key.name != name)
        if len(kept) == len(keys):
            known = ", ".join(sorted(key.name for key in keys)) or "none"
            raise ConfigError(f"no API key {name!r}; known keys: {known}")
        _replace(path, KeyRing(keys=kept))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the file's lock, so that two commands at once do not lose each other's key."""
    path.parent.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
    descriptor = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _OWNER_ONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, ring: KeyRing) -> None:
    """Put the new file in the old one's place at once: a reader sees the one or the other, never a half."""
    new = path.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _OWNER_ONLY)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(ring.model_dump_json(indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
