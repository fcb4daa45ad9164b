"""A small made-up world of payments, full of ties, hop edges, late rows, late labels and reversals."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
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
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - as tables hold times
LATENESS = (0, 0, 0, 0, 0, 0, 5, 24 * 3, 24 * 40, -0.5)  # hours

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


def make_world(seed: int, payments: int = 600, days: int = 130) -> World:
    """
    A world whose times lie on a grid often enough that ties and exact hop edges occur.

    Rows arrive at once, hours or weeks late, or half an hour before they say they happened.
    """
    rng = random.Random(seed)

    def instant() -> datetime:
        moment = naive(START) + timedelta(microseconds=rng.randrange(days * 86_400_000_000))
        return moment.replace(minute=0, second=0, microsecond=0) if rng.random() < 0.5 else moment

    def event() -> dict[str, Any]:
        at = instant()
        return {"effective_at": at, "observed_at": at + HOUR * rng.choice(LATENESS)}

    transactions = [
        {
            "transaction_id": f"x{number:04}",
            "customer_id": f"c{min(rng.randrange(12), rng.randrange(12))}",
            "terminal_id": f"t{min(rng.randrange(8), rng.randrange(8))}",
            "device_id": f"d{rng.randrange(10)}" if rng.random() < 0.6 else None,
            "channel": "online",
            "amount": Decimal(rng.randrange(20_000)) / 100,
            "currency": "USD",
            **event(),
        }
        for number in range(payments)
    ]
    devices = [
        {
            "device_id": f"d{number % 8}",
            "customer_id": f"c{number % 11}",
            "kind": "phone",
            **event(),
        }
        for number in range(20)
    ]
    logins = [
        {
            "login_id": f"l{number:04}",
            "customer_id": f"c{rng.randrange(12)}",
            "device_id": None,
            "is_successful": rng.random() < 0.7,
            "country": "NL",
            **event(),
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
