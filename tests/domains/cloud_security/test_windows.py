"""Windowed features against their definition, one point at a time in plain Python over the simulated history."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from riskloom.features.request import request_features
from riskloom.windows import load_plan
from riskloom.windows.plan import WindowFeature
from tests.domains.cloud_security.conftest import EVENTS, Warehouse

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - as tables hold times
SAMPLED = 250
Value = float | int | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened and became known, in microseconds."""

    effective: int
    observed: int
    row: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Check:
    """A feature, the events it counts by their entity, and what it makes of those in its window."""

    view: str
    feature: str
    stream: str
    value: Callable[[Sequence[Event], int], Value]


def distinct(name: str) -> Callable[[Sequence[Event], int], Value]:
    """How many values a field has."""
    return lambda events, _: len({event.row[name] for event in events} - {None})


def how_many(events: Sequence[Event], _: int) -> Value:
    """How many events there are."""
    return len(events)


def count(is_counted: Callable[[Mapping[str, Any]], bool]) -> Callable[[Sequence[Event], int], Value]:
    """How many events are counted."""
    return lambda events, _: sum(is_counted(event.row) for event in events)


def since_last(events: Sequence[Event], at: int) -> Value:
    """Seconds since the last event."""
    return (at - max(event.effective for event in events)) / 1e6 if events else None


def largest(events: Sequence[Event], _: int) -> Value:
    """The largest object."""
    return max((event.row["bytes_out"] for event in events if event.row["bytes_out"] is not None), default=None)


CHECKS = [
    Check("principal_activity", "principal_calls_1h", "calls", how_many),
    Check("principal_activity", "principal_errors_1d", "calls", count(lambda row: row["error_code"] is not None)),
    Check("principal_activity", "principal_data_reads_30d", "calls", count(lambda row: row["is_data_read"])),
    Check("principal_activity", "principal_bytes_max_30d", "calls", largest),
    Check("principal_activity", "principal_operations_7d", "calls", distinct("operation")),
    Check("principal_operation", "principal_operation_calls_90d", "calls", how_many),
    Check("principal_operation", "principal_operation_seconds_since", "calls", since_last),
    Check("peer_operation", "peer_operation_principals_90d", "calls", distinct("principal_id")),
    Check("principal_network", "principal_network_calls_30d", "calls", how_many),
    Check("network_activity", "network_failed_signins_1d", "signins", count(lambda row: not row["is_successful"])),
    Check(
        "principal_findings",
        "principal_findings_30d",
        "findings",
        lambda events, _: sum(e.row["change"] for e in events),
    ),
]


@pytest.fixture(scope="module")
def streams(warehouse: Warehouse) -> dict[str, list[Event]]:
    """What windows count, from the landed tables."""
    calls = {row["event_id"]: row for row in rows(warehouse, EVENTS)}
    said: dict[str, list[tuple[datetime, datetime, bool]]] = defaultdict(list)
    for row in rows(warehouse, "findings__api_calls"):
        known = max(row["observed_at"], calls[row["event_id"]]["observed_at"])
        said[row["event_id"]].append((known, row["effective_at"], row["is_confirmed"]))
    changes = []
    for event_id, statements in said.items():
        held = False
        for known, _, is_confirmed in sorted(statements):
            if is_confirmed != held:
                change = {"change": 1 if is_confirmed else -1, "observed_at": known}
                changes.append(event({**calls[event_id], **change}))
            held = is_confirmed
    signins = [event(row) for row in rows(warehouse, "signin__attempts")]
    return {"calls": [event(row) for row in calls.values()], "signins": signins, "findings": changes}


