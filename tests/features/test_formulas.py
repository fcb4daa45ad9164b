"""Parts of an instant and quotients: on both sides of 1970, and where there is nothing to divide by."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from riskloom.features.formulas import hour_of_day, is_weekend, ratio


@pytest.mark.parametrize(
    ("instant", "hour", "weekend"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0, 0),
        (datetime(1969, 12, 28, 23, 59, 59, 999_999, tzinfo=UTC), 23, 1),
        (datetime(2026, 2, 27, 23, 59, tzinfo=UTC), 23, 0),
        (datetime(2026, 2, 28, 0, 0, tzinfo=UTC), 0, 1),
        (datetime(2026, 3, 2, 5, 0, tzinfo=UTC), 5, 0),
    ],
)
def test_hour_and_weekend_are_the_calendars(instant: datetime, hour: int, weekend: int) -> None:
    """Saturday begins and Sunday ends at midnight UTC, before 1970 as well."""
    microseconds = np.array([(instant - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1e6], dtype=np.int64)
    assert hour_of_day(microseconds).tolist() == [hour]
    assert is_weekend(microseconds).tolist() == [weekend]


def test_a_quotient_needs_something_to_divide_by() -> None:
    """A whole that is missing, zero or negative gives NaN, and so does a part that is missing."""
    found = ratio(np.array([1.0, 1.0, 1.0, 1.0, np.nan]), np.array([4.0, 0.0, -4.0, np.nan, 4.0]))
    np.testing.assert_array_equal(found, [0.25, np.nan, np.nan, np.nan, np.nan])
