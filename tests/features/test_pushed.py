"""Events that are pushed: as their marts have them, counted once, and observed when they entered."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from riskloom.contracts.json_text import parse_json
from riskloom.features import EntryLog
from riskloom.ingest import land_events
from riskloom.intake import open_door
from riskloom.intake.rows import plain
from riskloom.ledger import Outbox
from riskloom.pseudonyms import ensure_pseudonym_key
from riskloom.windows import Stream, load_plan
from riskloom.windows.events import scaled
from riskloom.windows.rows import event_of
from tests.features.conftest import Built
from tests.features.served import Serve, planned
from tests.features.test_live import HELD_BACK, Clock, Cut, bring_up, opened, same, snapshot


def live_streams(built: Built) -> list[Stream]:
    """The streams that a pushed row moves by itself."""
    return [stream for stream in load_plan(built.domain, built.location.manifest).streams if stream.live is not None]


def test_a_row_is_the_event_that_the_mart_has(built: Built) -> None:
    """Of every stream that is declared live, and every landed row: the same entities and the same numbers."""
    for stream in live_streams(built):
        rows = _records(f"{built.settings.landing / built.domain.name / stream.table}/*.parquet")
        table = built.domain.tables[stream.table]
        found = {row[stream.event_id]: event_of(stream, {**row, **table.joined_values(row)}) for row in rows}
        mart = _records(str(built.settings.marts / built.domain.name / f"{stream.model}.parquet"))
        assert len(mart) == len(found) > 0
        for row in mart:
            event = found[row["event_id"]]
            assert {name: event[name] for name in stream.entities} == {name: row[name] for name in stream.entities}
            numbers = {name: _number(stream, name, event[name]) for name in stream.fields}
            assert numbers == {name: row[name] for name in stream.fields}, stream.name


def test_what_was_pushed_is_in_the_marts_as_it_was_counted(built: Built, tmp_path: Path, serve: Serve) -> None:
    """Events of the last days are pushed, land and are built: the state is what the marts have; none enters again."""
    pushed = [stream for stream in live_streams(built) if stream.table != built.domain.subject.event_table]
    if not pushed:
        pytest.skip("no stream besides the decided one is live")
    home = Cut(built, tmp_path / "home", built.as_of - HELD_BACK)
    before, clock = home.build(home.cut), Clock(home.cut)
    entries = home.settings.entries
    bring_up(before, entries)
    key = ensure_pseudonym_key(home.settings.keys)
    door = open_door(
        built.domain,
        before.location,
        planned(before.domain, before.location, before.views).reads.windows,
        entries=EntryLog(entries),
        outbox=Outbox(home.settings.events, dated_by="observed_at"),
        pseudonym_key=key,
        clock=clock,
    )
    events = _held_back(home, {stream.table for stream in pushed})
    for observed_at, table, content in events:
        clock.now = max(clock.now, observed_at)
        assert [door.accept(table, content).status for _ in range(2)] == ["accepted", "duplicate"]
    door.close()
    landed = land_events(
        built.domain, home.settings.events, landing=home.settings.landing, quarantine=home.settings.quarantine,
        now=built.as_of, keep=timedelta(days=7), threads=1, memory="1GB",
        pseudonym_key=key,
    )  # fmt: skip
    assert (landed.landed, landed.quarantined) == (len(events), 0)
    logged = _entered(entries / built.domain.name)
    after = home.build(built.as_of)
    bring_up(after, entries)
    names = {stream.name for stream in pushed}
    assert {one for one in _entered(entries / built.domain.name) if one[0] in names} == logged
    for stream in pushed:
        mart = _records(str(home.settings.marts / built.domain.name / f"{stream.model}.parquet"))
        observed = {(stream.name, row["event_id"], row["observed_us"]) for row in mart}
        assert {one for one in logged if one[0] == stream.name} <= observed
    after = home.build(built.as_of)
    reader = serve(after, opened(after, entries, lambda: built.as_of))
    for view in after.views:
        for row in snapshot(after, view.name):
            found = reader.read({view.join_key: row[view.join_key]}, now=built.as_of)
            assert not [name for name in view.features if not same(found.values[name], row[name])], view.name


def _held_back(home: Cut, tables: set[str]) -> list[tuple[datetime, str, Any]]:
    """What came after the cut, as it is pushed: when, for which table, and what."""
    found = []
    for table in sorted(tables):
        brought = [name for name in home.domain.tables[table].brought if name != "observed_at"]
        for row in home._rows(table, ">=").to_pylist():
            aware = {name: _aware(row[name]) for name in brought}
            content = parse_json(json.dumps({name: plain(value) for name, value in aware.items()}).encode())
            found.append((_aware(row["observed_at"]), table, content))
    return sorted(found, key=lambda one: one[0])


def _aware(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


def _entered(folder: Path) -> set[tuple[str, str, int]]:
    lines = [line for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]
    return {(one["stream"], one["event_id"], one["entered_us"]) for one in map(json.loads, lines)}


def _records(files: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = duckdb.read_parquet(files).to_arrow_table().to_pylist()
    return rows


def _number(stream: Stream, name: str, value: Any) -> Any:
    """A field as the mart has it: whole numbers of its decimals, and keys as they are."""
    scale = stream.fields[name]
    return value if value is None or scale == "key" else scaled(stream.name, name, scale, value)
