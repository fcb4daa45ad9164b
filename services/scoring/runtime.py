"""Everything the service holds while it runs, and the work it does beside answering."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from pathlib import Path

import structlog

from riskloom.catalog import Domain
from riskloom.features import ReadPlan
from riskloom.ledger import Outbox
from riskloom.pseudonyms import Pseudonyms
from services.memory import settle_memory
from services.scoring.champions import Champions
from services.scoring.decisions import Decider
from services.scoring.doors import GuardedDoor
from services.scoring.features import GuardedFeatures
from services.scoring.metrics import Metrics
from services.scoring.ports import Backend
from services.scoring.rules import RulesInService
from services.scoring.shadowing import Shadows
from services.scoring.status import DomainStatus, Readiness, domain_status, readiness
from services.scoring.store_metrics import StoreStates
from services.web.gate import Gate
from services.web.logs import where_raised

#: How often records, keys and stores are looked at.
POLL_SECONDS = 1.0
_log = structlog.get_logger("scoring.runtime")


class Runtime:
    """
    The parts of the service, put together.

    Args:
        domains: The declared domains by name.
        backend: Where models, features and rules come from.
        decisions: The folder decisions are kept in.
        shadows: The folder for what models in shadow say of them.
        keys: The file with the API keys.
        release_secret: Reads the secret of the draw of releases; called once, when the service begins to run.
        pseudonym_key: Reads the key of the pseudonyms, likewise.
        clock: The time, timezone-aware.
        ticks: Seconds that only go forward.
        new_id: A name for a decision, never the same twice.
    """

    def __init__(
        self,
        domains: Mapping[str, Domain],
        backend: Backend,
        *,
        decisions: Path,
        shadows: Path,
        keys: Path,
        release_secret: Callable[[], bytes],
        pseudonym_key: Callable[[], bytes],
        clock: Callable[[], datetime],
        ticks: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        self.domains = domains
        self.ticks = ticks
        self.gate = Gate(keys, clock=clock)
        self.metrics = Metrics(self.statuses)
        self._clock = clock
        self._outbox = Outbox(decisions)
        self._features = {name: GuardedFeatures(domain, backend, clock=clock) for name, domain in domains.items()}
        self.metrics.register(StoreStates(self._features))
        self._champions = Champions(
            domains,
            backend,
            clock=ticks,
            prepare=self._prepare,
            on_failure=lambda name: self.metrics.load_failures.labels(name).inc(),
        )
        self._shadows = Shadows(domains, self._champions, Outbox(shadows), self.metrics)
        self.deciders: dict[str, Decider] = {}
        self.doors = {name: GuardedDoor(name, backend, ticks=ticks) for name in domains}
        self._backend = backend
        self._release_secret = release_secret
        self._pseudonym_key = pseudonym_key
        self._new_id = new_id
        self._rules = RulesInService(
            domains,
            backend,
            clock=clock,
            ticks=ticks,
            on_failure=lambda name: self.metrics.rules_failures.labels(name).inc(),
            on_flood=lambda name, rule: self.metrics.rules_stopped.labels(name, rule).inc(),
        )

    def statuses(self) -> list[DomainStatus]:
        """What holds for each domain now."""
        return [
            domain_status(name, self._champions[name], self._rules[name], features)
            for name, features in self._features.items()
        ]

    def readiness(self) -> Readiness:
        """Whether requests should come here."""
        return readiness(self.statuses(), keys_trusted=self.gate.is_trusted)

    async def refresh(self) -> None:
        """Look at keys, rules, records and stores once."""
        self.gate.refresh()
        await self._rules.refresh()  # first: no event is decided without them
        await self._champions.refresh()
        await self._probe()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """
        Load what there is in the background, then keep it current, while the block runs.

        Nothing is waited for: the process answers that it is alive at once, and that it is ready when it is.

        Raises:
            ConfigError: The secret of releases, or the key of pseudonyms, cannot be trusted.
        """
        secret, key = self._release_secret(), self._pseudonym_key()
        self.deciders = {name: self._decider(domain, secret, key) for name, domain in self.domains.items()}
        self.gate.refresh()
        background = asyncio.create_task(self._stay_current())
        try:
            async with self._shadows.running():
                yield
        finally:
            background.cancel()
            await asyncio.gather(background, return_exceptions=True)
            for features in self._features.values():
                features.close()
            for decider in self.deciders.values():
                decider.close()
            for door in self.doors.values():
                door.close()
            self._outbox.close()

    def _decider(self, domain: Domain, secret: bytes, key: bytes) -> Decider:
        return Decider(
            domain,
            champions=self._champions,
            rules=self._rules,
            features=self._features[domain.name],
            backend=self._backend,
            outbox=self._outbox,
            pseudonyms=Pseudonyms(domain.event_table, key),
            secret=secret,
            clock=self._clock,
            ticks=self.ticks,
            new_id=self._new_id,
            observe=lambda stage, seconds: self.metrics.stages.labels(domain.name, stage).observe(seconds),
            shadows=self._shadows,
        )

    async def _prepare(self, domain: str, plan: ReadPlan) -> None:
        """Have the rules that may speak of a new champion's features, then read by its plan: it takes over at once."""
        await self._rules.refresh()
        await self._features[domain].read_by(plan)

    async def _stay_current(self) -> None:
        await self._refresh_or_log()
        settle_memory()
        while True:
            await asyncio.sleep(POLL_SECONDS)
            await self._refresh_or_log()

    async def _refresh_or_log(self) -> None:
        """One round; a mistake of ours in it must not end all later rounds."""
        try:
            await self.refresh()
        except Exception as error:  # noqa: BLE001 - it is logged, and tried again
            _log.error("refresh_failed", error=type(error).__name__, where=where_raised(error))

    async def _probe(self) -> None:
        for name, features in self._features.items():
            serving = self._champions[name].serving
            if serving is not None and serving.views:
                await features.probe()
