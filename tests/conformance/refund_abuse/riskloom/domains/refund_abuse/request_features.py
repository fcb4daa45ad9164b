"""What can be said of a refund request only when it is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DAY = 86_400_000_000  # microseconds


def compute(columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float64]]:
    """Compute the request features; arrays in and out have one length, times are microseconds UTC."""
    amount, usual = columns["amount"], columns["customer_amount_mean_30d"]
    to_usual = np.full(amount.shape, np.nan)
    np.divide(amount, usual, out=to_usual, where=usual > 0)
    return {
        "amount": amount,
        "days_since_order": (columns["effective_at"] - columns["ordered_at"]) / _DAY,
        "is_not_received": (columns["reason"] == "not_received").astype(np.float64),
        "amount_to_mean_30d": to_usual,
    }
