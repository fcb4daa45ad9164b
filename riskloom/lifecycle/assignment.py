"""
Who belongs to the share of subjects that a rule's roll-out or a model's canary reaches.

A keyed hash (HMAC-SHA-256, RFC 2104) puts each entity into one of ten thousand places; a roll-out of N percent reaches
the first N hundred. So who is in stays in as N grows, each rule and each canary has an order of its own, and without
the key nobody can look for an entity that a rule does not reach.
"""

from __future__ import annotations

import hmac
from pathlib import Path

from riskloom.keyfile import ensure_key

KEY_FILE = "rollout.key"
_PLACES = 10_000
_PERCENT = _PLACES // 100


def ensure_assignment_key(keys: Path) -> bytes:
    """Read the key, or make one on first use; raises ConfigError where it cannot be trusted."""
    return ensure_key(keys / KEY_FILE, purpose="roll-outs")


def key_of_rule(key: bytes, domain: str, rule_id: str) -> bytes:
    """A rule's own key; all versions of a rule share it, so that a next version reaches the same entities."""
    return hmac.digest(key, f"roll-out\0{domain}\0{rule_id}".encode(), "sha256")


def key_of_canary(key: bytes, domain: str, version: str) -> bytes:
    """A model version's own key: the next version's canary reaches other entities first."""
    return hmac.digest(key, f"canary\0{domain}\0{version}".encode(), "sha256")


def is_reached(entity: str, percent: int, rule_key: bytes) -> bool:
    """Whether an entity is among the first ``percent`` of all."""
    return _place(entity, rule_key) < percent * _PERCENT


def is_in_share(entity: str, share: float, key: bytes) -> bool:
    """Whether an entity is among the first ``share`` of all, 0 to 1 in ten-thousandths."""
    return _place(entity, key) < round(share * _PLACES)


def _place(entity: str, key: bytes) -> int:
    return int.from_bytes(hmac.digest(key, entity.encode(), "sha256")[:8]) % _PLACES
