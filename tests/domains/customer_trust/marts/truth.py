"""Windowed features of a world by their definition, one point at a time, as slowly and plainly as can be."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from riskloom.windows.plan import RatioFeature, WindowFeature, WindowPlan, WindowView
from tests.domains.customer_trust.marts.world import EPOCH, Row, World

SECOND = 1_000_000
#: Of the card domain's labels.
MATURITY = timedelta(days=7)

Value = float | int | None


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a stream: when it happened, when it was known (microseconds), and its entities and fields."""

    effective: int
    observed: int
    row: Mapping[str, object]


class Truth:
    """The features of a world."""

    def __init__(self, world: World, plan: WindowPlan) -> None:
        self.plan = plan
        self.streams = streams_of(world)
        self._kept: dict[tuple[str, str], dict[str, list[Event]]] = {}

    def points(self, view: WindowView, as_of: datetime | None = None) -> set[tuple[str, int]]:
        """Every entity with the instants at which it is decided, and with ``as_of`` its state then."""
        decided = {(str(event.row[view.join_key]), event.observed) for event in self._decisions(view)}
        if as_of is None:
            return decided
        return decided | {(entity, microseconds(as_of.replace(tzinfo=None))) for entity, _ in decided}

    def features(self, view: WindowView, entity: str, at: int) -> dict[str, Value]:
        """All features of a view for an entity at an instant in microseconds."""
        values: dict[str, Value] = {}
        for feature in view.features:
            values[feature.name] = (
                _ratio(feature, values)
                if isinstance(feature, RatioFeature)
                else self._aggregate(view, feature, entity, at)
            )
        return values

    def _decisions(self, view: WindowView) -> Sequence[Event]:
        return [event for event in self.streams["payments"] if event.row[view.join_key] is not None]

    def _aggregate(self, view: WindowView, feature: WindowFeature, entity: str, at: int) -> Value:
        span = view.spans[feature.span]
        first = at - at % span.hop_us - span.width_us
        counted = [
            event
            for event in self._events_of(feature.stream, view.join_key).get(entity, [])
            if max(event.observed, event.effective + feature.delay_us) < at
            and event.effective + feature.delay_us >= first
        ]
        if feature.field is not None:
            counted = [event for event in counted if event.row[feature.field] is not None]
        if feature.aggregate.startswith("time_since"):
            places = [event.effective for event in counted]
            chosen = max if feature.aggregate == "time_since_last" else min
            return (at - chosen(places)) / SECOND if places else None
        if feature.aggregate == "count":
            return len(counted)
        assert feature.field is not None
        if feature.aggregate == "distinct":
            assert feature.cap is not None
            return min(len({event.row[feature.field] for event in counted}), feature.cap)
        if feature.aggregate == "last":
            counted = [max(counted, key=lambda event: _place(event, feature))] if counted else []
        scale = self.plan.stream(feature.stream).fields[feature.field]
        assert scale != "key"
        return _of_numbers(feature.aggregate, [_whole(event.row[feature.field], scale) for event in counted], scale)

    def _events_of(self, stream: str, key: str) -> dict[str, list[Event]]:
        if (stream, key) not in self._kept:
            kept: dict[str, list[Event]] = defaultdict(list)
            for event in self.streams[stream]:
                if event.row[key] is not None:
                    kept[str(event.row[key])].append(event)
            self._kept[stream, key] = kept
        return self._kept[stream, key]


def streams_of(world: World) -> dict[str, list[Event]]:
    """The streams that card payments publish, from the landed rows."""
    payments = {row["transaction_id"]: row for row in world.tables["payments__transactions"]}
    bindings: dict[tuple[str, str], Row] = {}
    for row in sorted(world.tables["accounts__devices"], key=lambda row: (row["observed_at"], row["effective_at"])):
        bindings.setdefault((row["device_id"], row["customer_id"]), row)
    return {
        "payments": [_event(row) for row in payments.values()],
        "logins": [_event({**row, "is_failed": not row["is_successful"]}) for row in world.tables["accounts__logins"]],
        "bindings": [_event(row) for row in bindings.values()],
        "fraud_verdicts": [change for payment in payments.values() for change in _changes(world, payment)],
        "fraud_runs": _runs(world, list(payments.values())),
    }


