"""What can be said of a payment only when it is made: its time of day, and its amount against the customer's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_HOUR = 3_600_000_000
_DAY = 24 * _HOUR
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday, with Monday as 0
_SATURDAY = 5
_MORNING = 6


def compute(columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float64]]:
    """Compute the request features; arrays in and out have one length, times are microseconds UTC."""
    amount = columns["amount"].astype(np.float64)
    instant = columns["effective_at"].astype(np.int64)
    hour = instant // _HOUR % 24
    weekday = (instant // _DAY + _EPOCH_WEEKDAY) % 7
    return {
        "amount": amount,
        "hour_of_day": hour.astype(np.float64),
        "is_night": (hour < _MORNING).astype(np.float64),
        "is_weekend": (weekday >= _SATURDAY).astype(np.float64),
        "amount_to_average_7d": _ratio(amount, columns["customer_amount_mean_7d"]),
        "amount_to_average_30d": _ratio(amount, columns["customer_amount_mean_30d"]),
        "amount_to_max_30d": _ratio(amount, columns["customer_amount_max_30d"]),
    }


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """The quotient, NaN where the whole is missing or zero: there is nothing to compare with."""
    result = np.full(part.shape, np.nan)
    np.divide(part, whole, out=result, where=whole > 0)
    return result
