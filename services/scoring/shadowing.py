"""
The model in shadow: scores what was decided, off the path of a decision.

A decision leaves its values in a queue and is answered; a thread scores them many at a time and writes down what came
out. It works at most half of the time, and the queue has an end: where a model is too slow for what comes, decisions go
unscored, which is counted, and none waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import structlog

from riskloom.catalog import Domain
from riskloom.ledger import Outbox
from riskloom.lifecycle.active import Judgement
from riskloom.policy import CostPolicy
from services.scoring.champions import Champion, Champions
from services.scoring.ports import Matrix

if TYPE_CHECKING:
    from services.scoring.decisions import Decision
    from services.scoring.metrics import Metrics

#: Decisions of a domain that wait to be scored.
MOST = 2048
#: Scored in one call: more would hold the interpreter for longer than a decision should wait for it.
BATCH = 64
_PAUSE_SECONDS = 0.05
_log = structlog.get_logger("scoring.shadow")


@dataclass(frozen=True, slots=True)
class _Decided:
    model: Champion
    decision: Decision
    values: Mapping[str, float]
    amount: float
    judgement: Judgement


class Shadows:
    """
    Score what was decided with the versions in shadow.

    Args:
        domains: The declared domains by name.
        champions: Who is in shadow.
        outbox: Where is written what they said.
        metrics: Where it is counted.
    """

    def __init__(self, domains: Mapping[str, Domain], champions: Champions, outbox: Outbox, metrics: Metrics) -> None:
        self._policies = {name: CostPolicy(domain) for name, domain in domains.items()}
        self._queues: dict[str, deque[_Decided]] = {name: deque() for name in domains}
        self._champions = champions
        self._outbox = outbox
        self._metrics = metrics

    def offer(
        self, domain: str, decision: Decision, values: Mapping[str, float], amount: float, judgement: Judgement
    ) -> None:
        """
        Leave a decision to be scored where a version is in shadow; never waits, and never fails.

        Args:
            domain: Whose.
            decision: The answer, made with a score that can be trusted.
            values: All features by name, NaN where missing.
            amount: At stake; NaN where it is not known.
            judgement: What the rules said.
        """
        shadow = self._champions[domain].shadow
        if shadow is None or shadow.model is None:
            return
        queue = self._queues[domain]
        if len(queue) >= MOST:
            self._metrics.shadow_decisions.labels(domain, "dropped").inc()
        else:
            queue.append(_Decided(shadow.model, decision, values, amount, judgement))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Score what comes while the block runs, then what still waits."""
        is_over = asyncio.Event()
        work = asyncio.create_task(self._work(is_over))
        try:
            yield
        finally:
            is_over.set()
            await work
            self._outbox.close()

    async def _work(self, is_over: asyncio.Event) -> None:
        while not is_over.is_set():
            await _pause(is_over, _PAUSE_SECONDS)
            while waiting := [domain for domain, queue in self._queues.items() if queue]:
                for domain in waiting:  # in turns, so that one that is slow leaves time for the others
                    started = time.perf_counter()
                    await self._take(domain)
                    await _pause(is_over, time.perf_counter() - started)

    async def _take(self, domain: str) -> None:
        queue = self._queues[domain]
        batch = [queue.popleft() for _ in range(min(BATCH, len(queue)))]
        for model, taken in itertools.groupby(batch, key=attrgetter("model")):
            rows = list(taken)
            try:
                await asyncio.to_thread(self._score, domain, model, rows)
            except Exception:  # noqa: BLE001 - whatever a model's library raises: nobody waits for it
                self._metrics.shadow_decisions.labels(domain, "failed").inc(len(rows))
                _log.exception("shadow_failed", domain=domain, version=model.version)
            else:
                self._metrics.shadow_decisions.labels(domain, "scored").inc(len(rows))

    def _score(self, domain: str, model: Champion, rows: Sequence[_Decided]) -> None:
        matrix: Matrix = np.array([[each.values[name] for name in model.names] for each in rows], dtype=np.float64)
        for decided, score in zip(rows, model.model.predict(matrix).tolist(), strict=True):
            self._outbox.append(self._record(domain, decided, score if math.isfinite(score) else None))

    def _record(self, domain: str, decided: _Decided, score: float | None) -> dict[str, Any]:
        """What the ledger compares: the policy's outcome by either score, with what the rules said of the first."""
        decision, judgement, model = decided.decision, decided.judgement, decided.model
        would_be = self._policies[domain].choose(
            score,
            decided.amount,
            threshold=model.model.manifest.unusual_from,
            forced=judgement.forced(),
            forbidden=judgement.forbidden(),
        )
        released = decision.exploration
        return {
            "domain": domain,
            "version": model.version,
            "decision_id": decision.decision_id,
            "decided_at": decision.decided_at,
            "model_version": decision.model_version,
            "score": decision.score,
            "shadow_score": score,
            "outcome": decision.outcome if released is None else released.would_be,
            "would_be": would_be.outcome,
        }


async def _pause(is_over: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(is_over.wait(), seconds)
