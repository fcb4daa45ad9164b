"""
What can be said of a concession only when it is asked for: against its parcel's goods, weights and way, and how those
who handled the parcel compare with their peers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskloom.features.formulas import hour_of_day, is_weekend, ratio

_SECONDS_AN_HOUR = 3600.0
_REASONS = ("damaged", "incomplete", "wrong_item", "unwanted", "late")

Columns = Mapping[str, NDArray[Any]]
Floats = NDArray[np.float64]


def compute(columns: Columns) -> dict[str, Floats]:
    """Compute the request features; arrays in and out have one length, times are microseconds UTC."""
    return {**_of_request(columns), **_of_parcel(columns), **_of_peers(columns)}


def _of_request(columns: Columns) -> dict[str, Floats]:
    """What the request itself says."""
    amount = columns["amount"].astype(np.float64)
    return {
        "amount": amount,
        "hour_of_day": hour_of_day(columns["effective_at"]),
        "is_weekend": is_weekend(columns["effective_at"]),
        "is_missing_claim": columns["is_missing"].astype(np.float64),
        "is_return_wanted": columns["is_return_expected"].astype(np.float64),
        "is_self_service": _is(columns["agent_id"], None),
        "is_credit": _is(columns["kind"], "credit"),
        "is_replacement": _is(columns["kind"], "replacement"),
        **{f"is_{reason}": _is(columns["reason"], reason) for reason in _REASONS},
        "amount_to_goods_value": ratio(amount, columns["parcel_goods_value"]),
        "amount_to_agent_mean_30d": ratio(amount, columns["agent_amount_mean_30d"]),
    }


def _of_parcel(columns: Columns) -> dict[str, Floats]:
    """The parcel's way through the three systems up to the request; what never happened is empty."""
    handed_over = columns["parcel_seconds_since_handover"]
    departed, arrived = columns["parcel_seconds_since_departed"], columns["parcel_seconds_since_arrived"]
    stands = columns["parcel_handovers"] > 0
    missing = columns["is_missing"].astype(np.float64)
    proven = np.minimum(columns["parcel_proven_handovers"], 1.0)
    came_back = ratio(columns["parcel_return_received_g"], columns["parcel_return_expected_g"])
    amount_share = np.minimum(ratio(columns["amount"].astype(np.float64), columns["parcel_goods_value"]), 1.0)
    return {
        "hours_since_handover": np.where(stands, handed_over, np.nan) / _SECONDS_AN_HOUR,
        "hours_on_van": (departed - handed_over) / _SECONDS_AN_HOUR,
        "hours_in_depot": (arrived - departed) / _SECONDS_AN_HOUR,
        "hours_to_depot": (columns["parcel_seconds_since_packed"] - arrived) / _SECONDS_AN_HOUR,
        "is_missing_despite_handover": missing * stands,
        "is_missing_despite_proof": missing * stands * proven,
        "packed_to_expected_weight": ratio(columns["parcel_packed_g"], columns["parcel_expected_g"]),
        "sorted_to_packed_weight": ratio(columns["parcel_sorted_g"], columns["parcel_packed_g"]),
        "return_to_sent_weight": came_back,
        "amount_share_beyond_return": amount_share - came_back,
    }


def _of_peers(columns: Columns) -> dict[str, Floats]:
    """How the driver compares with the route's other drivers, the associate with the shift's."""
    return {
        "driver_missing_to_route_30d": ratio(columns["driver_missing_rate_30d"], columns["route_missing_rate_30d"]),
        "driver_missing_to_route_7d": ratio(columns["driver_missing_rate_7d"], columns["route_missing_rate_7d"]),
        "driver_proven_to_route_30d": ratio(columns["driver_proven_rate_30d"], columns["route_proven_rate_30d"]),
        "driver_far_to_route_30d": ratio(columns["driver_far_rate_30d"], columns["route_far_rate_30d"]),
        "associate_light_to_shift_30d": ratio(columns["associate_light_rate_30d"], columns["shift_light_rate_30d"]),
        "associate_missing_to_shift_30d": ratio(
            columns["associate_missing_rate_30d"], columns["shift_missing_rate_30d"]
        ),
    }


def _is(values: NDArray[Any], wanted: str | None) -> Floats:
    return np.array([value == wanted for value in values], dtype=np.float64)
