"""
Passwords as salted hashes that are slow to guess.

scrypt (Percival, "Stronger key derivation via sequential memory-hard functions", 2009; RFC 7914). The parameters stand
in each hash, so that they can be raised later without making a hash useless.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import unicodedata
from dataclasses import dataclass

from riskloom.errors import LedgerError

SALT_BYTES = 16
SHORTEST, LONGEST = 12, 256  # characters of a password
_HASH_BYTES = 32
_KIND = "scrypt"


@dataclass(frozen=True, slots=True)
class Cost:
    """scrypt's parameters: N, a power of two; r, the block size; p, how often. Memory: 128 · N · r bytes."""

    n: int
    r: int
    p: int


#: 32 MiB, some tenths of a second: what OWASP's Password Storage Cheat Sheet holds to be enough for a log-in.
LOG_IN_COST = Cost(2**15, 8, 3)


def hash_password(password: str, *, salt: bytes, cost: Cost = LOG_IN_COST) -> str:
    """
    Hash a password to be kept.

    Args:
        password: 12 to 256 characters; the same characters typed on another keyboard are the same password (NFKC).
        salt: 16 bytes from the operating system's random source, others for each hash.
        cost: How slow it is.

    Raises:
        LedgerError: The password is too short or too long.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise LedgerError(f"password: expected {SHORTEST} to {LONGEST} characters, found {len(password)}")
    derived = _derive(password, salt, cost)
    return "$".join((_KIND, str(cost.n), str(cost.r), str(cost.p), _text(salt), _text(derived)))


def matches(password: str, kept: str) -> bool:
    """Whether a password is the one that was hashed; raises LedgerError where ``kept`` is no hash of ours."""
    try:
        kind, n, r, p, salt, derived = kept.split("$")
        cost, expected = Cost(int(n), int(r), int(p)), base64.b64decode(derived)
    except ValueError as error:
        raise LedgerError("password: expected a hash that this release made, found something else") from error
    if kind != _KIND:
        raise LedgerError(f"password: expected a hash of kind {_KIND}, found {kind}")
    # What is longer than any password is not hashed at all: it only would take time.
    found = _derive(password[: LONGEST + 1], base64.b64decode(salt), cost)
    return hmac.compare_digest(found, expected)


def _derive(password: str, salt: bytes, cost: Cost) -> bytes:
    memory = 2 * 128 * cost.r * (cost.n + cost.p + 2)  # twice what it works in
    normal = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    return hashlib.scrypt(normal, salt=salt, n=cost.n, r=cost.r, p=cost.p, maxmem=memory, dklen=_HASH_BYTES)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
