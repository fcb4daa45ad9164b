"""
The ledger's keeper, the service that ``riskloom ledger ship --follow`` is: it brings answered decisions in, puts what
somebody should look at into cases, stops rules that flood, and removes files that have done their work.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import DBAPIError

from riskloom.ledger.backlog import Backlog, measure_backlog
from riskloom.ledger.chores import Chore, keep_doing
from riskloom.ledger.database import reading
from riskloom.ledger.migrations import check_migrated
from riskloom.ledger.shipping import LEASE, Shipper
from riskloom.ledger.triage import Triaged, triage
from riskloom.lifecycle.publishing import Controls
from riskloom.lifecycle.requests import take_requests

SHIP_EVERY = timedelta(seconds=1)
TRIAGE_EVERY = timedelta(seconds=2)
STOP_EVERY = timedelta(seconds=5)
REMOVE_EVERY = timedelta(hours=1)
#: What is counted, with what it is.
_COUNTED = {
    "decisions": "Decisions brought into the ledger.",
    "lines_skipped": "Lines of the outbox that were no whole decision.",
    "shadow_scores": "What models in shadow said of decisions, brought into the ledger.",
    "alerts_triaged": "Alerts put into cases.",
    "rules_stopped": "Rules put back to the shadow because a scoring service asked for it.",
    "files_removed": "Files of the outbox that were removed.",
}


@dataclass(frozen=True, slots=True)
class Office:
    """
    What a keeper does in the ledger besides shipping; each call may find the database locked or gone.

    Attributes:
        controls: The ledger, where commands are audited, and where rules are published.
        outbox: The outbox's folder.
        source: Its name in the ledger.
        sla: How long after an alert somebody must have decided.
        new_id: Names a case, never the same twice.
    """

    controls: Controls
    outbox: Path
    source: str
    sla: timedelta
    new_id: Callable[[], str]

    def check(self) -> None:
        """Raise LedgerError where the tables are not this release's."""
        check_migrated(self.controls.engine)

    def triage(self, domain: str) -> Triaged:
        """Put the alerts of a domain that wait into cases."""
        controls = self.controls
        return triage(
            controls.engine, controls.trail, domain, sla=self.sla, clock=controls.clock, new_id=self.new_id
        )  # fmt: skip

    def stop_floods(self, domain: str) -> int:
        """Do what scoring services asked for; gives how many rules were stopped."""
        return len(take_requests(self.controls, domain))

    def backlog(self) -> list[Backlog]:
        """What waits in the outbox, by domain."""
        with reading(self.controls.engine) as session:
            return measure_backlog(session, self.outbox, source=self.source)


@dataclass(frozen=True, slots=True)
class Upkeep:
    """
    What is done how often.

    Attributes:
        keep_for: How long shipped files stay after their day.
        ship: Between two looks at the outbox.
        triage: Between two looks at alerts.
        stop: Between two looks at what scoring services ask for.
        remove: Between two looks at old files.
    """

    keep_for: timedelta
    ship: timedelta = SHIP_EVERY
    triage: timedelta = TRIAGE_EVERY
    stop: timedelta = STOP_EVERY
    remove: timedelta = REMOVE_EVERY


