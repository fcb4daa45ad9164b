"""History brought into state: what continues from it is what would have come without a break."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from riskloom.errors import NotBootstrappedError, StateCorruptError, WindowError
from riskloom.windows import WindowPlan, fold
from riskloom.windows.backfill import EVENTS_AT_A_TIME, LoggedEvent, backfill, rebuild
from riskloom.windows.engine import WindowEngine, bootstrapped_to, entities_of
from riskloom.windows.plan import Stream
from riskloom.windows.store import Entry
from tests.windows.conftest import OpenStore, fold_often
from tests.windows.streams import START, Answered, Step, keys_of, replay, steps
from tests.windows.test_proof import started
from tests.windows.test_workers import drawn

_numbers = count(20_000)
_settings = settings(max_examples=12, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))


def publish(plan: WindowPlan, folder: Path, answers: Sequence[Answered]) -> Path:
    """Write the streams' marts with the accepted events, as dbt does."""
    for stream in plan.streams:
        rows = [_row(stream, each) for each in answers if each.step.stream == stream.name]
        types = {"event_id": pa.string(), **dict.fromkeys(stream.entities, pa.string())}
        types |= {name: pa.string() if scale == "key" else pa.int64() for name, scale in stream.fields.items()}
        types |= {"effective_us": pa.int64(), "observed_us": pa.int64()}
        pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(types)), folder / f"{stream.model}.parquet")
    return folder


def _row(stream: Stream, answered: Answered) -> dict[str, Any]:
    event = answered.step.event
    row = {"event_id": event[stream.event_id], **{name: event[name] for name in stream.entities}}
    for name, scale in stream.fields.items():
        value = event[name]
        row[name] = value if scale == "key" or value is None else int(Decimal(value) * 10**scale)
    return row | {"effective_us": answered.step.effective_us, "observed_us": answered.observation.stamp_us}


def accepted(answers: Sequence[Answered]) -> list[Answered]:
    """What was counted, by stamp."""
    return sorted((a for a in answers if not a.observation.is_duplicate), key=lambda a: a.observation.stamp_us)


