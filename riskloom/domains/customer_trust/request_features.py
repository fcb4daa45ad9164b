"""
What can be said of a payment only when it is made: its time of day, its amount against the customer's own, and whether
its terminal's newest known payments were frauds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskloom.features.formulas import hour_of_day, is_weekend, ratio

_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_MORNING = 6


def compute(columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float64]]:
    """Compute the request features; arrays in and out have one length, times are microseconds UTC."""
    amount = columns["amount"].astype(np.float64)
    hour = hour_of_day(columns["effective_at"])
    return {
        "amount": amount,
        "hour_of_day": hour,
        "is_night": (hour < _MORNING).astype(np.float64),
        "is_weekend": is_weekend(columns["effective_at"]),
        "amount_to_average_7d": ratio(amount, columns["customer_amount_mean_7d"]),
        "amount_to_average_30d": ratio(amount, columns["customer_amount_mean_30d"]),
        "amount_to_average_90d": ratio(amount, columns["customer_amount_mean_90d"]),
        "amount_to_max_30d": ratio(amount, columns["customer_amount_max_30d"]),
        "amount_to_max_90d": ratio(amount, columns["customer_amount_max_90d"]),
        "amount_deviations_90d": ratio(
            amount - columns["customer_amount_mean_90d"], columns["customer_amount_std_90d"]
        ),
        **_streak(columns),
    }


def _streak(columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float64]]:
    """
    The run of frauds that the terminal's newest matured payment ends: how long, since when, how ordinary its amounts.

    The run that is known ends with the newest fraud; it goes on only where no payment that matured since was honest.
    """
    since_fraud = columns["terminal_seconds_since_fraud"]
    goes_on = since_fraud <= columns["terminal_seconds_since_matured"]
    days = (since_fraud * _SECOND + columns["terminal_fraud_run_us"]) / _DAY
    return {
        "terminal_fraud_streak": np.where(goes_on, columns["terminal_fraud_run"], 0.0),
        "terminal_fraud_streak_days": np.where(goes_on, days, np.nan),
        "terminal_fraud_streak_least_amount": np.where(goes_on, columns["terminal_fraud_run_least_amount"], np.nan),
        "terminal_fraud_streak_least_to_usual": np.where(goes_on, columns["terminal_fraud_run_least_to_usual"], np.nan),
    }
