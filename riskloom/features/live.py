"""
The windowed features of a domain as state that every event moves: opened, told what happened, brought up to date.

An event enters when the state has counted it, at the stamp it was given; each entry is written down. The warehouse
takes an event to be observed when it entered, so a value that was served is the value that training sees (ADR 6).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riskloom.catalog import Domain
from riskloom.ledger import Outbox
from riskloom.windows import WindowPlan, load_plan
from riskloom.windows.kept import mark_kept

if TYPE_CHECKING:
    from riskloom.features.store import StoreLocation
    from riskloom.windows.engine import Pending, WindowEngine
    from riskloom.windows.store import Answer, StateStore

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Counted:
    """
    An event that entered, now or before.

    Attributes:
        at: The instant the values hold at, timezone-aware; of a new event its stamp.
        values: Every windowed feature of the event's entities, None where it is empty.
    """

    at: datetime
    values: Mapping[str, float | int | None]


class EntryLog:
    """When each event entered the state: JSON lines below a folder, read by the warehouse and by who brings it up."""

    def __init__(self, folder: Path) -> None:
        self._outbox = Outbox(folder, dated_by="entered_at")

    def append(self, plan: WindowPlan, stream: str, event_id: str, stamp_us: int) -> None:
        """
        Keep an entry.

        Raises:
            LedgerError: It could not be written.
        """
        self._outbox.append(
            {
                "domain": plan.domain,
                "stream": stream,
                "event_id": event_id,
                "entered_us": stamp_us,
                "entered_at": from_us(stamp_us),
                "plan": plan.fingerprint,
            }
        )

    def close(self) -> None:
        """Close the files."""
        self._outbox.close()


class LiveWindows:
    """
    The windowed features of the decisions of one domain.

    Args:
        domain: Whose decisions.
        engine: Counts and computes.
        entries: Where entries are written down.
    """

    def __init__(self, domain: Domain, engine: WindowEngine, entries: EntryLog) -> None:
        self._engine, self._entries = engine, entries
        self._stream = decided_stream(domain, engine.plan)
        self._event_id = engine.plan.stream(self._stream).event_id
        self._join_keys = tuple(dict.fromkeys(view.join_key for view in engine.plan.views))

    def decide(self, event: Mapping[str, Any], *, now: datetime) -> Counted:
        """
        Count the event that is decided, and give the features of its entities as they were before it.

        The same event again counts once; its values are those of the first time, where the state still tells them
        apart, else the present ones.

        Args:
            event: The event table's columns in natural types, ``effective_at`` timezone-aware.
            now: The clock; the stamp is this or later.

        Raises:
            EventRefusedError: The event would make a number wrong; nothing was counted.
            StateCorruptError: An entity's state is not as it was written.
            StateUnavailableError: The store did not answer; sending the event again is safe.
            LedgerError: The entry could not be written down.
        """
        pending = self.begin(event, now=now)
        counted = self.finish(event, pending, self._engine.store.exchange(pending.exchange))
        return counted or Counted(now, self._engine.read(self._keys(event)))

    def begin(self, event: Mapping[str, Any], *, now: datetime) -> Pending:
        """What to send to the store, for a caller that sends it; raises EventRefusedError."""
        return self._engine.begin(
            self._stream, event, effective_us=to_us(event["effective_at"]), observed_us=to_us(now)
        )

    def finish(self, event: Mapping[str, Any], pending: Pending, answer: Answer) -> Counted | None:
        """
        What the store's answer means; None of a duplicate whose stamp the state no longer tells apart.

        Raises:
            EventRefusedError, StateCorruptError, LedgerError: As ``decide``.
        """
        seen = self._engine.finish(pending, answer)
        # of a duplicate too: the first time it may have been counted without anybody hearing of it
        self._entries.append(self._engine.plan, self._stream, str(event[self._event_id]), seen.stamp_us)
        return None if seen.values is None else Counted(from_us(seen.stamp_us), seen.values)

    @property
    def history_key(self) -> bytes:
        """Under which the store holds the marker that ``require_history`` looks at."""
        return self._engine.history_key

    @property
    def probe_key(self) -> bytes:
        """A key that holds nothing, to see whether the store can be written."""
        return self._engine.probe_key

    def require_history(self, marker: bytes | None) -> None:
        """Raise NotBootstrappedError where the store has no marker of the history that was brought in."""
        self._engine.require_history(marker)

    def check(self) -> None:
        """
        Look whether the state could count an event now.

        Raises:
            StateUnavailableError: It cannot be read or written.
            NotBootstrappedError: It has forgotten its history.
        """
        store = self._engine.store
        self.require_history(store.marker(self.history_key))
        store.mark(self.probe_key, b"1")

    @property
    def has_due(self) -> bool:
        """Whether keys wait to be folded."""
        return self._engine.has_due

    def settle(self) -> None:
        """Fold the keys that wait."""
        self._engine.settle()

    def read(self, keys: Mapping[str, str | None]) -> Mapping[str, float | int | None]:
        """
        The present features of entities; nothing is counted.

        Raises:
            SupersededError: The state is not kept up any more, since windows are declared otherwise.
            StateUnavailableError: The store did not answer.
        """
        self._engine.check_kept()
        return self._engine.read(self._keys(keys))

    def _keys(self, row: Mapping[str, Any]) -> dict[str, str | None]:
        return {key: row[key] for key in self._join_keys if key in row}


def open_live(
    domain: Domain,
    plan: WindowPlan,
    location: StoreLocation,
    entries: EntryLog,
    clock: Callable[[], datetime],
    *,
    folds_later: bool = False,
    patience: float | None = None,
) -> LiveWindows | None:
    """
    Open the live windows of a domain; None where no view is windowed.

    Args:
        domain: The domain.
        plan: What is windowed in it.
        location: Where the state is.
        entries: Where entries are written down.
        clock: The time, timezone-aware.
        folds_later: Leave folding to ``settle``.
        patience: Seconds that the state may take to answer; as long as its store does by default.

    Raises:
        NotBootstrappedError: History was not brought into the state yet.
        StateUnavailableError: The store does not answer.
    """
    from riskloom.windows.engine import WindowEngine  # noqa: PLC0415

    if not plan.views:
        return None
    state = open_state(location, patience=patience)
    return LiveWindows(domain, WindowEngine(plan, state, lambda: to_us(clock()), folds_later=folds_later), entries)


def keep_from_now(domain: Domain, location: StoreLocation, *, now: datetime) -> None:
    """
    Say in the state that it is that of the present declaration which is brought up to what lands.

    Whoever still reads by another one has ``riskloom.windows.kept.GRACE_US`` to change over, and is then refused.

    Raises:
        CatalogError: The declaration is wrong.
        StateUnavailableError: The store does not answer.
    """
    plan = load_plan(domain, location.manifest)
    if not plan.views:
        return
    state = open_state(location)
    try:
        mark_kept(plan, state, to_us(now))
    finally:
        state.close()


def decided_stream(domain: Domain, plan: WindowPlan) -> str:
    """The stream whose events are decided: that of the subject's event table."""
    return next(stream.name for stream in plan.streams if stream.table == domain.subject.event_table)


def open_state(location: StoreLocation, *, patience: float | None = None) -> StateStore:
    """The store of window state, which may take ``patience`` seconds to answer; by default its own."""
    options = {} if patience is None else {"timeout": patience}
    if isinstance(location.windows, Path):
        from riskloom.windows.sqlite_store import SqliteStateStore  # noqa: PLC0415

        return SqliteStateStore(location.windows, **options)
    from riskloom.windows.redis_store import RedisStateStore  # noqa: PLC0415

    return RedisStateStore(location.windows, **options)


def to_us(instant: datetime) -> int:
    """Microseconds since 1970 of a timezone-aware instant."""
    return (instant - _EPOCH) // _MICROSECOND


def from_us(stamp_us: int) -> datetime:
    """The instant of microseconds since 1970, in UTC."""
    return _EPOCH + stamp_us * _MICROSECOND
