"""Decisions into the outbox and from there into the ledger, beside one transaction for each decision."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine

from benchmarks.ledger.rows import DOMAIN, OUTCOMES, record
from benchmarks.rows import Row
from benchmarks.workbench import Workbench, timed
from riskloom.ledger import Outbox
from riskloom.ledger.cargo import DecisionCargo
from riskloom.ledger.database import open_database, sqlite_url
from riskloom.ledger.migrations import migrate
from riskloom.ledger.records import Alerting
from riskloom.ledger.shipping import Shipper

_PEER = "INSERT and commit for each decision, SQLite"
SUSTAINED = 2_000  # decisions a second on two cores


def measure(bench: Workbench) -> Iterator[Row]:
    """Latency of keeping one decision, and the rate at which kept ones reach the database."""
    folder, count = bench.work_in("shipping"), bench.size(60_000, 2_000)
    random = np.random.default_rng(7)
    records = [record(number, bench.start, random) for number in range(count)]
    kept = append_seconds(folder / "decisions", records)
    alone = _insert_each(folder / "peer.db", records[: bench.size(5_000, 500)])
    for name, share in (("p50", 50), ("p99", 99)):
        ours, theirs = float(np.percentile(kept, share)), float(np.percentile(alone, share))
        yield Row(f"outbox append, {name}", ours * 1e6, "µs", "lower", _PEER, theirs * 1e6)
    engine = open_database(sqlite_url(folder / "ledger.db"))
    migrate(engine)
    rate = count / ship_seconds(engine, folder, bench)
    engine.dispose()
    peer = len(alone) / sum(alone)
    yield Row(f"decisions shipped, {count:,}", rate, "decisions/s", "higher", _PEER, peer, target=SUSTAINED)


def append_seconds(folder: Path, records: Sequence[dict[str, Any]]) -> list[float]:
    """Seconds that each took to be kept in an outbox."""
    seconds = []
    with Outbox(folder) as outbox:
        for one in records:
            begin = time.perf_counter()
            outbox.append(one)
            seconds.append(time.perf_counter() - begin)
    return seconds


def ship_seconds(engine: Engine, folder: Path, bench: Workbench) -> float:
    """How long it takes until what lies in ``folder/decisions`` is in a ledger."""
    cargo = DecisionCargo({DOMAIN: Alerting(frozenset(OUTCOMES[1:]), Decimal(10))})
    shipper = Shipper(
        engine, folder / "decisions", source="bench", holder="bench", clock=lambda: bench.end, cargo=cargo
    )
    with timed() as watch:
        shipper.ship()
    return watch.seconds


def _insert_each(path: Path, records: Sequence[dict[str, Any]]) -> list[float]:
    """Seconds that each took; the same pragmas, one index besides the key, the document in one column."""
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in (
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = NORMAL",
        "CREATE TABLE decisions (decision_id TEXT PRIMARY KEY, domain TEXT, decided_at TEXT, document TEXT)",
        "CREATE INDEX by_time ON decisions (domain, decided_at)",
    ):
        connection.execute(statement)
    seconds = []
    for one in records:
        begin = time.perf_counter()
        row = (one["decision_id"], one["domain"], one["decided_at"], json.dumps(one))
        connection.execute("INSERT INTO decisions VALUES (?, ?, ?, ?)", row)
        seconds.append(time.perf_counter() - begin)
    connection.close()
    return seconds
