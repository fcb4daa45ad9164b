"""
Bring the live windows up to what has landed: history at once, and later what came by files instead of by events.

An event that lands is counted at the stamp it was observed with, unless one of its entities was decided after that
instant: those decisions did not see it, so it enters after the last of them, and that is written down.

Which events the state holds is remembered by keeping the published streams it was brought up from; a mart is replaced
and never changed, so a second name for its file is enough.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from heapq import merge
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riskloom.catalog import Domain
from riskloom.features.live import EntryLog, open_state, to_us
from riskloom.windows import Stream, WindowPlan, load_plan

if TYPE_CHECKING:
    import duckdb

    from riskloom.features.store import StoreLocation
    from riskloom.windows.store import StateStore

_ROWS_AT_A_TIME = 10_000


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """
    What was brought in.

    Attributes:
        history: Events of a first fill; 0 where there was state already.
        entered: Events that had landed since.
        moved: Those of them that entered later than they were observed.
    """

    history: int
    entered: int
    moved: int


def catch_up(
    domain: Domain,
    location: StoreLocation,
    *,
    marts: Path,
    entries: Path,
    as_of: datetime,
    now: datetime,
    anew: bool = False,
    threads: int,
    memory: str,
) -> CaughtUp:
    """
    Bring the state of a domain's windows up to its published streams; without windows there is nothing to do.

    Args:
        domain: Whose windows.
        location: Where the state is, and what declares it.
        marts: Where the streams are published.
        entries: The folder of the log of entries.
        as_of: The build's instant. In the first fill, what was observed before it is history.
        now: The clock; what will be observed later waits. Timezone-aware, as is ``as_of``.
        anew: Replace the state by what is published now. Nothing may be scored meanwhile, and what was scored must have
            landed, or it is lost to the windows.
        threads: Of DuckDB.
        memory: DuckDB's limit, such as ``2GB``.

    Raises:
        WindowError: A stream is not published, or the state cannot be reached.
    """
    from riskloom.windows.backfill import backfill  # noqa: PLC0415
    from riskloom.windows.engine import bootstrapped_to  # noqa: PLC0415

    plan = load_plan(domain, location.manifest)
    if not plan.views:
        return CaughtUp(0, 0, 0)
    state, log = open_state(location), EntryLog(entries)
    held = _Held(entries / domain.name / plan.state_name)
    streams = marts / domain.name
    try:
        history = 0
        if anew or bootstrapped_to(plan, state) is None:
            until_us = to_us(now if anew else min(as_of, now))
            history = backfill(
                plan, streams, state, as_of_us=until_us, replace=anew, memory=memory, threads=threads
            ).events
            held.keep(plan, streams, until_us)
        logged = [] if anew else sorted((entries / domain.name).glob("*.jsonl"))
        landed = _Landed(streams, held, [str(path) for path in logged])
        entered = moved = 0
        for is_moved in _enter(plan, state, log, landed, now):
            entered += 1
            moved += is_moved
        held.keep(plan, streams, to_us(now))
        return CaughtUp(history, entered, moved)
    finally:
        log.close()
        state.close()


class _Held:
    """The published streams that the state was brought up from, and the instant up to which."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, plan: WindowPlan, streams: Path, until_us: int) -> None:
        """Remember that the state holds what these streams have that was observed before an instant."""
        for stream in plan.streams:
            folder = self._folder / stream.name
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            kept = folder / f"{until_us}.parquet"
            kept.unlink(missing_ok=True)
            _give_second_name(streams / f"{stream.model}.parquet", kept)
            for older in folder.glob("*.parquet"):
                if older != kept:
                    older.unlink()

    def of(self, stream: Stream) -> tuple[Path, int] | None:
        """The file of a stream and its instant; None where nothing was brought in yet."""
        files = sorted((self._folder / stream.name).glob("*.parquet"), key=lambda path: int(path.stem))
        return (files[-1], int(files[-1].stem)) if files else None