@pytest.fixture(params=["carried", "put-aside"])
def _waiting(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where what waits for its delay to end lies."""
    if request.param == "put-aside":
        fold_often(monkeypatch)


@pytest.mark.usefixtures("_waiting")
@_settings
@given(calls=steps(), split=st.integers(0, 40))
def test_state_from_history_continues_like_one_that_saw_it(
    plan: WindowPlan, open_store: OpenStore, tmp_path: Path, calls: list[Step], split: int
) -> None:
    """Backfilled at some instant, then fed what came later: every value as if all had gone through the engine."""
    whole = started(plan, open_store(next(_numbers)))
    answers = accepted(replay(lambda _: whole, calls))
    as_of_us = answers[min(split, len(answers) - 1)].observation.stamp_us
    history = [each for each in answers if each.observation.stamp_us < as_of_us]
    store = open_store(next(_numbers))
    report = backfill(plan, publish(plan, tmp_path, history), store, as_of_us=as_of_us)
    assert report.events == len(history)
    engine = WindowEngine(plan, store, clock=lambda: START)
    for each in answers[len(history) :]:
        step, stamp_us = each.step, each.observation.stamp_us
        found = engine.observe(
            step.stream, step.event, effective_us=step.effective_us, reads=step.reads, observed_us=stamp_us
        )
        assert found.stamp_us == stamp_us
        assert found.values == each.observation.values


def _observed(engine: WindowEngine, events: int) -> list[Answered]:
    """Events a tenth of a second apart, from the first on."""
    calls = [
        Step(step.stream, step.event, START + place * 100_000 - 7, START + place * 100_000, step.reads)
        for place, step in enumerate(drawn(3, events))
    ]
    return replay(lambda _: engine, calls)


def test_what_was_counted_before_is_not_counted_again(plan: WindowPlan, open_store: OpenStore, tmp_path: Path) -> None:
    """An event of the history that is delivered once more is known for a repeat, with the stamp it had."""
    answers = _observed(started(plan, open_store(next(_numbers))), 30)
    as_of_us = answers[-1].observation.stamp_us + 1
    store = open_store(next(_numbers))
    backfill(plan, publish(plan, tmp_path, answers), store, as_of_us=as_of_us)
    step = answers[12].step
    engine = WindowEngine(plan, store, clock=lambda: as_of_us)
    again = engine.observe(step.stream, step.event, effective_us=step.effective_us, reads=step.reads)
    assert again.is_duplicate
    assert again.stamp_us == answers[12].observation.stamp_us
    assert again.values is None, "what it was decided on lies before what the state tells apart"


def test_engines_wait_for_history(plan: WindowPlan, open_store: OpenStore, tmp_path: Path) -> None:
    """Without the marker nothing is served; it comes last, so a backfill that broke off does not count."""
    store = open_store(next(_numbers))
    with pytest.raises(NotBootstrappedError, match="holds no history yet"):
        WindowEngine(plan, store, clock=lambda: START)
    with pytest.raises(WindowError, match=r"expected .*__stream_payments\.parquet, found no such file"):
        backfill(plan, tmp_path, store, as_of_us=START)
    assert bootstrapped_to(plan, store) is None
    backfill(plan, publish(plan, tmp_path, []), store, as_of_us=START)
    assert bootstrapped_to(plan, store) == START
    with pytest.raises(WindowError, match="holds history already"):
        backfill(plan, tmp_path, store, as_of_us=START)


def test_keys_are_put_together_in_portions(
    plan: WindowPlan, open_store: OpenStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few keys are in memory at a time, each is written once, with the same bytes."""
    folder = publish(plan, tmp_path, _observed(started(plan, open_store(next(_numbers))), 60))
    blobs = []
    for portion in (EVENTS_AT_A_TIME, 20):
        monkeypatch.setattr("riskloom.windows.backfill.EVENTS_AT_A_TIME", portion)
        store = open_store(next(_numbers))
        report = backfill(plan, folder, store, as_of_us=START + 7_000_000)
        assert report.keys == 7
        keys = [entity.prefix + key for entity in entities_of(plan).values() for key in (b"a", b"b", b"c")]
        blobs.append(store.read(keys, START))
    assert blobs[0] == blobs[1]


def test_a_corrupted_key_is_rebuilt(
    plan: WindowPlan, open_store: OpenStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A damaged key is told, and comes back from the streams and the log with the values it had."""
    monkeypatch.setattr(fold, "DUE_AFTER", 4)
    store = open_store(next(_numbers))
    engine = started(plan, store)
    answers = _observed(engine, 80)
    at_us = answers[-1].observation.stamp_us + 1
    before = engine.read({"shop": "a"}, at_us)
    entity = entities_of(plan)["shop"]
    ((blob,), _) = store.read([entity.prefix + b"a"], at_us)
    broken = blob[:60] + bytes([blob[60] ^ 4]) + blob[61:]
    store.write([Entry(entity.prefix + b"a", broken, (), entity.keep_us)])
    with pytest.raises(StateCorruptError):
        engine.read({"shop": "a"}, at_us)
    as_of_us = answers[50].observation.stamp_us
    late = [
        LoggedEvent(each.step.stream, each.step.event, each.step.effective_us, each.observation.stamp_us)
        for each in answers[50:]
        if keys_of(each.step).get("shop") == "a"
    ]
    folder = publish(plan, tmp_path, answers)
    rebuild(plan, folder, store, join_key="shop", key="a", as_of_us=as_of_us, since=late)
    assert engine.read({"shop": "a"}, at_us) == before
    with pytest.raises(WindowError, match="from as_of on, found an earlier one"):
        rebuild(plan, folder, store, join_key="shop", key="a", as_of_us=at_us, since=late)
