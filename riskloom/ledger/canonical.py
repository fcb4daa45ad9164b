"""One way to write a document, so that equal ones have equal digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from riskloom.ledger.schema import to_microseconds


def canonical_json(document: Mapping[str, Any]) -> bytes:
    """Keys sorted, no spaces, ASCII; times as microseconds in UTC, decimals as text without needless zeros."""
    return json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False, default=_plain
    ).encode()


def digest(document: Mapping[str, Any] | None) -> str | None:
    """SHA-256 of the canonical JSON, in hexadecimal; None of nothing."""
    return None if document is None else hashlib.sha256(canonical_json(document)).hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return to_microseconds(value)
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    raise TypeError(f"expected what JSON can say, a time or a decimal, found {type(value).__name__}")