class Keeper:
    """
    Keep one ledger until told to stop.

    Args:
        shipper: Brings decisions in.
        shadows: Brings in what models in shadow said of them.
        office: Everything else.
        domains: Names of the declared domains.
        upkeep: How often.
        say: Takes a line on each thing that was done.
    """

    def __init__(
        self,
        shipper: Shipper,
        shadows: Shipper,
        office: Office,
        domains: Iterable[str],
        upkeep: Upkeep,
        *,
        say: Callable[[str], None],
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._shipper = shipper
        self._shadows = shadows
        self._office = office
        self._domains = tuple(domains)
        self._keep_for = upkeep.keep_for
        self._say = say
        self._is_checked = False
        self._stop = threading.Event()
        self.chores = (
            Chore("ship", upkeep.ship, self._ship),
            Chore("hold the lease", LEASE / 3, self._hold),
            Chore("triage", upkeep.triage, self._triage),
            Chore("stop floods", upkeep.stop, self._stop_floods),
            Chore("remove files", upkeep.remove, self._remove),
        )

    def run(self) -> None:
        """Work until ``stop`` is called, then give the lease back where the ledger still answers."""
        keep_doing(self.chores, self._stop, ticks=time.monotonic)
        for shipper in (self._shipper, self._shadows):
            Chore("give back", timedelta(0), shipper.give_back).attempt()

    def stop(self) -> None:
        """End after the batch that is being shipped; may be called by a signal's handler."""
        self._stop.set()

    def backlog(self) -> list[Backlog]:
        """What waits in the outbox, by domain."""
        return self._office.backlog()

    def _check(self) -> None:
        """Nothing is touched before the tables are known to be the right ones."""
        if not self._is_checked:
            self._office.check()
            self._is_checked = True

    def _ship(self) -> None:
        self._check()
        shipped = self._shipper.ship(is_over=self._stop.is_set)
        self.counts.update(decisions=shipped.decisions, lines_skipped=shipped.skipped)
        if shipped.decisions or shipped.skipped:
            self._say(f"{shipped.decisions:,} decisions shipped, {shipped.skipped:,} lines skipped")
        scores = self._shadows.ship(is_over=self._stop.is_set)
        self.counts.update(shadow_scores=scores.decisions, lines_skipped=scores.skipped)

    def _hold(self) -> None:
        self._check()
        self._shipper.hold()
        self._shadows.hold()

    def _triage(self) -> None:
        self._check()
        for domain in self._domains:
            done = self._office.triage(domain)
            self.counts.update(alerts_triaged=done.alerts)
            if done.alerts:
                self._say(f"{domain}: {done.alerts:,} alerts are in {done.cases:,} cases")

    def _stop_floods(self) -> None:
        self._check()
        for domain in self._domains:
            stopped = self._office.stop_floods(domain)
            self.counts.update(rules_stopped=stopped)
            if stopped:
                self._say(f"{domain}: {stopped:,} rules that flooded are back in shadow")

    def _remove(self) -> None:
        self._check()
        for shipper in (self._shipper, self._shadows):
            for path in shipper.remove(older_than=self._keep_for):
                self.counts.update(files_removed=1)
                self._say(f"removed {path}: shipped, and older than {self._keep_for.days} days")


def metrics_of(keeper: Keeper, clock: Callable[[], datetime]) -> CollectorRegistry:
    """What Prometheus reads of a keeper; names of ours are the only labels."""
    registry = CollectorRegistry()
    registry.register(_Metrics(keeper, clock))
    return registry


class _Metrics(Collector):
    """Asked when they are read, so that a keeper that hangs in front of a locked ledger shows its lag all the same."""

    def __init__(self, keeper: Keeper, clock: Callable[[], datetime]) -> None:
        self._keeper = keeper
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """Counters first, which need no database; then what waits."""
        for name, described in _COUNTED.items():
            yield CounterMetricFamily(f"riskloom_ledger_{name}", described, value=self._keeper.counts[name])
        failures = CounterMetricFamily(
            "riskloom_ledger_failures", "Attempts that failed, by what was attempted.", labels=["chore"]
        )
        for chore in self._keeper.chores:
            failures.add_metric([chore.name], chore.failed)
        yield failures
        yield from self._waiting()

    def _waiting(self) -> Iterator[Metric]:
        answers = GaugeMetricFamily("riskloom_ledger_up", "1 where the ledger's database answers.")
        waiting = GaugeMetricFamily(
            "riskloom_ledger_unshipped_decisions", "Decisions that are not in the ledger yet.", labels=["domain"]
        )
        lag = GaugeMetricFamily(
            "riskloom_ledger_lag_seconds", "For how long the oldest of them has waited.", labels=["domain"]
        )
        try:
            found = self._keeper.backlog()
        except DBAPIError:  # it does not answer, or has no tables yet
            answers.add_metric([], 0)
            yield answers
            return
        answers.add_metric([], 1)
        now = self._clock()
        for each in found:
            waiting.add_metric([each.domain], each.lines)
            lag.add_metric([each.domain], each.seconds(now))
        yield from (answers, waiting, lag)