def _runs(world: World, payments: list[Row]) -> list[Event]:
    """For each fraud the frauds at its terminal since the last honest payment, by what was known at maturity."""
    usual = {payment["transaction_id"]: _amount_to_usual(payment, payments) for payment in payments}
    payments = [payment for payment in payments if payment["observed_at"] <= payment["effective_at"] + MATURITY]
    frauds = {payment["transaction_id"] for payment in payments if _is_fraud_at_maturity(world, payment)}
    runs = []
    for payment in payments:
        if payment["transaction_id"] not in frauds:
            continue
        past = [
            (other["effective_at"], other["transaction_id"] in frauds, other)
            for other in payments
            if other["terminal_id"] == payment["terminal_id"] and other["effective_at"] <= payment["effective_at"]
        ]
        honest = max((at for at, is_fraud, _ in past if not is_fraud), default=EPOCH)
        run = [other for at, is_fraud, other in past if is_fraud and at > honest]
        if honest < payment["effective_at"]:
            first = min(other["effective_at"] for other in run)
            facts = {
                "run": len(run),
                "lasted_us": microseconds(payment["effective_at"]) - microseconds(first),
                "least_amount": min(other["amount"] for other in run),
                "least_amount_to_usual": min(usual[other["transaction_id"]] for other in run),
            }
            runs.append(_event({**payment, **facts, "observed_at": payment["effective_at"] + MATURITY}))
    return runs


def _amount_to_usual(payment: Row, payments: list[Row]) -> Decimal:
    """A payment's amount by the mean of what its card had paid before, by what was known; hundredths, cut off."""
    earlier = [
        other["amount"]
        for other in payments
        if other["customer_id"] == payment["customer_id"] and other["observed_at"] < payment["observed_at"]
    ]
    if not sum(earlier):
        return Decimal(1)
    return Decimal(int(100 * payment["amount"] * len(earlier) / sum(earlier))) / 100


def _is_fraud_at_maturity(world: World, payment: Row) -> bool:
    matured = microseconds(payment["effective_at"] + MATURITY)
    return sum(int(str(change.row["change"])) for change in _changes(world, payment) if change.observed <= matured) > 0


def _changes(world: World, payment: Row) -> list[Event]:
    """A change each time that what is held of a payment turns, known when the statement and the payment are."""
    said = sorted(
        (max(row["observed_at"], payment["observed_at"]), row["effective_at"], row["is_fraud"])
        for row in world.tables["payments__chargebacks"]
        if row["transaction_id"] == payment["transaction_id"]
    )
    changes, was_fraud = [], False
    for observed, _, is_fraud in said:
        if is_fraud != was_fraud:
            change = {"change": 1 if is_fraud else -1, "confirmed": 1 if is_fraud else None}
            changes.append(_event({**payment, **change, "observed_at": observed}))
        was_fraud = is_fraud
    return changes


def _event(row: Row) -> Event:
    return Event(microseconds(row["effective_at"]), microseconds(row["observed_at"]), row)


def microseconds(instant: datetime) -> int:
    """Since 1970, of a time that is UTC without saying so."""
    elapsed = instant - EPOCH
    return (elapsed.days * 86_400 + elapsed.seconds) * SECOND + elapsed.microseconds


def _place(event: Event, feature: WindowFeature) -> tuple[int, int, int]:
    axis = event.effective + feature.delay_us
    return axis, max(event.observed, axis), _whole(event.row[str(feature.field)], scale=9)


def _whole(value: object, scale: int) -> int:
    exact = Decimal(int(value) if isinstance(value, bool) else str(value)) * 10**scale
    assert exact == int(exact)
    return int(exact)


def _of_numbers(aggregate: str, numbers: Sequence[int], scale: int) -> Value:
    if aggregate == "sum":
        return _scaled(sum(numbers), scale)
    if not numbers:
        return None
    count, total, unit = len(numbers), sum(numbers), float(10**scale)
    if aggregate in {"mean", "rate"}:
        return float(total) / count / unit
    if aggregate == "std":
        return math.sqrt(float(count * sum(number * number for number in numbers) - total * total)) / count / unit
    chosen: dict[str, Callable[[Sequence[int]], int]] = {"min": min, "max": max, "last": lambda one: one[0]}
    return _scaled(chosen[aggregate](numbers), scale)


def _scaled(number: int, scale: int) -> Value:
    return float(number) / float(10**scale) if scale else number


def _ratio(feature: RatioFeature, values: Mapping[str, Value]) -> Value:
    above, below = values[feature.numerator], values[feature.denominator]
    if feature.smoothing is None:
        return None if above is None or not below else float(above) / float(below)
    weight, prior = feature.smoothing.weight, feature.smoothing.prior
    return (float(above or 0) + weight * prior) / (float(below or 0) + weight)