@pytest.fixture(scope="module")
def sample(streams: dict[str, list[Event]]) -> list[Event]:
    """Some decisions, half of them of principals on which there were findings."""
    chosen = random.Random(1)
    found = {event.row["principal_id"] for event in streams["findings"]}
    with_findings = [event for event in streams["calls"] if event.row["principal_id"] in found]
    return chosen.sample(streams["calls"], SAMPLED // 2) + chosen.sample(with_findings, SAMPLED // 2)


def rows(warehouse: Warehouse, table: str) -> list[dict[str, Any]]:
    """A landed table."""
    found: list[dict[str, Any]] = warehouse.read(f"FROM {warehouse.landed(table)}").to_pylist()
    return found


def event(row: Mapping[str, Any]) -> Event:
    """A row with its times in microseconds."""
    return Event(microseconds(row["effective_at"]), microseconds(row["observed_at"]), row)


def microseconds(instant: datetime) -> int:
    """Since 1970."""
    elapsed = instant - EPOCH
    return (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.feature)
def test_a_feature_is_what_its_definition_says(
    warehouse: Warehouse, streams: dict[str, list[Event]], sample: list[Event], check: Check
) -> None:
    """An event counts from just after it was known until the tail has passed the time at which it happened."""
    plan = load_plan(warehouse.domain, warehouse.settings.dbt_manifest)
    (view,) = (one for one in plan.views if one.name == check.view)
    (feature,) = (one for one in view.features if one.name == check.feature and isinstance(one, WindowFeature))
    span, key = view.spans[feature.span], view.join_key
    kept: dict[str, list[Event]] = defaultdict(list)
    for one in streams[check.stream]:
        if one.row[key] is not None:
            kept[one.row[key]].append(one)
    query = f"SELECT {key}, event_timestamp, {check.feature} FROM {warehouse.mart(check.view)}"  # noqa: S608
    mart = {
        (row[key], microseconds(row["event_timestamp"])): row[check.feature]
        for row in warehouse.read(query).to_pylist()
    }
    expected = []
    for decided in (one for one in sample if one.row[key] is not None):
        at, entity = decided.observed, decided.row[key]
        past = [
            one
            for one in kept[entity]
            if max(one.observed, one.effective) < at and one.effective >= at - at % span.hop_us - span.width_us
        ]
        expected.append(check.value(past, at))
        assert mart[entity, at] == pytest.approx(expected[-1]), (entity, decided.row["observed_at"])
    assert len(set(expected)) > 3, "a feature that hardly varies compares nothing"


def test_what_is_new_was_not_there_in_ninety_days(
    warehouse: Warehouse, streams: dict[str, list[Event]], sample: list[Event]
) -> None:
    """The first call of an API is new to its principal, and to its peers where none of them called it; no other is."""
    pairs = warehouse.read(
        f"""SELECT s.event_id, o.principal_operation_calls_90d, p.peer_operation_calls_90d
        FROM {warehouse.mart("subjects")} AS s
        JOIN {warehouse.mart("principal_operation")} AS o
            ON s.principal_operation = o.principal_operation AND s.decision_at = o.event_timestamp
        JOIN {warehouse.mart("peer_operation")} AS p
            ON s.peer_operation = p.peer_operation AND s.decision_at = p.event_timestamp"""  # noqa: S608
    ).to_pylist()
    counts = {row["event_id"]: row for row in pairs}
    columns: dict[str, Any] = defaultdict(lambda: np.zeros(len(sample)))
    for name in ("principal_operation_calls_90d", "peer_operation_calls_90d"):
        columns[name] = np.array([float(counts[one.row["event_id"]][name]) for one in sample])
    for name in ("operation", "error_code"):
        columns[name] = np.array([one.row[name] for one in sample], dtype=object)
    columns["effective_at"] = np.array([one.effective for one in sample])
    values = request_features(warehouse.domain, columns)
    for name, key in (("is_new_operation", "principal_operation"), ("is_new_operation_for_peers", "peer_operation")):
        first: dict[str, int] = {}
        for one in streams["calls"]:
            first[one.row[key]] = min(first.get(one.row[key], one.observed), one.observed)
        # the history is shorter than the window, so what is new has never been seen
        assert values[name].tolist() == [float(first[one.row[key]] >= one.observed) for one in sample]
        assert 0 < values[name].sum() < len(sample)
