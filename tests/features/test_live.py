"""Live windows: filled from what is published, moved by events, and equal to what the marts have; on both stores."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from riskloom.errors import NotBootstrappedError
from riskloom.features import (
    CaughtUp,
    EntryLog,
    LiveWindows,
    apply,
    catch_up,
    dbt,
    load_views,
    materialise,
    open_live,
    open_store,
)
from riskloom.features.live import to_us
from riskloom.features.verification import verify_served
from riskloom.ledger import Outbox
from riskloom.reading.lookup import OnlineRow
from riskloom.settings import Settings
from riskloom.wiring import dbt_project, store_location
from tests.features.conftest import Built
from tests.features.served import Serve, planned

HELD_BACK = timedelta(days=3)


def bring_up(built: Built, entries: Path, *, as_of: datetime | None = None, now: datetime | None = None) -> CaughtUp:
    """Bring the state up to what is published."""
    return catch_up(
        built.domain,
        built.location,
        marts=built.settings.marts,
        entries=entries,
        as_of=as_of or built.as_of,
        now=now or built.as_of,
        threads=1,
        memory="1GB",
    )


def opened(built: Built, entries: Path, clock: Callable[[], datetime]) -> LiveWindows:
    """The live windows over the state."""
    windows = planned(built.domain, built.location, built.views).reads.windows
    live = open_live(built.domain, windows, built.location, EntryLog(entries), clock)
    assert live is not None
    return live


def snapshot(built: Built, mart: str) -> list[dict[str, Any]]:
    """Every entity's row at the build's instant."""
    query = "select * from read_parquet($1) where event_timestamp = $2 order by 1"
    found = duckdb.execute(query, [str(built.mart(mart)), built.as_of.replace(tzinfo=None)]).df()
    return [{str(name): value for name, value in row.items()} for row in found.to_dict("records")]


def same(found: float, expected: Any) -> bool:
    """Equal to the last bit, or empty on both sides."""
    return math.isnan(found) if pd.isna(expected) else found == float(expected)


def test_nothing_is_read_before_history_is_in(online: Built, tmp_path: Path) -> None:
    """State without history would say that nobody ever did anything: it is not opened."""
    with pytest.raises(NotBootstrappedError):
        opened(online, tmp_path / "entries", lambda: online.as_of)


def test_the_state_at_the_build_is_what_the_marts_have(serve: Serve, online: Built, tmp_path: Path) -> None:
    """Every entity, every feature, to the last bit; through Feast's views and without a row written to its store."""
    assert bring_up(online, tmp_path / "entries").history > 0
    written = materialise(online.store(), online.domain, online.views, as_of=online.as_of)
    assert written.written == ()
    live = opened(online, tmp_path / "entries", lambda: online.as_of)
    reader = serve(online, live)
    checked = 0
    for view in online.views:
        for row in snapshot(online, view.name):
            found = reader.read({view.join_key: row[view.join_key]}, now=online.as_of)
            wrong = [name for name in view.features if not same(found.values[name], row[name])]
            assert not wrong, (view.name, wrong)
            checked += len(view.features)
    assert checked > min(1_000, 100 * sum(len(view.features) for view in online.views))


