"""A domain of the tests' own with one table of each sort, its declared windows, and a door to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from riskloom.catalog import Domain
from riskloom.contracts import TableContract
from riskloom.features import EntryLog, StoreLocation
from riskloom.features.live import open_state, to_us
from riskloom.ingest import LandedEvents, land_events
from riskloom.intake import Door, open_door
from riskloom.ledger import Outbox
from riskloom.windows import WindowPlan, load_plan
from riskloom.windows.engine import WindowEngine, mark_bootstrapped
from tests.windows.declared import any_domain, manifest, stream, view

#: Counted row by row, with a field that is made of a column.
VISITS = "shop__visits"
#: Its stream is made of more than its rows.
CLAIMS = "shop__claims"
#: No window reads it.
NOTES = "shop__notes"
#: A changed row is a correction.
PRICES = "shop__prices"
#: Of the pseudonyms of notes' authors.
KEY = bytes(range(32))
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def table(name: str, key: tuple[str, ...], **columns: str) -> TableContract:
    """A contract with these columns and the two times."""
    types = {**columns, "effective_at": "timestamp", "observed_at": "timestamp"}
    described = {
        column: {"type": kind.removesuffix("?"), "description": "A column of a test.", "nullable": kind.endswith("?")}
        for column, kind in types.items()
    }
    if "author" in described:
        described["author"]["pseudonym"] = "c-"
    content = {"name": name, "description": "A table of a test.", "key": key, "columns": described}
    return TableContract.model_validate(content)


def shop() -> Domain:
    """The first domain of the catalogue with tables of our own besides its payments."""
    domain = any_domain()
    events, labels = domain.subject.event_table, domain.label.table
    tables = {
        events: domain.tables[events],
        labels: domain.tables[labels],
        VISITS: table(VISITS, ("visit",), visit="string", card="string", is_known="boolean", spent="decimal(18,2)?"),
        CLAIMS: table(CLAIMS, ("claim",), claim="string", card="string"),
        NOTES: table(NOTES, ("note",), note="string", text="string?", author="string?"),
        PRICES: table(PRICES, ("item", "observed_at"), item="string", price="decimal(18,2)"),
    }
    return domain.model_copy(update={"tables": tables})


def declared(folder: Path, domain: Domain) -> Path:
    """The manifest with the domain's windows."""
    visits = stream(
        domain, "visits", table=VISITS, event_id="visit", entities=("card",), fields={"is_unknown": 0, "spent": 2}
    )
    visits["config"]["meta"]["stream"]["live"] = {"is_unknown": {"column": "is_known", "none_of": [True]}}
    claims = stream(domain, "claims", table=CLAIMS, event_id="claim", entities=("card",), fields={})
    features = {
        "visits_1d": {"data_type": "bigint", "aggregate": "count", "stream": "visits", "span": "1d"},
        "unknown_1d": {
            "data_type": "bigint",
            "aggregate": "sum",
            "field": "is_unknown",
            "stream": "visits",
            "span": "1d",
        },
        "spent_1d": {"data_type": "double", "aggregate": "sum", "field": "spent", "stream": "visits", "span": "1d"},
        "claims_1d": {"data_type": "bigint", "aggregate": "count", "stream": "claims", "span": "1d"},
        "payments_1d": {"data_type": "bigint", "aggregate": "count", "stream": "payments", "span": "1d"},
    }
    cards = view(domain, "card", join_key="card", spans={"1d": "1h"}, features=features)
    return manifest(folder / "manifest.json", stream(domain, "payments"), visits, claims, cards)


@dataclass
class World:
    """A home, a store, and a clock that is set by hand."""

    folder: Path
    online: Path | str
    domain: Domain
    location: StoreLocation
    now: datetime = NOW

    @property
    def plan(self) -> WindowPlan:
        """What is windowed."""
        return load_plan(self.domain, self.location.manifest)

    def begin(self) -> None:
        """Say that there is no history."""
        state = open_state(self.location)
        mark_bootstrapped(self.plan, state, to_us(NOW - timedelta(days=1)))
        state.close()

    def door(self) -> Door:
        """Open the door."""
        return open_door(
            self.domain,
            self.location,
            self.plan,
            entries=EntryLog(self.folder / "entries"),
            outbox=Outbox(self.folder / "events", dated_by="observed_at"),
            pseudonym_key=KEY,
            clock=lambda: self.now,
        )

    def read(self, card: str) -> Mapping[str, float | int | None]:
        """The features of a card a second later."""
        state = open_state(self.location)
        try:
            return WindowEngine(self.plan, state, lambda: to_us(self.now + timedelta(seconds=1))).read({"card": card})
        finally:
            state.close()

    def land(self) -> LandedEvents:
        """Land what waits."""
        return land_events(
            self.domain,
            self.folder / "events",
            landing=self.folder / "landing",
            quarantine=self.folder / "quarantine",
            now=self.now,
            keep=timedelta(days=7),
            threads=1,
            memory="500MB",
            pseudonym_key=KEY,
        )

    def landed(self, name: str) -> list[dict[str, Any]]:
        """The landed rows of a table, by their first column and the time they were observed."""
        files = f"{self.folder / 'landing' / self.domain.name / name}/*.parquet"
        with duckdb.connect() as connection:
            table = connection.read_parquet(files).order("1, observed_at").to_arrow_table()
        rows: list[dict[str, Any]] = table.to_pylist()
        return rows

    def entries(self) -> list[dict[str, Any]]:
        """What the log of entries has."""
        files = sorted((self.folder / "entries" / self.domain.name).glob("*.jsonl"))
        return [json.loads(line) for path in files for line in path.read_text().splitlines()]


def world_at(folder: Path, online: Path | str) -> World:
    """A world in a folder over a store."""
    domain = shop()
    location = StoreLocation(
        repo=folder, registry=folder / "registry.db", online=online, manifest=declared(folder, domain)
    )
    return World(folder, online, domain, location)


def visit(name: str, *, card: str = "c-1", is_known: bool = True, spent: str | None = "1.50") -> dict[str, Any]:
    """A visit as it is pushed."""
    event = {"visit": name, "card": card, "is_known": is_known, "effective_at": "2026-03-01T11:59:00Z"}
    return event if spent is None else {**event, "spent": spent}
