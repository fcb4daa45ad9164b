"""What the request features of domains are made from: parts of an instant, and quotients. Arrays in, arrays out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskloom.features.single import divided

_HOUR = 3_600_000_000  # microseconds
_DAY = 24 * _HOUR
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday, with Monday as 0
_SATURDAY = 5


def hour_of_day(instants: NDArray[Any]) -> NDArray[np.float64]:
    """The hour of each instant, 0 to 23; instants are whole microseconds since 1970 (UTC)."""
    return (instants.astype(np.int64) // _HOUR % 24).astype(np.float64)


def is_weekend(instants: NDArray[Any]) -> NDArray[np.float64]:
    """1 for an instant on a Saturday or Sunday, 0 for others; instants are whole microseconds since 1970 (UTC)."""
    weekday = (instants.astype(np.int64) // _DAY + _EPOCH_WEEKDAY) % 7
    return (weekday >= _SATURDAY).astype(np.float64)


def ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    """The quotient, NaN where the whole is missing, zero or less: there is nothing to compare with."""
    quotient: NDArray[np.float64] | None = divided(part, whole)
    if quotient is not None:
        return quotient
    result = np.full(np.shape(part), np.nan)
    np.divide(part, whole, out=result, where=whole > 0, casting="unsafe")
    return result
