"""What every feature must be, straight from the definition, over the list of all events. Slow and plain on purpose."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from riskloom.windows import RatioFeature, WindowFeature, WindowPlan, WindowView

Value = float | None


@dataclass(frozen=True)
class Logged:
    """An event that was accepted, with its stamp."""

    stream: str
    event: Mapping[str, Any]
    effective_us: int
    observed_us: int


def expected(plan: WindowPlan, log: Sequence[Logged], keys: Mapping[str, str | None], at_us: int) -> dict[str, Value]:
    """The features of these keys at an instant."""
    values: dict[str, Value] = {}
    for view in plan.views:
        if view.join_key in keys:
            key = keys[view.join_key]
            values |= dict.fromkeys([feature.name for feature in view.features])
            if key is not None:
                values |= _view(plan, view, [each for each in log if each.event.get(view.join_key) == key], at_us)
    return values


def _view(plan: WindowPlan, view: WindowView, log: Sequence[Logged], at_us: int) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for feature in view.features:
        if isinstance(feature, WindowFeature):
            values[feature.name] = _window(plan, view, feature, log, at_us)
    for feature in view.features:
        if isinstance(feature, RatioFeature):
            values[feature.name] = _ratio(feature, values)
    return values


def _window(plan: WindowPlan, view: WindowView, feature: WindowFeature, log: Sequence[Logged], at_us: int) -> Value:
    span = view.spans[feature.span]
    start_us = (at_us // span.hop_us) * span.hop_us - span.width_us
    rows: list[tuple[int, int, Any]] = []
    for each in log:
        axis_us = each.effective_us + feature.delay_us
        enter_us = max(each.observed_us, axis_us)
        if each.stream == feature.stream and enter_us < at_us and axis_us >= start_us:
            rows.append((axis_us, enter_us, None if feature.field is None else each.event[feature.field]))
    scale = 0 if feature.field is None else plan.stream(feature.stream).fields[feature.field]
    if feature.field is not None:
        rows = [row for row in rows if row[2] is not None]
    if feature.aggregate == "count":
        return len(rows)
    if feature.aggregate == "distinct":
        assert feature.cap is not None
        return min(len({value for *_, value in rows}), feature.cap)
    if feature.aggregate == "time_since_last":
        return (at_us - max(row[0] for row in rows) + feature.delay_us) / 1e6 if rows else None
    if feature.aggregate == "time_since_first":
        return (at_us - min(row[0] for row in rows) + feature.delay_us) / 1e6 if rows else None
    assert isinstance(scale, int)
    exact = [(axis, enter, int(Decimal(value) * 10**scale)) for axis, enter, value in rows]
    return _number(feature, exact, scale)


def _number(feature: WindowFeature, rows: list[tuple[int, int, int]], scale: int) -> Value:
    values, count = [value for *_, value in rows], len(rows)

    def published(number: int) -> float:
        return number if feature.data_type == "bigint" else float(number) / float(10**scale)

    if feature.aggregate == "sum":
        return published(sum(values))
    if not rows:
        return None
    if feature.aggregate in {"mean", "rate"}:
        return float(sum(values)) / count / float(10**scale)
    if feature.aggregate == "std":
        spread = count * sum(value * value for value in values) - sum(values) ** 2
        return math.sqrt(float(spread)) / count / float(10**scale)
    chosen = {"min": min(values), "max": max(values), "last": max(rows)[2]}
    return published(chosen[feature.aggregate])


def _ratio(feature: RatioFeature, values: Mapping[str, Value]) -> Value:
    top, bottom = values[feature.numerator], values[feature.denominator]
    if feature.smoothing is not None:
        weight, prior = feature.smoothing.weight, feature.smoothing.prior
        return ((top or 0) + weight * prior) / ((bottom or 0) + weight)
    return None if top is None or not bottom else top / bottom
