"""Request features by hand: what a call is, how new, how much."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from riskloom.catalog import load_domain
from riskloom.features.request import request_features

SATURDAY_NOON = datetime(2026, 5, 2, 12, 30, tzinfo=UTC)
HISTORY = {
    "principal_operation_calls_30d": 0.0,
    "principal_operation_calls_90d": 0.0,
    "peer_operation_calls_90d": 28.0,
    "principal_calls_1h": 11.0,
    "principal_calls_30d": 720.0,
    "principal_network_calls_30d": 180.0,
    "principal_network_calls_90d": 500.0,
    "principal_country_calls_90d": np.nan,
    "principal_agent_calls_90d": 3.0,
    "principal_data_reads_1d": 5.0,
    "principal_data_reads_30d": 30.0,
    "principal_bytes_1d": 0.0,
    "principal_bytes_30d": 0.0,
    "principal_resources_1h": 2.0,
    "principal_resources_30d": 60.0,
}
CALL = {
    "effective_at": int(SATURDAY_NOON.timestamp() * 1_000_000),
    "operation": "StopLogging",
    "error_code": "AccessDenied",
    "is_read_only": 0.0,
    "is_data_read": 0.0,
    "is_mfa": np.nan,
    "exposure": 650.0,
}


def features(**changes: Any) -> dict[str, float]:
    """The features of one call."""
    values = {**CALL, **HISTORY, **changes}
    columns = {
        name: np.array([value], dtype=object if isinstance(value, str) or value is None else None)
        for name, value in values.items()
    }
    return {name: float(array[0]) for name, array in request_features(load_domain("cloud_security"), columns).items()}


def test_what_the_call_is() -> None:
    """Its hour and day, whether it failed, and what it changes."""
    found = features()
    assert (found["hour_of_day"], found["is_weekend"], found["is_error"], found["is_write"]) == (12, 1, 1, 1)
    assert (found["is_logging_change"], found["is_identity_change"], found["is_sharing"]) == (1, 0, 0)
    assert features(operation="CreateAccessKey", error_code=None)["is_identity_change"] == 1
    assert features(operation="ModifySnapshotAttribute")["is_sharing"] == 1
    assert features(operation="RunInstances")["is_compute_launch"] == 1
    assert features(error_code=None)["is_error"] == 0


@pytest.mark.parametrize(("mfa", "expected"), [(0.0, 1.0), (1.0, 0.0), (np.nan, 0.0)])
def test_a_second_factor_is_missed_only_where_that_is_known(mfa: float, expected: float) -> None:
    """A log that does not say is no accusation."""
    assert features(is_mfa=mfa)["is_without_mfa"] == expected


def test_what_is_new() -> None:
    """An API nobody called, one the peers know, a network that is known, a country that is not given."""
    found = features()
    assert (found["is_new_operation"], found["is_new_operation_for_peers"]) == (1, 0)
    assert (found["is_new_network"], found["is_new_agent"]) == (0, 0)
    assert np.isnan(found["is_new_country"])
    assert features(principal_country_calls_90d=0.0)["is_new_country"] == 1


def test_surprise_and_bursts() -> None:
    """Bits of a smoothed probability, and counts against what is usual."""
    found = features()
    assert found["operation_surprise"] == pytest.approx(np.log2(820))
    assert found["peer_surprise"] == pytest.approx(np.log2(848 / 29))
    assert found["network_share"] == pytest.approx(0.25)
    assert found["calls_burst"] == pytest.approx(6.0)
    assert found["reads_burst"] == pytest.approx(3.0)
    assert found["bytes_burst"] == 1.0
    assert features(principal_operation_calls_30d=100.0)["operation_surprise"] < 4


def test_without_history_nothing_is_known() -> None:
    """Where the store gives nothing, what is computed from it is missing, not nought."""
    found = features(**dict.fromkeys(HISTORY, np.nan))
    missing = {name for name, value in found.items() if np.isnan(value)}
    assert {"is_new_operation", "is_new_network", "operation_surprise", "calls_burst", "network_share"} <= missing
    assert found["is_logging_change"] == 1
