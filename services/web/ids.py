"""Ids for what nobody has named: UUIDs of version 4 (RFC 9562)."""

from __future__ import annotations

import os
import random
from collections.abc import Callable

_VARIANTS = "89ab"


def new_ids() -> Callable[[], str]:
    """
    A source of ids, of one process.

    They tell things apart and are no secrets, so the operating system is asked for chance once and not for each: that
    is a system call, during which other threads may begin.
    """
    draw = random.Random(os.urandom(32)).getrandbits  # noqa: S311 - no secret depends on it

    def new_id() -> str:
        digits = f"{draw(128):032x}"
        variant = _VARIANTS[int(digits[16], 16) % 4]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"

    return new_id
