"""Windowed features online: count an event and know every feature as of its stamp, in one round trip."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from riskloom.errors import (
    EventRefusedError,
    NotBootstrappedError,
    PastReadError,
    StateCorruptError,
    StateUnavailableError,
    WindowError,
)
from riskloom.windows.compute import Compute, Value, compiled
from riskloom.windows.events import MAX_TIME_US, EventCoder, key_of
from riskloom.windows.fold import folded, is_due
from riskloom.windows.kept import check_kept
from riskloom.windows.layout import EntityLayout, layouts_of
from riskloom.windows.plan import WindowPlan
from riskloom.windows.program import Program
from riskloom.windows.state import UNTIL, Later, empty_base, fence_of, is_whole, opened, stamp_of
from riskloom.windows.store import MAX_AHEAD_US, Answer, Exchange, Found, StateStore, Swap, Touch

#: Clocks of machines differ by so much at most; what lies further ahead is refused.
MAX_FUTURE_US = 300_000_000
#: Keys are kept longer than any window needs them, by so much.
_SLACK_US = 3_600_000_000
#: Keys that wait to be folded at most; with more, nobody settles.
_MOST_DUE = 256
_NOTHING: Mapping[str, str | None] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Observation:
    """
    An event that was counted, now or before.

    Attributes:
        stamp_us: When it was observed: its decision's T. Of a duplicate the stamp it was counted with.
        is_duplicate: Whether it was counted before; then nothing was written.
        values: Every feature of the keys as of the stamp. None where none were asked for, and for a duplicate
            whose stamp the state no longer tells apart: what was decided then stands in the decision log.
    """

    stamp_us: int
    is_duplicate: bool
    values: dict[str, Value] | None


class Pending(NamedTuple):
    """An event on its way to the store: its entities, and the values that are known already; None of no values."""

    stream: str
    exchange: Exchange
    entities: Sequence[Entity]
    computed: dict[str, Value] | None


class _Due(NamedTuple):
    """A key that waits to be folded: its blob, the stamp as of which it lay there, and what was needed beside it."""

    entity: Entity
    blob: bytes
    at_us: int
    later: Later | None


class Entity:
    """What is worked out once for a join key: its layout, the code that computes its features, how a key begins."""

    def __init__(self, plan: WindowPlan, layout: EntityLayout, prefix: bytes) -> None:
        self.layout = layout
        self.prefix = prefix + b"key:%b:" % layout.join_key.encode()
        self.base = empty_base(layout)
        self.keep_us = layout.retention_us + _SLACK_US
        self.compute: Compute = compiled(plan, layout)
        self.nothing: dict[str, Value] = {feature.name: None for view in layout.views for feature in view.features}
        self.blank = fence_of(0) + self.base
        self.reach_us = min((lane.spans[-1].width_us for lane in layout.lanes if lane.delay_us), default=0)


def state_prefix(plan: WindowPlan) -> bytes:
    """What every key of a plan's state begins with; another declaration has other keys."""
    return b"riskloom:windows:%b:%b:" % (plan.domain.encode(), plan.state_name.encode())


def event_prefix(plan: WindowPlan, stream: str) -> bytes:
    """What the keys begin with under which the stamps of a stream's events are kept."""
    return state_prefix(plan) + b"event:%b:" % stream.encode()


def entities_of(plan: WindowPlan) -> dict[str, Entity]:
    """The entities of a plan, by join key."""
    prefix = state_prefix(plan)
    return {key: Entity(plan, layout, prefix) for key, layout in layouts_of(plan).items()}


