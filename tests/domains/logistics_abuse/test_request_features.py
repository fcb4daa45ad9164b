"""What is computed of a request: exact where it is known, empty where there is nothing to compare with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from riskloom.catalog import load_domain
from riskloom.features.request import request_features

HOUR = 3600.0
KNOWN = {
    "effective_at": 1_772_409_600_000_000,  # Monday 2026-03-02, midnight UTC
    "amount": 60.0,
    "is_missing": 1.0,
    "is_return_expected": 0.0,
    "agent_id": "ag-1",
    "kind": "credit",
    "reason": None,
    "parcel_goods_value": 80.0,
    "agent_amount_mean_30d": 30.0,
    "parcel_seconds_since_handover": 10 * HOUR,
    "parcel_seconds_since_departed": 14 * HOUR,
    "parcel_seconds_since_arrived": 20 * HOUR,
    "parcel_seconds_since_packed": 50 * HOUR,
    "parcel_handovers": 1.0,
    "parcel_proven_handovers": 1.0,
    "parcel_return_received_g": np.nan,
    "parcel_return_expected_g": np.nan,
    "parcel_packed_g": 1000.0,
    "parcel_expected_g": 800.0,
    "parcel_sorted_g": 500.0,
    "driver_missing_rate_30d": 0.06,
    "route_missing_rate_30d": 0.03,
    "driver_missing_rate_7d": 0.06,
    "route_missing_rate_7d": 0.03,
    "driver_proven_rate_30d": 0.3,
    "route_proven_rate_30d": 0.6,
    "driver_far_rate_30d": 0.02,
    "route_far_rate_30d": 0.0,
    "associate_light_rate_30d": 0.02,
    "shift_light_rate_30d": 0.01,
    "associate_missing_rate_30d": np.nan,
    "shift_missing_rate_30d": 0.02,
}


def computed(**changes: Any) -> dict[str, float]:
    """The features of one request."""
    columns: dict[str, NDArray[Any]] = {
        name: np.array([value], dtype=object if value is None or isinstance(value, str) else None)
        for name, value in {**KNOWN, **changes}.items()
    }
    return {name: float(value[0]) for name, value in request_features(load_domain("logistics_abuse"), columns).items()}


def test_the_way_of_a_parcel_is_told_in_hours_and_weights() -> None:
    """Times between the scans of three systems, weights along the way, and what contradicts the claim."""
    found = computed()
    hours = [found[name] for name in ("hours_since_handover", "hours_on_van", "hours_in_depot", "hours_to_depot")]
    assert hours == [10, 4, 6, 30]
    assert (found["packed_to_expected_weight"], found["sorted_to_packed_weight"]) == (1.25, 0.5)
    assert (found["is_missing_despite_handover"], found["is_missing_despite_proof"]) == (1, 1)
    assert (found["amount_to_goods_value"], found["amount_to_agent_mean_30d"]) == (0.75, 2)
    assert (found["is_credit"], found["is_self_service"], found["is_weekend"]) == (1, 0, 0)


def test_people_are_compared_with_their_peers() -> None:
    """A rate over that of the same route or shift; without peers that have one there is nothing to compare with."""
    found = computed()
    assert found["driver_missing_to_route_30d"] == pytest.approx(2)
    assert found["driver_proven_to_route_30d"] == pytest.approx(0.5)
    assert found["associate_light_to_shift_30d"] == pytest.approx(2)
    assert np.isnan(found["driver_far_to_route_30d"])
    assert np.isnan(found["associate_missing_to_shift_30d"])


def test_a_handover_that_was_taken_back_is_none() -> None:
    """Declared an error, it neither contradicts the claim nor starts a clock."""
    found = computed(parcel_handovers=0.0, parcel_proven_handovers=0.0)
    assert np.isnan(found["hours_since_handover"])
    assert (found["is_missing_despite_handover"], found["is_missing_despite_proof"]) == (0, 0)


def test_a_light_return_is_set_against_what_is_asked_for() -> None:
    """Half of the weight came back and all of the value is asked for: half is not accounted for."""
    back = {"parcel_return_received_g": 400.0, "parcel_return_expected_g": 800.0}
    found = computed(amount=80.0, is_missing=0.0, reason="unwanted", **back)
    assert (found["return_to_sent_weight"], found["amount_share_beyond_return"]) == (0.5, 0.5)
    assert np.isnan(computed()["return_to_sent_weight"])
    assert found["is_unwanted"] == 1