@dataclass(frozen=True, slots=True)
class _Landed:
    """Where to find what has landed and what of it the state holds."""

    streams: Path
    held: _Held
    entries: list[str]

    def rows(self, plan: WindowPlan, stream: Stream, now_us: int) -> Iterator[dict[str, Any]]:
        """The events of a stream that are known by now and are not in the state, as they became known."""
        import duckdb  # noqa: PLC0415

        with duckdb.connect() as connection:
            yield from self._rows(connection, plan, stream, now_us)

    def _rows(
        self, connection: duckdb.DuckDBPyConnection, plan: WindowPlan, stream: Stream, now_us: int
    ) -> Iterator[dict[str, Any]]:
        # what is dated ahead waits for its time: counted now, it would be counted before it happened
        known_us = "greatest(observed_us, effective_us)"
        conditions, values = [f"{known_us} < ?"], [str(self.streams / f"{stream.model}.parquet"), now_us]
        held = self.held.of(stream)
        if held is not None:
            conditions.append(f"event_id not in (select event_id from read_parquet(?) where {known_us} < ?)")  # noqa: S608
            values += [str(held[0]), held[1]]
        if self.entries:
            conditions.append(f"event_id not in ({_ENTERED})")
            values += [self.entries, stream.name, plan.fingerprint]
        found = connection.execute(
            f"""
            select *, {known_us} as known_us from read_parquet(?)
            where {" and ".join(conditions)}
            order by known_us, event_id
            """,  # noqa: S608 - constants; values are bound
            values,
        )
        names = [column[0] for column in found.description or ()]
        while rows := found.fetchmany(_ROWS_AT_A_TIME):
            for row in rows:
                yield dict(zip(names, row, strict=True))


_ENTERED = """
select event_id
from read_json(
    ?, format = 'newline_delimited', ignore_errors = true,
    columns = {stream: 'VARCHAR', event_id: 'VARCHAR', plan: 'VARCHAR'}
)
where stream = ? and plan = ?
"""


def _enter(plan: WindowPlan, state: StateStore, log: EntryLog, landed: _Landed, now: datetime) -> Iterator[bool]:
    """
    Count each event that the state does not hold; says of each whether it entered later than it was observed.

    All streams together, in the order of their events: the stamp of one is the least that the next of its entity gets.
    """
    from riskloom.windows.engine import WindowEngine  # noqa: PLC0415

    engine = WindowEngine(plan, state, lambda: to_us(now))
    waiting = [_in_order(place, landed.rows(plan, stream, to_us(now))) for place, stream in enumerate(plan.streams)]
    for known_us, place, event_id, row in merge(*waiting, key=itemgetter(0, 1, 2)):
        stream = plan.streams[place]
        seen = engine.observe(
            stream.name,
            _natural(stream, row),
            effective_us=row["effective_us"],
            observed_us=known_us,
            scored=False,
        )
        if seen.is_duplicate:
            continue
        is_moved = seen.stamp_us != row["observed_us"]
        if is_moved:
            log.append(plan, stream.name, event_id, seen.stamp_us)
        yield is_moved


def _in_order(place: int, rows: Iterator[dict[str, Any]]) -> Iterator[tuple[int, int, str, dict[str, Any]]]:
    """Rows of the stream at a place with what they are merged by before them."""
    for row in rows:
        yield row["known_us"], place, row["event_id"], row


def _natural(stream: Stream, row: Mapping[str, Any]) -> dict[str, object]:
    """A published event as the engine takes events: whole numbers of hundredths become decimals again."""
    event: dict[str, object] = {name: row[name] for name in stream.entities}
    event[stream.event_id] = row["event_id"]
    for name, scale in stream.fields.items():
        value = row[name]
        event[name] = value if value is None or scale in {"key", 0} else Decimal(value).scaleb(-int(scale))
    return event


def _give_second_name(path: Path, name: Path) -> None:
    try:
        os.link(path, name)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(path, name)
