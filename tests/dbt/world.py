"""A small made-up world of payments, full of ties, window edges, late labels and reversals, and its true features."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from riskloom.catalog import Domain
from riskloom.ingest import arrow_schema

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MATURITY = 7 * DAY

Row = Mapping[str, Any]


@dataclass
class World:
    """Rows of each table, as the contracts have them; times are naive UTC."""

    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def observed(self, first: datetime | None = None, last: datetime | None = None) -> World:
        """The part of the world observed in ``[first, last)``."""
        return World(
            {
                name: [
                    row
                    for row in rows
                    if (first is None or row["observed_at"] >= naive(first))
                    and (last is None or row["observed_at"] < naive(last))
                ]
                for name, rows in self.tables.items()
            }
        )

    def without(self, *names: str) -> World:
        """The world with some tables empty."""
        return World({name: [] if name in names else rows for name, rows in self.tables.items()})

    def only(self, *names: str) -> World:
        """The world with all other tables empty."""
        return self.without(*(name for name in self.tables if name not in names))

    def land(self, domain: Domain, landing: Path, file: str) -> None:
        """Write one file a table into the landing zone."""
        for name, rows in self.tables.items():
            if rows:
                folder = landing / domain.name / name
                folder.mkdir(parents=True, exist_ok=True)
                table = pa.Table.from_pylist(rows, schema=arrow_schema(domain.tables[name]))
                pq.write_table(table, folder / f"{file}.parquet")


def naive(instant: datetime) -> datetime:
    """As tables hold it: UTC without saying so."""
    return instant.astimezone(UTC).replace(tzinfo=None)


def make_world(seed: int, payments: int = 500, days: int = 60) -> World:
    """A world whose times lie on a grid often enough that ties and exact window edges occur."""
    rng = random.Random(seed)

    def instant() -> datetime:
        moment = naive(START) + timedelta(microseconds=rng.randrange(days * 86_400_000_000))
        return moment.replace(minute=0, second=0, microsecond=0) if rng.random() < 0.5 else moment

    def event(at: datetime, late: timedelta = timedelta()) -> dict[str, Any]:
        return {"effective_at": at, "observed_at": at + late}

    transactions = [
        {
            "transaction_id": f"x{number:04}",
            "customer_id": f"c{min(rng.randrange(12), rng.randrange(12))}",
            "terminal_id": f"t{min(rng.randrange(8), rng.randrange(8))}",
            "device_id": f"d{rng.randrange(10)}" if rng.random() < 0.6 else None,
            "channel": "online",
            "amount": Decimal(rng.randrange(20_000)) / 100,
            "currency": "USD",
            **event(instant(), HOUR * rng.choice([0, 0, 0, 5])),
        }
        for number in range(payments)
    ]
    devices = [
        {"device_id": f"d{number % 8}", "customer_id": f"c{number % 11}", "kind": "phone", **event(instant())}
        for number in range(20)
    ]
    logins = [
        {
            "login_id": f"l{number:04}",
            "customer_id": f"c{rng.randrange(12)}",
            "device_id": None,
            "is_successful": rng.random() < 0.7,
            "country": "NL",
            **event(instant()),
        }
        for number in range(300)
    ]
    return World(
        {
            "payments__transactions": transactions,
            "payments__chargebacks": _statements(rng, transactions),
            "accounts__devices": devices,
            "accounts__logins": logins,
        }
    )


def _statements(rng: random.Random, transactions: Sequence[Row]) -> list[dict[str, Any]]:
    """Chargebacks, some of them before their payment is known, some reversed, some charged back again or said twice."""
    rows: list[dict[str, Any]] = []
    for payment in transactions:
        if rng.random() > 0.25:
            continue
        at = payment["effective_at"] + HOUR * rng.choice([2, 24, 24 * 7, rng.randrange(24 * 20)])
        for is_fraud in rng.choice([[True], [True], [True, False], [True, False, True], [True, True], [False]]):
            rows.append(
                {
                    "chargeback_id": f"b{len(rows):04}",
                    "transaction_id": payment["transaction_id"],
                    "is_fraud": is_fraud,
                    "reason_code": None,
                    "effective_at": at,
                    "observed_at": at,
                }
            )
            at += HOUR * rng.choice([1, 24, 24 * 9, 24 * 31])
    return rows


class Truth:
    """The features of a world by their definition, one point at a time, as slowly and plainly as can be."""

    def __init__(self, world: World) -> None:
        self.payments = world.tables["payments__transactions"]
        self.devices = world.tables["accounts__devices"]
        self.logins = world.tables["accounts__logins"]
        by_id = {payment["transaction_id"]: payment for payment in self.payments}
        self.statements = [
            {**row, "payment": by_id[row["transaction_id"]]}
            for row in world.tables["payments__chargebacks"]
            if row["transaction_id"] in by_id
        ]

    def features(self, view: str, entity: str, at: datetime) -> dict[str, float | None]:
        """All features of a view for an entity at a point."""
        values: dict[str, float | None] = getattr(self, f"_{view}")(entity, at)
        return values

    def _customer_activity(self, entity: str, at: datetime) -> dict[str, float | None]:
        mine = [row for row in self.payments if row["customer_id"] == entity]
        month = _within(mine, at, 30 * DAY)
        last = max((row["observed_at"] for row in month), default=None)
        values: dict[str, float | None] = {
            "customer_seconds_since_payment": (at - last) / timedelta(seconds=1) if last else None,
            "customer_terminals_7d": len({row["terminal_id"] for row in _within(mine, at, 7 * DAY)}),
            "customer_terminals_30d": len({row["terminal_id"] for row in month}),
        }
        for span, length in {"1h": HOUR, "1d": DAY, "7d": 7 * DAY, "30d": 30 * DAY}.items():
            amounts = [row["amount"] for row in _within(mine, at, length)]
            cents = int(sum(amounts) * 100)
            values[f"customer_payments_{span}"] = len(amounts)
            values[f"customer_amount_sum_{span}"] = cents / 100
            values[f"customer_amount_mean_{span}"] = cents / 100 / len(amounts) if amounts else None
            values[f"customer_amount_max_{span}"] = float(max(amounts)) if amounts else None
        return values

    def _customer_access(self, entity: str, at: datetime) -> dict[str, float | None]:
        mine = [row for row in self.logins if row["customer_id"] == entity]
        bound = [row["observed_at"] for row in _before(self.devices, at) if row["customer_id"] == entity]
        values: dict[str, float | None] = {
            "customer_devices": len(bound),
            "customer_days_since_new_device": (at - max(bound)) / timedelta(microseconds=1) / 86_400_000_000
            if bound
            else None,
        }
        for span, length in {"1d": DAY, "7d": 7 * DAY}.items():
            attempts = _within(mine, at, length)
            values[f"customer_logins_{span}"] = len(attempts)
            values[f"customer_failed_logins_{span}"] = sum(not row["is_successful"] for row in attempts)
        return values

    def _customer_frauds(self, entity: str, at: datetime) -> dict[str, float | None]:
        return {
            f"customer_frauds_{span}": self._frauds("customer_id", entity, at, length)
            for span, length in {"30d": 30 * DAY, "90d": 90 * DAY}.items()
        }

    def _terminal_activity(self, entity: str, at: datetime) -> dict[str, float | None]:
        mine = [row for row in self.payments if row["terminal_id"] == entity]
        values: dict[str, float | None] = {}
        for span, length in {"1d": DAY, "7d": 7 * DAY, "30d": 30 * DAY}.items():
            amounts = [row["amount"] for row in _within(mine, at, length)]
            cents = int(sum(amounts) * 100)
            values[f"terminal_payments_{span}"] = len(amounts)
            values[f"terminal_amount_mean_{span}"] = cents / 100 / len(amounts) if amounts else None
        return values

    def _terminal_risk(self, entity: str, at: datetime) -> dict[str, float | None]:
        matured = [
            {"observed_at": row["observed_at"] + MATURITY} for row in self.payments if row["terminal_id"] == entity
        ]
        values: dict[str, float | None] = {}
        for span, length in {"1d": DAY, "7d": 7 * DAY, "30d": 30 * DAY}.items():
            frauds, old = self._frauds("terminal_id", entity, at, length), len(_within(matured, at, length))
            values[f"terminal_frauds_{span}"] = frauds
            values[f"terminal_matured_{span}"] = old
            values[f"terminal_fraud_rate_{span}"] = frauds / old if old else None
        return values

    def _device_activity(self, entity: str, at: datetime) -> dict[str, float | None]:
        bound = [row["observed_at"] for row in _before(self.devices, at) if row["device_id"] == entity]
        return {
            "device_payments_7d": len(
                _within([row for row in self.payments if row["device_id"] == entity], at, 7 * DAY)
            ),
            "device_customers": len(bound),
            "device_age_days": (at - min(bound)) / timedelta(microseconds=1) / 86_400_000_000 if bound else None,
        }

    def _frauds(self, key: str, entity: str, at: datetime, length: timedelta) -> int:
        """Payments that, as known before ``at``, are frauds, and have been so since a time within the span."""
        count = 0
        for payment in self.payments:
            if payment[key] != entity:
                continue
            since: datetime | None = None
            said = [
                (max(row["observed_at"], payment["observed_at"]), row["effective_at"], row["is_fraud"])
                for row in self.statements
                if row["transaction_id"] == payment["transaction_id"]
            ]
            for known_at, _, is_fraud in sorted(said):
                if known_at < at:
                    since = (since or known_at) if is_fraud else None
            count += since is not None and since >= at - length
        return count


def _before(rows: Iterable[Row], at: datetime) -> list[Row]:
    return [row for row in rows if row["observed_at"] < at]


def _within(rows: Iterable[Row], at: datetime, length: timedelta) -> list[Row]:
    return [row for row in _before(rows, at) if row["observed_at"] >= at - length]
