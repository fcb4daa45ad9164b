"""
Read features within a time limit, and go on without them where the store does not answer.

A store that is down may take seconds to say so, each time it is asked. So after some failures no request asks it again
until a probe in the background has found it whole; events that were decided meanwhile are then counted late.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict, Field

from riskloom.catalog import Domain
from riskloom.errors import EventRefusedError, FeatureError, LedgerError, NotBootstrappedError, StateCorruptError
from riskloom.features import ReadPlan
from services.scoring.breaker import CircuitBreaker
from services.scoring.kept_store import KeptStore
from services.scoring.missed import MissedEvents
from services.scoring.ports import Backend, OnlineRow, OnlineStore, Status, View
from services.web.problems import FieldProblem, RefusalError

#: What a decision waits for the store at most.
READ_SECONDS = 0.25
#: A probe connects, then asks; each may take as long as a reading.
PROBE_SECONDS = 2 * READ_SECONDS
REOPEN_SECONDS = 10.0
OPEN_SECONDS = 60.0  # the first import of the store's client takes a while
_log = structlog.get_logger("scoring.features")


class Freshness(BaseModel):
    """How old the values of one feature view were when they were used."""

    model_config = ConfigDict(frozen=True)

    observed_at: datetime | None = Field(description="When the values held (UTC); null where there are none.")
    age_seconds: float | None = Field(description="From then to the decision.")
    status: Status = Field(description="Stale values are treated as missing.")


_MISSING = Freshness(observed_at=None, age_seconds=None, status="missing")


@dataclass(frozen=True, slots=True)
class Reading:
    """
    The features of one event as the store knew them; where it is not reachable, nothing is known.

    ``at`` is the decision's instant: the stamp with which the event was counted, or the clock where it was not.
    """

    at: datetime
    values: Mapping[str, float]
    freshness: Mapping[str, Freshness]
    is_reachable: bool


class StoreAwayError(Exception):
    """The store was not asked, or did not answer; whether the event was counted is not known."""


class GuardedFeatures:
    """
    One domain's online features, behind a time limit and a circuit breaker.

    Args:
        domain: Whose features.
        backend: Opens the store.
        clock: The time, timezone-aware: when an event that was missed is counted.
        draw: Uniform in 0 to 1, for the pauses between probes.

    Attributes:
        breaker: Whether the store is asked.
        missed: Events that it is to count yet.
    """

    def __init__(
        self,
        domain: Domain,
        backend: Backend,
        *,
        clock: Callable[[], datetime],
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.breaker, self.missed = CircuitBreaker(), MissedEvents()
        self._domain, self._backend = domain, backend
        self._clock, self._draw = clock, draw
        self._store: KeptStore | None = None
        self._plan: ReadPlan | None = None
        self._told: bool | None = None
        self._recovery: asyncio.Task[None] | None = None
        self._connecting = asyncio.Lock()  # of two at once, one would close the connection of the other
        strings = [name for name, column in domain.event_table.columns.items() if column.type == "string"]
        self._nobody: dict[str, str | None] = dict.fromkeys(strings, "probe")

    @property
    def is_reachable(self) -> bool:
        """Whether the store is asked."""
        return self.breaker.is_closed

    async def decide(self, event: Mapping[str, Any], views: Iterable[View], *, now: datetime) -> Reading:
        """
        Count an event and read the values of its entities; a store that is away is told in the answer, not raised.

        Args:
            event: Values by column.
            views: The views whose freshness is wanted.
            now: The clock; timezone-aware.

        Raises:
            RefusalError: The event cannot be counted.
        """
        try:
            row = await self._count(event, now)
        except StoreAwayError:
            self.missed.add(event)
            row = None
        except EventRefusedError as error:
            detail = FieldProblem(field=error.field, expected=error.expected, found=error.found)
            raise RefusalError("invalid_request", "The event cannot be counted.", errors=[detail]) from None
        at = row.at if row else now
        freshness = _freshness(row, views, at)
        return Reading(at, row.values if row else {}, freshness, is_reachable=row is not None)

    async def read_by(self, plan: ReadPlan) -> None:
        """
        Read by a plan from now on; the connection there is serves until then, or for good where it reads the same.

        Raises:
            NotBootstrappedError: The plan's windows hold no history yet, and those that are read now do: they stay.
        """
        if self._store is not None and self._plan is not None and self._plan.reads == plan.reads:
            return
        try:
            async with self._connecting:
                await self._open(plan)
        except NotBootstrappedError as error:
            if self._store is not None:
                raise
            self._put_off(plan, error)
        except Exception as error:  # noqa: BLE001 - whatever a store's client raises: events are answered without it
            self._put_off(plan, error)
        else:
            self._succeed()

    async def probe(self) -> None:
        """Look whether the store still answers, and let it count what it missed, where nobody is at it already."""
        if (self._recovery is None or self._recovery.done()) and await self._try():
            await self._count_missed()

    def close(self) -> None:
        """Let the store go."""
        if self._recovery is not None:
            self._recovery.cancel()
        if self._store is not None:
            self._store.retire()

    async def _count(self, event: Mapping[str, Any], now: datetime) -> OnlineRow | None:
        """
        What was known before an event that is counted; None where it was counted and cannot be told.

        Raises:
            StoreAwayError: The store was not asked, or did not answer.
            EventRefusedError: The event cannot be counted.
        """
        if self._store is None or not self.breaker.is_closed:
            raise StoreAwayError
        try:
            async with asyncio.timeout(READ_SECONDS):
                row = await self._store.ask(lambda store: store.decide(event, now=now))
        except EventRefusedError:
            raise
        except (StateCorruptError, LedgerError) as error:  # one entity's trouble, or our disk's: the store answered
            _log.error("features_unknown", domain=self._domain.name, error=type(error).__name__)
            row = None
        except FeatureError as error:  # counted before the other values were looked for
            self._fail(error)
            return None
        except Exception as error:
            self._fail(error)
            raise StoreAwayError from error
        self.breaker.answered()
        return row

    async def _open(self, plan: ReadPlan) -> None:
        async with asyncio.timeout(OPEN_SECONDS):
            store = await asyncio.to_thread(self._backend.open_store, self._domain.name, plan)
            try:
                await store.connect()
                await self._look(store)  # what is done at the first reading is done before an event waits for it
            except BaseException:
                store.close()
                raise
        self._replace(store, plan)

    def _put_off(self, plan: ReadPlan, error: Exception) -> None:
        """Read nothing, rather than by the plan of another model, until the store can be opened."""
        self._replace(None, plan)
        self.breaker.trip()
        self._fail(error)

    def _replace(self, store: OnlineStore | None, plan: ReadPlan) -> None:
        before, self._store, self._plan = self._store, KeptStore(store) if store else None, plan
        if before is not None:
            before.retire()

    async def _try(self) -> bool:
        """Whether the store is whole, as the breaker then knows."""
        if self._plan is None:
            return False
        try:
            async with self._connecting:
                if self._store is None:
                    await self._open(self._plan)
                else:
                    async with asyncio.timeout(PROBE_SECONDS):
                        await self._store.ask(self._look)
        except Exception as error:  # noqa: BLE001 - whatever a store's client raises: it is tried again
            self._fail(error)
            return False
        self._succeed()
        return True

    async def _look(self, store: OnlineStore) -> None:
        """Whether events could be counted, and whether the state that is read is still kept up; raises if not."""
        await store.check()
        await store.read(self._nobody, now=self._clock())

    async def _recover(self) -> None:
        """Probe until the store is whole, then count what was missed."""
        while True:
            # opening is work, also where it fails
            await asyncio.sleep(REOPEN_SECONDS if self._store is None else self.breaker.pause(self._draw()))
            self.breaker.probing()
            if await self._try():
                break
        await self._count_missed()

    async def _count_missed(self) -> None:
        while self.missed:
            event = self.missed.take()
            try:
                await self._count(event, self._clock())
            except StoreAwayError:
                self.missed.add(event)  # behind the others, should it be the one that fails
                return
            except EventRefusedError:
                self.missed.refused()
            else:
                self.missed.counted()

    def _fail(self, error: Exception) -> None:
        self.breaker.failed()
        self._tell(error)
        if self._recovery is None or self._recovery.done():
            self._recovery = asyncio.get_running_loop().create_task(self._recover())

    def _succeed(self) -> None:
        self.breaker.close()
        self._tell(None)

    def _tell(self, error: Exception | None) -> None:
        """Log whether the store is asked, where that has changed."""
        if self._told == self.breaker.is_closed:
            return
        self._told = self.breaker.is_closed
        if self._told:
            _log.info("store_reachable", domain=self._domain.name)
        else:
            # A client's message may hold keys or a password: its type is enough.
            _log.error("store_unreachable", domain=self._domain.name, error=type(error).__name__)


def _freshness(row: OnlineRow | None, views: Iterable[View], now: datetime) -> dict[str, Freshness]:
    """How fresh each view is; views whose values held at one instant share what says so."""
    known: dict[tuple[datetime, Status], Freshness] = {}
    found: dict[str, Freshness] = {}
    for view in views:
        observed_at = row.observed.get(view.name) if row else None
        if row is None or observed_at is None:
            found[view.name] = _MISSING
            continue
        what = observed_at, row.status[view.name]
        if what not in known:
            age = round((now - observed_at).total_seconds(), 3)
            known[what] = Freshness(observed_at=observed_at, age_seconds=age, status=what[1])
        found[view.name] = known[what]
    return found
