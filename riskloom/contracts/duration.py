"""Durations as people write them in declarations: ``30m``, ``7d``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_PATTERN = re.compile(r"([0-9]{1,6})([smhd])")


def parse_duration(text: object) -> timedelta:
    """
    Read a duration such as ``30m`` or ``7d``.

    Raises:
        ValueError: The text is not a positive whole number followed by s, m, h or d.
    """
    if isinstance(text, timedelta):
        return text
    match = _PATTERN.fullmatch(text) if isinstance(text, str) else None
    if match is None or int(match[1]) == 0:
        raise ValueError('a duration such as "30m", "12h" or "7d"')
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
