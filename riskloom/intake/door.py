"""
The door by which events come in that nobody waits for a decision on: each is taken once, by its key.

What is done with an event, in this order, is repeated as a whole when it is sent again: it is stamped, which is atomic
and settles what becomes of it; written to the outbox, from which it lands; counted by the live windows; its entry is
noted. Each step changes nothing where it was done before. So the end of the process at any point loses and doubles
nothing, and an event that is never sent again either was not taken or lands like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from riskloom.catalog import Domain
from riskloom.contracts.rows import FieldRefusal, RowRefusedError
from riskloom.errors import (
    EventRefusedError,
    LedgerError,
    NotBootstrappedError,
    StateCorruptError,
    StateUnavailableError,
    WindowError,
)
from riskloom.features.live import EntryLog, from_us, open_state, to_us
from riskloom.intake.rows import PushedRows, plain
from riskloom.ledger import Outbox
from riskloom.windows import Stream, WindowPlan
from riskloom.windows.rows import event_of
from riskloom.windows.state import FENCE_SIZE
from riskloom.windows.store import MAX_AHEAD_US, Exchange, StateStore, Touch

if TYPE_CHECKING:
    from riskloom.features.store import StoreLocation
    from riskloom.windows.engine import WindowEngine

#: How long an event of a table that no window reads is known again; of others as long as their streams say.
KNOWN_US = 86_400_000_000
#: Clocks of machines differ by so much at most; what happened later is refused, as ingest would.
_MAX_FUTURE_US = 300_000_000
_SHOWN = 80

#: ``unavailable``: whether it was taken is not known, and sending it again settles it.
Status = Literal["accepted", "duplicate", "refused", "unavailable"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """
    What became of one event.

    Attributes:
        table: Which table it was sent for.
        key: The values of the table's key with a bar between them; None where it could not be read.
        status: ``duplicate`` is one that was accepted before, with the same content.
        observed_at: From when on it is known, UTC; of a duplicate when it was accepted. None where it was not.
        streams: The live windows' streams that have counted it; others have it once it has landed and was built.
        errors: Why it was refused.
    """

    table: str
    key: str | None
    status: Status
    observed_at: datetime | None = None
    streams: tuple[str, ...] = ()
    errors: tuple[FieldRefusal, ...] = ()


@dataclass(frozen=True, slots=True)
class CountingWindows:
    """The live windows of a domain, as far as rows move them: the engine, and by table the streams of its rows."""

    engine: WindowEngine
    streams: Mapping[str, tuple[Stream, ...]]


class Door:
    """
    Take the events of one domain; used by one thread at a time.

    Args:
        domain: Its tables are what can be sent.
        state: The store that stamps events; the windows' own.
        windows: None where there are none, or none that hold their history already; events land only.
        waits: Whether there are windows that are still to get their history.
        entries: Where entries into the windows are written down.
        outbox: Where accepted events wait for their landing, dated by ``observed_at``.
        pseudonym_key: Of the pseudonyms of people; nothing else is stamped, kept or counted of them.
        clock: The time, timezone-aware.
    """

    def __init__(
        self,
        domain: Domain,
        *,
        state: StateStore,
        windows: CountingWindows | None,
        waits: bool,
        entries: EntryLog,
        outbox: Outbox,
        pseudonym_key: bytes,
        clock: Callable[[], datetime],
    ) -> None:
        self._domain, self._state, self._windows = domain, state, windows
        self._entries, self._outbox, self._clock = entries, outbox, clock
        self.waits = waits
        self._readers = {
            name: PushedRows(table, pseudonym_key=pseudonym_key) for name, table in domain.tables.items()
        }  # fmt: skip

    def accept_all(self, events: Iterable[tuple[object, object]]) -> Iterator[Receipt]:
        """
        Take events in their order, each with its table; once the store does not answer it is not asked again.

        Args:
            events: Table and content of each, as ``parse_json`` gives them.
        """
        is_reachable = True
        for table, content in events:
            receipt = self.accept(table, content, is_reachable=is_reachable)
            is_reachable = is_reachable and receipt.status != "unavailable"
            yield receipt

    def accept(self, table: object, content: object, *, is_reachable: bool = True) -> Receipt:
        """
        Take one event.

        Args:
            table: Its table's name.
            content: Its columns, without ``observed_at`` and what is joined.
            is_reachable: Whether the store is worth asking; without it events are still checked.
        """
        if not isinstance(table, str) or table not in self._readers:
            shown = table.encode("ascii", "backslashreplace").decode()[:_SHOWN] if isinstance(table, str) else ""
            refusal = FieldRefusal("table", f"one of {', '.join(self._readers)}", repr(shown) if shown else "no name")
            return Receipt(shown, None, "refused", errors=(refusal,))
        reader, key = self._readers[table], None
        try:
            row = reader.read(content)
            key = reader.shown_key(row)
            events = self._events(table, reader.whole(row))
            if not is_reachable:
                return Receipt(table, key, "unavailable")
            return self._take(_Pushed(table, key, row, reader, events))
        except RowRefusedError as error:
            return Receipt(table, None, "refused", errors=error.refusals)
        except EventRefusedError as error:
            return Receipt(table, key, "refused", errors=(FieldRefusal(error.field, error.expected, error.found),))
        except (WindowError, LedgerError):  # the store is gone, or the clock is not what it was
            return Receipt(table, key, "unavailable")

    def close(self) -> None:
        """Let go of the store and the files."""
        self._state.close()

    def _events(self, table: str, row: Mapping[str, Any]) -> list[tuple[Stream, dict[str, Any]]]:
        """The row as an event of each stream that it moves; raises EventRefusedError where one cannot count it."""
        if self._windows is None:
            return []
        events = [(stream, event_of(stream, row)) for stream in self._windows.streams.get(table, ())]
        for stream, event in events:
            self._windows.engine.check(stream.name, event)
        return events

    def _take(self, pushed: _Pushed) -> Receipt:
        effective_us = to_us(pushed.row["effective_at"])
        known_us = max((stream.dedupe_us for stream, _ in pushed.events), default=KNOWN_US)
        name = f"riskloom:events:{self._domain.name}:{pushed.table}:{pushed.reader.key(pushed.row)}".encode()
        digest, now_us = pushed.reader.digest(pushed.row).encode(), to_us(self._clock())
        touch = Touch(name + b":content", b"", digest, known_us)
        answer = self._state.exchange(
            Exchange(name, known_us, now_us, effective_us - _MAX_FUTURE_US, now_us + MAX_AHEAD_US, [touch])
        )
        if answer.outcome == "future":
            raise EventRefusedError(pushed.table, "effective_at", "at most five minutes ahead of the clock", "more")
        if answer.outcome == "ahead":
            raise StateUnavailableError("the clock is more than a day behind the stamps of events")
        is_known = answer.outcome == "duplicate"
        if is_known and answer.blobs[0][FENCE_SIZE:] not in {b"", digest}:
            expected = "the content that was first sent under this key"
            raise EventRefusedError(pushed.table, "(event)", expected, "another")
        self._keep(pushed, answer.stamp_us)
        for stream, event in pushed.events:
            # of a duplicate beyond its time the windows would not know that they have counted it
            if not is_known or now_us - answer.stamp_us < stream.dedupe_us:
                self._count(stream, event, effective_us, answer.stamp_us)
        streams = tuple(stream.name for stream, _ in pushed.events)
        status: Status = "duplicate" if is_known else "accepted"
        return Receipt(pushed.table, pushed.key, status, from_us(answer.stamp_us), streams)

    def _keep(self, pushed: _Pushed, stamp_us: int) -> None:
        self._outbox.append(
            {
                "domain": self._domain.name,
                "table": pushed.table,
                "observed_at": plain(from_us(stamp_us)),
                "row": {name: plain(value) for name, value in pushed.row.items()},
            }
        )

    def _count(self, stream: Stream, event: Mapping[str, Any], effective_us: int, stamp_us: int) -> None:
        """Let the windows count an event, and note when it entered; once, however often this is called."""
        if self._windows is None:
            return
        engine = self._windows.engine

        def observe() -> int:
            seen = engine.observe(stream.name, event, effective_us=effective_us, observed_us=stamp_us, scored=False)
            return seen.stamp_us

        try:
            entered_us = observe()
        except StateCorruptError:  # it was counted; asked again, the state only says when
            entered_us = observe()
        self._entries.append(engine.plan, stream.name, str(event[stream.event_id]), entered_us)


@dataclass(frozen=True, slots=True)
class _Pushed:
    """An event that was read: its table and key, its columns, and what it is in the streams that it moves."""

    table: str
    key: str
    row: Mapping[str, Any]
    reader: PushedRows
    events: list[tuple[Stream, dict[str, Any]]]


def open_door(
    domain: Domain,
    location: StoreLocation,
    plan: WindowPlan | None,
    *,
    entries: EntryLog,
    outbox: Outbox,
    pseudonym_key: bytes,
    clock: Callable[[], datetime],
) -> Door:
    """
    Open the door of a domain.

    Args:
        domain: Whose events.
        location: Where the windows' state is.
        plan: What is windowed for the model in service; None where there is none, and events land only.
        entries: Where entries into the windows are written down.
        outbox: Where accepted events wait for their landing.
        pseudonym_key: See ``ensure_pseudonym_key``.
        clock: The time, timezone-aware.

    Raises:
        StateUnavailableError: The store does not answer.
    """
    state = open_state(location)
    is_windowed = plan is not None and bool(plan.views)
    windows = _windows(plan, state, clock) if plan is not None and is_windowed else None
    waits = is_windowed and windows is None
    return Door(
        domain,
        state=state,
        windows=windows,
        waits=waits,
        entries=entries,
        outbox=outbox,
        pseudonym_key=pseudonym_key,
        clock=clock,
    )


def _windows(plan: WindowPlan, state: StateStore, clock: Callable[[], datetime]) -> CountingWindows | None:
    """The live windows; None before history was brought in, when they are filled from what has landed."""
    from riskloom.windows.engine import WindowEngine  # noqa: PLC0415 - it brings a compiler

    try:
        engine = WindowEngine(plan, state, lambda: to_us(clock()))
    except NotBootstrappedError:
        return None
    streams: dict[str, tuple[Stream, ...]] = {}
    for stream in plan.streams:
        if stream.live is not None:
            streams[stream.table] = (*streams.get(stream.table, ()), stream)
    return CountingWindows(engine, streams)
