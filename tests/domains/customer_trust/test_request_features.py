"""What is said of a payment beside its card's and its terminal's history."""

from __future__ import annotations

import numpy as np
import pytest

from riskloom.catalog import load_domain
from riskloom.features import request_features


def card_columns(**changes: float) -> dict[str, np.ndarray]:
    """One payment of 40 on Saturday 2026-01-03 at 05:00 UTC by a customer with a history."""
    values = {
        "amount": 40.0,
        "customer_amount_mean_7d": 10.0,
        "customer_amount_mean_30d": 20.0,
        "customer_amount_max_30d": 80.0,
        "customer_amount_mean_90d": 16.0,
        "customer_amount_std_90d": 8.0,
        "customer_amount_max_90d": 160.0,
        "terminal_seconds_since_fraud": 7 * 86_400.0,
        "terminal_seconds_since_matured": 7 * 86_400.0,
        "terminal_fraud_run": 3.0,
        "terminal_fraud_run_us": 86_400e6,
        "terminal_fraud_run_least_amount": 12.0,
        "terminal_fraud_run_least_to_usual": 0.5,
    } | changes
    columns = {name: np.array([value]) for name, value in values.items()}
    return {**columns, "effective_at": np.array([1_767_416_400_000_000], dtype=np.int64)}


def test_a_payment_is_held_against_its_customers_own_history() -> None:
    """Ratios are to the customer's averages and maximum; the clock is UTC's."""
    found = request_features(load_domain("customer_trust"), card_columns())
    assert {name: float(values[0]) for name, values in found.items()} == {
        "amount": 40.0,
        "hour_of_day": 5.0,
        "is_night": 1.0,
        "is_weekend": 1.0,
        "amount_to_average_7d": 4.0,
        "amount_to_average_30d": 2.0,
        "amount_to_average_90d": 2.5,
        "amount_to_max_30d": 0.5,
        "amount_to_max_90d": 0.25,
        "amount_deviations_90d": 3.0,
        "terminal_fraud_streak": 3.0,
        "terminal_fraud_streak_days": 8.0,
        "terminal_fraud_streak_least_amount": 12.0,
        "terminal_fraud_streak_least_to_usual": 0.5,
    }


@pytest.mark.parametrize("since_matured", [6 * 86_400.0, np.nan])
def test_an_honest_payment_ends_the_streak_of_its_terminal(since_matured: float) -> None:
    """A payment that matured after the newest fraud was none: there is no streak, whatever ran before."""
    found = request_features(load_domain("customer_trust"), card_columns(terminal_seconds_since_matured=since_matured))
    assert found["terminal_fraud_streak"][0] == 0
    assert np.isnan(found["terminal_fraud_streak_days"][0])
    assert np.isnan(found["terminal_fraud_streak_least_to_usual"][0])


@pytest.mark.parametrize("nothing", [0.0, np.nan])
def test_without_history_there_is_no_ratio(nothing: float) -> None:
    """A customer who never paid, or only nothing, gives NaN and not infinity."""
    found = request_features(load_domain("customer_trust"), card_columns(customer_amount_mean_7d=nothing))
    assert np.isnan(found["amount_to_average_7d"][0])