class WindowEngine:
    """
    The windowed features of a domain, kept as exact state in a store that any number of engines may share.

    Two events may bear one stamp, as clocks are only so fine; they then do not see each other, as in the warehouse.

    Args:
        plan: What is windowed.
        store: Keeps the state.
        clock: The time in microseconds since 1970, UTC.
        folds_later: Leave folding to ``settle``, for callers who answer first; else an event's keys are folded with it.

    Raises:
        NotBootstrappedError: History was not brought in yet (``backfill``), or that of another declaration.
    """

    def __init__(
        self, plan: WindowPlan, store: StateStore, clock: Callable[[], int], *, folds_later: bool = False
    ) -> None:
        self.plan, self.store, self._clock = plan, store, clock
        self._entities = entities_of(plan)
        self._programs: dict[tuple[str, ...], Program] = {}
        self._due: dict[bytes, _Due] = {}  # the latest of each key, however often it became due
        self._most_due = _MOST_DUE if folds_later else 1
        layouts = {key: entity.layout for key, entity in self._entities.items()}
        self._coders = {stream.name: EventCoder(stream, tag, layouts) for tag, stream in enumerate(plan.streams)}
        self._event_keys = {stream.name: event_prefix(plan, stream.name) for stream in plan.streams}
        self.history_key, self.probe_key = history_key(plan), state_prefix(plan) + b"probe"
        self.require_history(store.marker(self.history_key))

    def observe(
        self,
        stream: str,
        event: Mapping[str, object],
        *,
        effective_us: int,
        reads: Mapping[str, str | None] = _NOTHING,
        observed_us: int | None = None,
        scored: bool = True,
    ) -> Observation:
        """
        Count an event once and compute the features of its keys, as they were before it.

        Its stamp is the clock or the last stamp of any key it touches, whichever is later.

        Args:
            stream: The stream it belongs to.
            event: Its id, its entities' keys and its fields, in natural types (text, int, bool, Decimal).
            effective_us: When it happened, in microseconds since 1970.
            reads: Further keys whose features are wanted, by join key.
            observed_us: Instead of the clock, where a log is replayed or an event landed late; not after the clock.
            scored: Whether the features are wanted; a label is only counted.

        Raises:
            EventRefusedError: The event would make a number wrong; nothing was counted.
            StateCorruptError: A key's state is not as it was written; the event was counted, rebuild the key.
            StateUnavailableError: The store did not answer; sending the event again is safe.
        """
        pending = self.begin(
            stream, event, effective_us=effective_us, reads=reads, observed_us=observed_us, scored=scored
        )
        return self.finish(pending, self.store.exchange(pending.exchange))

    def begin(
        self,
        stream: str,
        event: Mapping[str, object],
        *,
        effective_us: int,
        reads: Mapping[str, str | None] = _NOTHING,
        observed_us: int | None = None,
        scored: bool = True,
    ) -> Pending:
        """
        What to send to the store for an event, for a caller that sends it; arguments as those of ``observe``.

        Raises:
            EventRefusedError: The event would make a number wrong.
        """
        coder = self._coder(stream)
        clock_us = self._clock()
        now_us = clock_us if observed_us is None else observed_us
        _check_times(stream, now_us, effective_us)
        event_key = self._event_keys[stream] + coder.event_id(event)
        values = coder.numbers(event)
        touches: list[Touch] = []
        touched: list[Entity] = []
        computed: dict[str, Value] = {}
        for join_key, entity in self._entities.items():
            is_kept = join_key in coder.kept
            if not scored and not is_kept:
                continue
            if is_kept and join_key not in event:
                raise EventRefusedError(stream, join_key, "a key or null", "no such field")
            if join_key in event:
                key = key_of(stream, join_key, event[join_key])
            elif join_key in reads:
                key = key_of(stream, join_key, reads[join_key])
            else:
                continue
            if key is None:
                computed |= entity.nothing
                continue
            record = coder.record(join_key, effective_us, values) if is_kept else b""
            touches.append(Touch(entity.prefix + key, record, entity.base, entity.keep_us))
            touched.append(entity)
        # what landed late is counted after decisions that are newer than it: only the clock tells what is too new
        latest_us = max(now_us, clock_us) + MAX_AHEAD_US
        exchange = Exchange(event_key, coder.stream.dedupe_us, now_us, effective_us - MAX_FUTURE_US, latest_us, touches)
        return Pending(stream, exchange, touched, computed if scored else None)

    def finish(self, pending: Pending, answer: Answer) -> Observation:
        """
        What the store's answer means: compute from what was there, and fold what has grown long, now or later.

        Raises:
            EventRefusedError, StateCorruptError, WindowError: As ``observe``.
        """
        stream, exchange, entities, computed = pending
        if answer.outcome == "future":
            raise EventRefusedError(stream, "effective_us", "at most five minutes after the stamp", "more")
        if answer.outcome == "ahead":
            _stamps(entities, answer.blobs)  # tells a corrupted fence from a clock that was set back
            raise WindowError("the clock is more than a day behind the stamps in the window state")
        is_duplicate = answer.outcome == "duplicate"
        _require_parcels(entities, answer, answer.stamp_us)
        if computed is not None:
            found = self._values(entities, answer, answer.stamp_us)
            if found is None:
                return Observation(answer.stamp_us, is_duplicate, None)
            computed = computed | found
        if not is_duplicate:
            for place, (touch, entity, blob) in enumerate(zip(exchange.touches, entities, answer.blobs, strict=True)):
                later = answer.laters.get(place)
                if later is not None or (touch.record and is_due(entity.layout, blob)):
                    self._due[touch.key] = _Due(entity, blob, answer.stamp_us, later)
            if len(self._due) >= self._most_due:
                self.settle()
        return Observation(answer.stamp_us, is_duplicate, computed)

    def require_history(self, marker: bytes | None) -> None:
        """
        Look at the marker of the history that was brought in; a store that was emptied has none.

        Raises:
            NotBootstrappedError: It is not there.
        """
        if marker is None:
            raise NotBootstrappedError(
                f"{self.plan.domain}: the window state holds no history yet; run the backfill first"
            )

    def check(self, stream: str, event: Mapping[str, object]) -> None:
        """
        Look whether an event can be counted, without asking the store; when it happened is not looked at.

        Raises:
            EventRefusedError: It would make a number wrong.
        """
        coder = self._coder(stream)
        coder.event_id(event)
        coder.numbers(event)
        for join_key in coder.kept:
            key_of(stream, join_key, event[join_key])

    def read(self, keys: Mapping[str, str | None], at_us: int | None = None) -> dict[str, Value]:
        """
        Compute the features of keys without counting anything.

        Args:
            keys: By join key; of a key that is null every feature is None.
            at_us: As of when; now by default, or the keys' last stamp where that is later.

        Raises:
            PastReadError: The state no longer tells that instant apart from later ones.
            StateCorruptError: A key's state is not as it was written; rebuild it.
            StateUnavailableError: The store did not answer.
        """
        values: dict[str, Value] = {}
        wanted = []
        for join_key, value in keys.items():
            if join_key not in self._entities:
                expected = ", ".join(self._entities)
                raise WindowError(f"{self.plan.domain}: expected a join key of a windowed view ({expected})")
            entity, key = self._entities[join_key], key_of("read", join_key, value)
            if key is None:
                values |= entity.nothing
            else:
                wanted.append((entity, entity.prefix + key))
        now_us = self._clock() if at_us is None else at_us
        state = self.store.read([key for _, key in wanted], now_us)
        entities = [entity for entity, _ in wanted]
        if at_us is None:
            at_us = max([now_us, *_stamps(entities, state.blobs)])
        _require_parcels(entities, state, at_us)
        found = self._values(entities, state, at_us)
        if found is None:
            raise PastReadError(f"the state of these keys ({', '.join(keys)}) no longer tells that instant apart")
        return values | found

    def check_kept(self) -> None:
        """Look whether the state is still brought up to what lands; raises as ``riskloom.windows.kept.check_kept``."""
        check_kept(self.plan, self.store, self._clock())

    def _coder(self, stream: str) -> EventCoder:
        try:
            return self._coders[stream]
        except KeyError:
            expected = ", ".join(self._coders) or "none is declared"
            raise WindowError(
                f"{self.plan.domain}: expected one of the streams ({expected}), found {stream!r}"
            ) from None

    @property
    def has_due(self) -> bool:
        """Whether keys wait to be folded."""
        return bool(self._due)

    def settle(self) -> None:
        """Fold the keys whose records have become many; no value depends on when."""
        while self._due:
            key, (entity, blob, at_us, later) = self._due.popitem()
            base, parcels = folded(entity.layout, blob, at_us, later)
            with suppress(StateUnavailableError):  # its events are counted; the key's next one folds it
                self.store.swap(Swap(key, blob, base, None if later is None else at_us, parcels))

    def _values(self, entities: Sequence[Entity], state: Answer | Found, at_us: int) -> dict[str, Value] | None:
        """The features of keys at an instant; None where the state of one was folded beyond that instant."""
        states = [blob or entity.blank for entity, blob in zip(entities, state.blobs, strict=True)]
        for place, later in state.laters.items():
            states[place] += later.records
        if all(map(is_whole, states)):
            layouts = tuple(entity.layout for entity in entities)
            program = self._programs.get(names := tuple(layout.join_key for layout in layouts))
            if program is None:
                program = self._programs[names] = Program(self.plan, layouts)
            if (values := program.values(states, at_us)) is not None:
                return values
        computed: dict[str, Value] = {}
        for entity, blob in zip(entities, states, strict=True):
            found = _computed(entity, blob, at_us)
            if found is None:
                return None
            computed |= found
        return computed


