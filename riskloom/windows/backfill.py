"""Bring history into window state, and rebuild single keys from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from riskloom.errors import WindowError
from riskloom.windows.engine import Entity, bootstrapped_to, entities_of, event_prefix, mark_bootstrapped
from riskloom.windows.events import EventCoder, key_of
from riskloom.windows.history import History, Part
from riskloom.windows.plan import WindowPlan
from riskloom.windows.state import FENCE_SIZE, fence_of
from riskloom.windows.store import Entry, StateStore, stamped

#: Events whose keys are put together at a time; bounds the memory of a backfill.
EVENTS_AT_A_TIME = 2_000_000
_MEMORY = "1GB"


@dataclass(frozen=True, slots=True)
class Backfilled:
    """What was brought in: events read, keys written, and the instant before which all was observed."""

    events: int
    keys: int
    as_of_us: int


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event of a decision log, with the stamp that it was counted with."""

    stream: str
    event: Mapping[str, object]
    effective_us: int
    observed_us: int


def backfill(
    plan: WindowPlan,
    streams: Path,
    store: StateStore,
    *,
    as_of_us: int,
    replace: bool = False,
    memory: str = _MEMORY,
    threads: int = 2,
) -> Backfilled:
    """
    Build the state of every key from the published streams.

    The marker that lets engines serve is written last, so a backfill that was interrupted is simply run again. Events
    observed at ``as_of_us`` or later are then to be sent through the engine, in the order of their stamps.

    Args:
        plan: What is windowed.
        streams: The folder with the streams' marts, ``<model>.parquet``.
        store: Where the state goes.
        as_of_us: What was observed before this instant is history.
        replace: Write over state that engines may serve already; none may count events meanwhile.
        memory: The most that DuckDB may use, as DuckDB writes it.
        threads: How many threads DuckDB may use.

    Raises:
        WindowError: A stream is missing, or there is state already and it is not to be replaced.
        StateUnavailableError: The store did not answer.
    """
    if not replace and bootstrapped_to(plan, store) is not None:
        raise WindowError(f"{plan.domain}: the window state holds history already; it is only replaced when asked to")
    keys = 0
    with _history(plan, streams, as_of_us, memory=memory, threads=threads) as history:
        counts = {stream.name: history.events(stream) for stream in plan.streams}
        buckets = 1 + sum(counts.values()) // EVENTS_AT_A_TIME
        for entity in entities_of(plan).values():
            for bucket in range(buckets):
                states = history.states(entity.layout, Part(bucket, buckets))
                keys += store.write(
                    Entry(entity.prefix + key.encode(), blob, parcels, entity.keep_us) for key, blob, parcels in states
                )
        for stream in plan.streams:
            prefix = event_prefix(plan, stream.name)
            accepted = ((prefix + name.encode(), stamp_us) for name, stamp_us in history.accepted(stream))
            store.remember(accepted, stream.dedupe_us)
    mark_bootstrapped(plan, store, as_of_us)
    return Backfilled(sum(counts.values()), keys, as_of_us)


def rebuild(
    plan: WindowPlan,
    streams: Path,
    store: StateStore,
    *,
    join_key: str,
    key: str,
    as_of_us: int,
    since: Sequence[LoggedEvent] = (),
) -> None:
    """
    Write the state of one key anew, where it was corrupted.

    Args:
        plan: What is windowed.
        streams: The folder with the streams' marts.
        store: Where the state lies.
        join_key: Which of the plan's join keys.
        key: Its value.
        as_of_us: What was observed before this instant is taken from the streams.
        since: The key's events with this stamp or a later one, from the decision log.

    Raises:
        WindowError: A stream is missing, or an event of the log was observed before ``as_of_us``.
    """
    entity = entities_of(plan)[join_key]
    with _history(plan, streams, as_of_us) as history:
        nothing = (key, fence_of(as_of_us) + entity.base, ())
        _, blob, parcels = next(history.states(entity.layout, Part(key=key)), nothing)
    continued = _continued(plan, entity, blob, key, as_of_us, since)
    store.write([Entry(entity.prefix + key.encode(), continued, parcels, entity.keep_us)])


def _continued(
    plan: WindowPlan, entity: Entity, blob: bytes, key: str, as_of_us: int, since: Sequence[LoggedEvent]
) -> bytes:
    """A state with the events of a log appended, in the order of their stamps."""
    join_key, layout = entity.layout.join_key, entity.layout
    tags = {stream.name: tag for tag, stream in enumerate(plan.streams)}
    records, last_us = [], as_of_us
    for logged in sorted(since, key=lambda each: each.observed_us):
        if logged.observed_us < as_of_us:
            raise WindowError(f"{plan.domain}: expected events of the log from as_of on, found an earlier one")
        tag = tags[logged.stream]
        if tag not in layout.slots or key_of(logged.stream, join_key, logged.event.get(join_key)) != key.encode():
            continue
        coder = EventCoder(plan.streams[tag], tag, {join_key: layout})
        record = coder.record(join_key, logged.effective_us, coder.numbers(logged.event))
        records.append(stamped(record, logged.observed_us))
        last_us = logged.observed_us
    return fence_of(last_us) + blob[FENCE_SIZE:] + b"".join(records)


@contextmanager
def _history(
    plan: WindowPlan, streams: Path, as_of_us: int, *, memory: str = _MEMORY, threads: int = 2
) -> Iterator[History]:
    import duckdb  # noqa: PLC0415 - the scoring worker need not wait for it

    for stream in plan.streams:
        if not (streams / f"{stream.model}.parquet").is_file():
            raise WindowError(
                f"{streams}: expected {stream.model}.parquet, found no such file; build the features first"
            )
    settings: dict[str, Any] = {"memory_limit": memory, "threads": threads, "preserve_insertion_order": False}
    with duckdb.connect(config=settings) as connection:
        connection.execute("set enable_progress_bar = false")
        yield History(plan, streams, connection, as_of_us)
