"""The rules of each domain in service, kept current with what was published, and stopped where they flood."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import structlog

from riskloom.errors import RiskloomError, SignatureError
from riskloom.lifecycle.active import ActiveRule, ActiveRules, ActiveScenario, Judgement, Mark
from riskloom.lifecycle.floods import FloodRequest, Shares
from services.scoring.ports import Backend

#: How soon rules that could not be used are tried again.
RETRY_SECONDS = 10.0
#: Why the rules in service are not those that were published.
RulesTrouble = Literal["loading", "signature_wrong", "rules_refused"]
_log = structlog.get_logger("scoring.rules")


@dataclass(frozen=True, slots=True)
class RulesPost:
    """What holds for one domain: the rules in service, and why they are not those that were published."""

    serving: ActiveRules | None = None
    trouble: RulesTrouble | None = "loading"


class RulesInService:
    """
    Hold and renew the rules; those that cannot be used leave the ones before them in service.

    Args:
        domains: Names of the declared domains.
        backend: Where rules come from.
        clock: The time, timezone-aware.
        ticks: Seconds that only go forward.
        on_failure: Told the domain whose rules could not be used.
        on_flood: Told the domain and the rule that was stopped.
    """

    def __init__(
        self,
        domains: Iterable[str],
        backend: Backend,
        *,
        clock: Callable[[], datetime],
        ticks: Callable[[], float],
        on_failure: Callable[[str], None],
        on_flood: Callable[[str, str], None],
    ) -> None:
        self._posts = {name: RulesPost() for name in domains}
        self._stamps: dict[str, object] = {}
        self._retry_at: dict[str, float] = {}
        self._shares = {name: Shares() for name in self._posts}
        self._stopped: dict[str, set[Mark]] = {name: set() for name in self._posts}
        self._unsaid: list[FloodRequest] = []
        self._backend = backend
        self._clock = clock
        self._ticks = ticks
        self._on_failure = on_failure
        self._on_flood = on_flood

    def __getitem__(self, domain: str) -> RulesPost:
        return self._posts[domain]

    def stopped(self, domain: str) -> Collection[Mark]:
        """Versions that flooded: they are in shadow, whatever was published."""
        return self._stopped[domain]

    def count(self, domain: str, judgement: Judgement) -> None:
        """Count which of the rules and scenarios in effect hit; what hits more than it may is stopped from now on."""
        hit: list[ActiveRule | ActiveScenario] = [each.active for each in judgement.hits]
        hit += [each.active for each in judgement.scenarios]
        shares = self._shares[domain].add([active.mark for active in hit], judgement.spared)
        for active in hit:
            if (share := shares[active.mark]) > active.max_share:
                self._stop(domain, active, share)

    async def refresh(self) -> None:
        """Say which rules were stopped, and take up what was published since."""
        await asyncio.to_thread(self._say)
        for domain in self._posts:
            stamp = await asyncio.to_thread(self._backend.rules_stamp, domain)
            is_new = domain not in self._stamps or stamp != self._stamps[domain]
            if is_new or self._ticks() >= self._retry_at.get(domain, float("inf")):
                self._retry_at.pop(domain, None)
                self._stamps[domain] = stamp
                await self._renew(domain)

    def _stop(self, domain: str, active: ActiveRule | ActiveScenario, share: float) -> None:
        name, version, step = active.mark
        self._stopped[domain].add(active.mark)
        self._unsaid.append(
            FloodRequest(
                domain=domain, rule_id=name, version=version, step=step, share=share,
                max_share=active.max_share, at=self._clock(),
            )
        )  # fmt: skip
        self._on_flood(domain, name)
        _log.error("rule_stopped", domain=domain, rule=name, version=version, share=share, max_share=active.max_share)

    def _say(self) -> None:
        """Write down what was stopped, so that it stays so in other processes and after this one."""
        while self._unsaid:
            try:
                self._backend.ask_to_stop(self._unsaid[0])
            except OSError as error:  # it is stopped here in any case; the next round asks again
                _log.error("stop_not_written", domain=self._unsaid[0].domain, error=error.strerror)
                return
            self._unsaid.pop(0)

    async def _renew(self, domain: str) -> None:
        before = self._posts[domain]
        after, stopped = await asyncio.to_thread(self._look, domain, before)
        self._stopped[domain] |= stopped
        if after.serving is not None:
            self._forget(domain, after.serving)
        self._posts[domain] = after
        version = after.serving.version if after.serving else None
        if after.trouble is not None:
            self._retry_at[domain] = self._ticks() + RETRY_SECONDS
            self._on_failure(domain)
            _log.error("rules_refused", domain=domain, serving=version, why=after.trouble)
        elif version != (before.serving.version if before.serving else None):
            _log.info("rules_in_service", domain=domain, version=version)

    def _look(self, domain: str, before: RulesPost) -> tuple[RulesPost, set[Mark]]:
        try:
            rules, stopped = self._backend.rules(domain), self._backend.asked_to_stop(domain)
        except SignatureError:
            _log.exception("signature_wrong", domain=domain)
            return replace(before, trouble="signature_wrong"), set()
        except (RiskloomError, OSError):
            _log.exception("rules_refused", domain=domain)
            return replace(before, trouble="rules_refused"), set()
        return RulesPost(rules, None), stopped

    def _forget(self, domain: str, rules: ActiveRules) -> None:
        """What was counted of versions that are no more in the same place: it begins anew."""
        self._stopped[domain] &= rules.marks
        self._shares[domain].keep(rules.marks)