def test_feast_says_the_same_of_every_windowed_value(
    serve: Serve, online: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Feast's SDK, by what dbt declares now, gives what the reader gives by its compiled plan, to the last bit."""
    bring_up(online, tmp_path / "entries")
    monkeypatch.setattr("riskloom.windows.online_store.now_us", lambda: to_us(online.as_of))
    reader = serve(online, opened(online, tmp_path / "entries", lambda: online.as_of))
    store, compared = online.store(), 0
    for view in online.views:
        keys = [row[view.join_key] for row in snapshot(online, view.name)[:25]]
        rows = [{view.join_key: key} for key in (*keys, "nobody")]
        said = store.get_online_features([f"{view.mart}:{name}" for name in view.features], rows).to_dict()
        for place, row in enumerate(rows):
            found = reader.read(row, now=online.as_of)
            assert all(same(found.values[name], said[name][place]) for name in view.features), (view.name, row)
            compared += len(view.features)
    assert compared >= 2 * sum(len(view.features) for view in online.views)


def test_history_in_steps_is_history_at_once(online: Built, tmp_path: Path) -> None:
    """State that was filled half way and caught up event by event answers as the marts do, and nothing moved."""
    half = online.as_of - timedelta(days=10)
    first = bring_up(online, tmp_path / "entries", as_of=half, now=half)
    second = bring_up(online, tmp_path / "entries")
    again = bring_up(online, tmp_path / "entries")
    assert first.history > 0
    assert (second.history, second.moved) == (0, 0)
    assert second.entered > 0
    assert again == CaughtUp(0, 0, 0)
    live = opened(online, tmp_path / "entries", lambda: online.as_of)
    view = online.views[0]
    for row in snapshot(online, view.name)[:50]:
        found = live.read({view.join_key: row[view.join_key]})
        assert all(same(_number(found[name]), row[name]) for name in view.features)


def test_what_is_served_is_what_is_trained_on(serve: Serve, built: Built, tmp_path: Path) -> None:
    """
    Events are decided live, land late by a file, and are built: every logged value is the mart's at that instant.

    The events of the last days are taken out of what has landed, decided at even steps of those days, and then landed
    again with the time at which the file arrived, which is days later.
    """
    home = Cut(built, tmp_path / "home", built.as_of - HELD_BACK)
    before, entries = home.build(home.cut), home.settings.entries
    bring_up(before, entries)
    clock = Clock(home.cut)
    reader = serve(before, opened(before, entries, clock))
    events = home.held_back()
    step = HELD_BACK / (len(events) + 5)
    with Outbox(home.settings.decisions) as decisions:
        for event in [*events, *events[:5]]:  # some are sent twice
            clock.now += step
            event["effective_at"] = min(event["effective_at"], clock.now)
            decisions.append(record(before, event, reader.decide(event, now=clock.now)))
    home.land(events, observed_at=built.as_of + timedelta(days=1))
    after = home.build(built.as_of + timedelta(days=2))
    # what was decided is in the state already; what matured or landed beside it enters now, after the decisions
    others = bring_up(after, entries)
    assert (others.history, others.entered > 0) == (0, True)
    # the few that some domains have may all have been observed after the last decision of their entities
    assert others.moved > 0 or others.entered < 20
    assert bring_up(after, entries) == CaughtUp(0, 0, 0)
    after = home.build(after.as_of)
    found = verify_served(
        after.domain,
        after.views,
        decisions=home.settings.decisions,
        marts=home.settings.marts,
        start=home.cut,
        end=after.as_of,
        threads=1,
        memory="1GB",
    )
    assert len(events) > 100
    assert (found.decisions, found.differing) == (len(events) + 5, {})
    assert found.compared > min(50, sum(len(view.features) for view in built.views) // 2) * len(events)
    # of a repeated event the first decision has its row, the others none
    assert found.not_built <= 5 * sum(len(view.features) for view in after.views)


class Clock:
    """A clock that is set by hand."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """The time."""
        return self.now


class Cut:
    """A copy of a domain's landing zone as it was at an instant, and what came after."""

    def __init__(self, built: Built, home: Path, cut: datetime) -> None:
        self.domain, self.cut, self.settings = built.domain, cut, Settings(home=home)
        self._naive = cut.replace(tzinfo=None)
        self._source = built.settings.landing / built.domain.name
        for table in self.domain.tables:
            (self.settings.landing / self.domain.name / table).mkdir(parents=True)
            self._write(table, "before", self._rows(table, "<"))

    def held_back(self) -> list[dict[str, Any]]:
        """The events after the cut, as the service would be sent them."""
        rows: list[dict[str, Any]] = self._rows(self.domain.event_table.name, ">=").sort_by("observed_at").to_pylist()
        for row in rows:
            del row["observed_at"]
            row["effective_at"] = row["effective_at"].replace(tzinfo=UTC)
        return rows

    def land(self, events: list[dict[str, Any]], *, observed_at: datetime) -> None:
        """
        Land all that came after the cut in one file a table, observed when the file arrived.

        Every other row of tables that are not decided was observed in time: the decisions made since did not see it.
        """
        arrived = observed_at.replace(tzinfo=None)
        for table in self.domain.tables:
            rows = self._rows(table, ">=")
            if table == self.domain.event_table.name:
                plain = [{**event, "effective_at": event["effective_at"].replace(tzinfo=None)} for event in events]
                rows = pa.Table.from_pylist([{**row, "observed_at": arrived} for row in plain], rows.schema)
            told = rows["observed_at"].to_pylist() if table != self.domain.event_table.name else [arrived] * len(rows)
            observed = [own if number % 2 else arrived for number, own in enumerate(told)]
            column = pa.array(observed, rows.schema.field("observed_at").type)
            place = rows.schema.get_field_index("observed_at")
            self._write(table, "after", rows.set_column(place, rows.schema.field(place), column))

    def build(self, as_of: datetime) -> Built:
        """Build the marts and apply the views."""
        project, location = dbt_project(self.settings), store_location(self.settings)
        dbt.build(self.domain, project, as_of=as_of)
        views = load_views(self.domain, project.manifest)
        apply(open_store(location), self.domain, views, self.settings.marts)
        return Built(self.domain, self.settings, views, as_of, location)

    def _rows(self, table: str, comparison: Literal["<", ">="]) -> pa.Table:
        query = f"select * from read_parquet('{self._source / table}/*.parquet') where observed_at {comparison} $1"  # noqa: S608
        return duckdb.execute(query, [self._naive]).to_arrow_table()

    def _write(self, table: str, name: str, rows: pa.Table) -> None:
        pq.write_table(rows, self.settings.landing / self.domain.name / table / f"{name}.parquet")


def record(built: Built, event: dict[str, Any], row: OnlineRow) -> dict[str, Any]:
    """A decision as the service logs it."""
    return {
        "domain": built.domain.name,
        "decision_id": f"{event[built.domain.subject.key]}-{row.at.isoformat()}",
        "decided_at": row.at.isoformat().replace("+00:00", "Z"),
        "event": {name: value if isinstance(value, str) else None for name, value in event.items()},
        "features": {name: None if math.isnan(value) else value for name, value in row.values.items()},
        "freshness": {view: {"status": status} for view, status in row.status.items()},
    }


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
