"""
Read features within a time limit, and go on without them where the store does not answer.

A store that is down may take seconds to say so, each time it is asked. So after one failure no request asks it again: a
probe in the background does, and its first success lets requests through.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict, Field

from riskloom.catalog import Domain
from riskloom.errors import EventRefusedError, NotBootstrappedError
from riskloom.features import ReadPlan
from services.scoring.kept_store import KeptStore
from services.scoring.ports import Backend, OnlineRow, OnlineStore, Status, View
from services.web.problems import FieldProblem, RefusalError

READ_SECONDS = 0.25
REOPEN_AFTER = timedelta(seconds=10)  # connecting is work, also where it fails
OPEN_SECONDS = 60.0  # the first import of the store's client takes a while
_log = structlog.get_logger("scoring.features")


class Freshness(BaseModel):
    """How old the values of one feature view were when they were used."""

    model_config = ConfigDict(frozen=True)

    observed_at: datetime | None = Field(description="When the values held (UTC); null where there are none.")
    age_seconds: float | None = Field(description="From then to the decision.")
    status: Status = Field(description="Stale values are treated as missing.")


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


class GuardedFeatures:
    """
    One domain's online features, behind a time limit and a fuse.

    Args:
        domain: Whose features.
        backend: Opens the store.
    """

    def __init__(self, domain: Domain, backend: Backend) -> None:
        self.is_reachable = False
        self._is_known = False
        self._reopen_at = datetime.min.replace(tzinfo=UTC)
        self._domain = domain
        self._backend = backend
        self._store: KeptStore | None = None
        self._plan: ReadPlan | None = None
        strings = [name for name, column in domain.event_table.columns.items() if column.type == "string"]
        self._nobody: dict[str, str | None] = dict.fromkeys(strings, "probe")

    async def decide(self, event: Mapping[str, Any], views: Iterable[View], *, now: datetime) -> Reading:
        """
        Count an event and read the values of its entities; a store that is down is told in the answer, not raised.

        Args:
            event: Values by column.
            views: The views whose freshness is wanted.
            now: The clock; timezone-aware.

        Raises:
            RefusalError: The event cannot be counted.
        """
        row = await self._ask(lambda store: store.decide(event, now=now)) if self.is_reachable else None
        at = row.at if row else now
        freshness = {view.name: _freshness(row, view.name, at) for view in views}
        return Reading(at, row.values if row else {}, freshness, is_reachable=row is not None)

    async def read_by(self, plan: ReadPlan, now: datetime) -> None:
        """
        Read by a plan from now on; the connection there is serves until then, or for good where it reads the same.

        Raises:
            NotBootstrappedError: The plan's windows hold no history yet, and those that are read now do: they stay.
        """
        if self._store is not None and self._plan is not None and self._plan.reads == plan.reads:
            return
        try:
            await self._open(plan, now)
        except NotBootstrappedError:
            if self._store is not None:
                raise
            self._put_off(plan, now)
        except Exception:  # noqa: BLE001 - whatever a store's client raises: events are answered without it
            self._put_off(plan, now)

    async def probe(self, now: datetime) -> None:
        """Read once for entities that nobody has; connect where there is no connection yet."""
        if self._store is None:
            if self._plan is not None and now >= self._reopen_at:
                await self.read_by(self._plan, now)
        elif await self._ask(lambda store: store.read(self._nobody, now=now)) is not None:
            self._note(is_reachable=True)

    def close(self) -> None:
        """Let the store go."""
        if self._store is not None:
            self._store.retire()

    async def _open(self, plan: ReadPlan, now: datetime) -> None:
        async with asyncio.timeout(OPEN_SECONDS):
            store = await asyncio.to_thread(self._backend.open_store, self._domain.name, plan)
            await store.connect()
            # what is done at the first reading is done before an event waits for it
            await store.read(self._nobody, now=now)
        self._replace(store, plan)
        self._note(is_reachable=True)

    def _put_off(self, plan: ReadPlan, now: datetime) -> None:
        """Read nothing, rather than by the plan of another model, until the store can be opened."""
        self._replace(None, plan)
        self._reopen_at = now + REOPEN_AFTER
        self._note(is_reachable=False)

    def _replace(self, store: OnlineStore | None, plan: ReadPlan) -> None:
        before, self._store, self._plan = self._store, KeptStore(store) if store else None, plan
        if before is not None:
            before.retire()

    async def _ask(self, question: Callable[[OnlineStore], Awaitable[OnlineRow]]) -> OnlineRow | None:
        if self._store is None:
            return None
        try:
            async with asyncio.timeout(READ_SECONDS):
                return await self._store.ask(question)
        except EventRefusedError as error:
            detail = FieldProblem(field=error.field, expected=error.expected, found=error.found)
            raise RefusalError("invalid_request", "The event cannot be counted.", errors=[detail]) from None
        except Exception:  # noqa: BLE001 - whatever a store's client raises: events are answered without it
            self._note(is_reachable=False)
            return None

    def _note(self, *, is_reachable: bool) -> None:
        """Remember what holds, and log it where it has changed."""
        if is_reachable and not self.is_reachable:
            _log.info("store_reachable", domain=self._domain.name)
        elif not is_reachable and (self.is_reachable or not self._is_known):
            # A client's message may hold keys or a password: its type is enough.
            error = sys.exc_info()[0]
            _log.error("store_unreachable", domain=self._domain.name, error=error.__name__ if error else None)
        self.is_reachable, self._is_known = is_reachable, True


def _freshness(row: OnlineRow | None, view: str, now: datetime) -> Freshness:
    observed_at = row.observed.get(view) if row else None
    if row is None or observed_at is None:
        return Freshness(observed_at=None, age_seconds=None, status="missing")
    age = round((now - observed_at).total_seconds(), 3)
    return Freshness(observed_at=observed_at, age_seconds=age, status=row.status[view])