def history_key(plan: WindowPlan) -> bytes:
    """Where a plan's state says up to when history was brought in."""
    return state_prefix(plan) + b"as_of"


def bootstrapped_to(plan: WindowPlan, store: StateStore) -> int | None:
    """The instant up to which history was brought into a plan's state; None where that was not done yet."""
    marker = store.marker(history_key(plan))
    return None if marker is None else int(marker)


def mark_bootstrapped(plan: WindowPlan, store: StateStore, as_of_us: int) -> None:
    """Say that the state holds everything observed before an instant; with no history, that there was none."""
    store.mark(history_key(plan), b"%d" % as_of_us)


def _check_times(stream: str, now_us: int, effective_us: int) -> None:
    for name, time_us in (("observed_us", now_us), ("effective_us", effective_us)):
        if not isinstance(time_us, int) or not 0 <= time_us <= MAX_TIME_US:
            raise EventRefusedError(stream, name, "microseconds since 1970, before 2106", "something else")


def _computed(entity: Entity, blob: bytes, at_us: int) -> dict[str, Value] | None:
    """The features of a key whatever the size of its numbers."""
    state = opened(entity.layout, blob)
    if at_us < state.horizon_us:
        return None
    return entity.compute(blob, state.lanes_at, state.records, state.horizon_us, at_us)


def _require_parcels(entities: Sequence[Entity], state: Answer | Found, at_us: int) -> None:
    """
    Look whether each key that needs parcels has some; a store forgets those that no window reaches any more.

    Raises:
        StateCorruptError: One has none, though windows still reach what should be in it.
    """
    for place, later in state.laters.items():
        until, entity = state.blobs[place][UNTIL], entities[place]
        if not later.records and not (until.isdigit() and at_us - int(until) > entity.reach_us):
            raise StateCorruptError(entity.layout.join_key, "parcels", "those with what waits for its delay to end")


def _stamps(entities: Sequence[Entity], blobs: Sequence[bytes]) -> list[int]:
    return [stamp_of(blob, entity.layout.join_key) for entity, blob in zip(entities, blobs, strict=True) if blob]
