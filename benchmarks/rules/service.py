"""What live rules add to a decision of the scoring service: the same events with and without them, in turns."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.rows import Row
from benchmarks.rules.backend import MemoryBackend
from benchmarks.rules.conditions import FEATURES, RULES, SCHEMA, conditions, example_of
from benchmarks.workbench import Workbench
from riskloom.catalog import Domain
from riskloom.contracts import TableContract
from riskloom.errors import ConfigError
from riskloom.ledger import Outbox
from riskloom.lifecycle.active import ActiveRules
from riskloom.lifecycle.publication import ActiveStage, Publication, PublishedMember, PublishedRule
from riskloom.pseudonyms import Pseudonyms
from riskloom.rules import Schema
from riskloom.rules.tree import Type
from services.scoring.champions import Champions
from services.scoring.decisions import Decider
from services.scoring.features import GuardedFeatures
from services.scoring.metrics import Metrics
from services.scoring.rules import RulesInService
from services.scoring.shadowing import Shadows

_TARGET = 300.0  # µs that two hundred live rules may add
_ROLLOUTS, _PERCENT = 10, 10
_MOST_HITS = 4
_ACCOUNTS = 2_000
_SEED = 7
_NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
_COLUMNS = {Type.TEXT: "string", Type.NUMBER: "decimal(18,2)", Type.BOOLEAN: "boolean", Type.TIME: "timestamp"}
_NEEDED = {"payment_id": "string", "account": "string", "effective_at": "timestamp", "observed_at": "timestamp"}


@dataclass(slots=True)
class _Lane:
    """A service's decider, what its decisions cost the thread that decides, in microseconds, and how many rules hit."""

    decider: Decider
    spent: list[float] = field(default_factory=list)
    hits: int = 0

    def percentile(self, share: int) -> float:
        """Of the costs."""
        return float(np.percentile(self.spent, share))


def measure(bench: Workbench) -> Iterator[Row]:
    """Facts, evaluation, whom roll-outs reach, floods, outcome, reasons, the record on disk; without the HTTP part."""
    domain, rounds = _domain(bench.domain), bench.size(20_000, 600)
    without, with_rules = asyncio.run(_measured(domain, rounds, bench.work_in("rules_service")))
    each = with_rules.hits / rounds
    if not 0 < each < _MOST_HITS:
        raise ConfigError(f"rules.service: expected some hits, and no more than {_MOST_HITS} a decision, found {each}")
    what = f"{RULES} live rules and {_ROLLOUTS} roll-outs, {each:.1f} hits a decision"
    for name, share in (("p50", 50), ("p99", 99)):
        before, after = without.percentile(share), with_rules.percentile(share)
        yield Row(f"processor time of a decision in the service without rules, {name}", before, "µs", "lower")
        yield Row(f"what {what}, add to it, {name}", after - before, "µs", "lower", target=_TARGET)


async def _measured(domain: Domain, rounds: int, folder: Path) -> tuple[_Lane, _Lane]:
    """The same events without and with rules, in turns."""
    features = _features()
    with Outbox(folder / "without") as one, Outbox(folder / "with") as other:
        without = _Lane(await _decider(domain, MemoryBackend(domain, features, None), one))
        with_rules = _Lane(await _decider(domain, MemoryBackend(domain, features, _rules(domain)), other))
        for event in itertools.islice(_events(), rounds // 10):
            for lane in (without, with_rules):
                await lane.decider.decide(event)
        for event in itertools.islice(_events(), rounds):
            for lane in (without, with_rules):
                begin = time.thread_time_ns()
                decision = await lane.decider.decide(event)
                lane.spent.append((time.thread_time_ns() - begin) / 1_000)
                lane.hits += len(decision.rules_hit)
    return without, with_rules


async def _decider(domain: Domain, backend: MemoryBackend, outbox: Outbox) -> Decider:
    """A domain's decider with everything around it as the service has it, loaded."""
    features, numbers = GuardedFeatures(domain, backend, clock=lambda: _NOW), itertools.count()
    champions = Champions(
        {domain.name: domain},
        backend,
        clock=time.monotonic,
        prepare=lambda _, plan: features.read_by(plan),
        on_failure=_refuse,
    )
    rules = RulesInService(
        [domain.name], backend, clock=lambda: _NOW, ticks=time.monotonic, on_failure=_refuse, on_flood=_refuse_flood
    )
    await rules.refresh()
    await champions.refresh()
    return Decider(
        domain,
        champions=champions,
        rules=rules,
        features=features,
        backend=backend,
        outbox=outbox,
        pseudonyms=Pseudonyms(domain.event_table, b"benchmark".ljust(32, b".")),
        secret=b"benchmark".ljust(32, b"."),
        clock=lambda: _NOW,
        ticks=time.monotonic,
        new_id=lambda: f"d-{next(numbers)}",
        observe=lambda *_: None,
        shadows=Shadows({domain.name: domain}, champions, outbox, Metrics(lambda: ())),
    )


def _refuse(domain: str) -> None:
    raise ConfigError(f"rules.service: expected model and rules of {domain} to load")


def _refuse_flood(domain: str, rule: str) -> None:
    raise ConfigError(f"rules.service: expected no rule of {domain} to flood, found {rule}")


def _domain(declared: Domain) -> Domain:
    """The declared domain with an event table that has the conditions' columns, and nothing computed."""
    told = {"description": "Made for a benchmark."}
    columns: dict[str, dict[str, Any]] = {
        name.removeprefix("event."): {**told, "type": _COLUMNS[kind], "nullable": True}
        for name, kind in SCHEMA.fields.items()
        if name.startswith("event.")
    }
    for name, kind in _NEEDED.items():
        columns[name] = {**told, "type": kind}
    table = TableContract.model_validate(
        {
            "name": "bench__payments",
            "description": "Payments of a benchmark.",
            "key": ("payment_id",),
            "columns": columns,
        }
    )
    subject = {"event_table": table.name, "key": "payment_id", "group": "account", "amount": "amount"}
    return declared.model_copy(
        update={
            "subject": declared.subject.model_copy(update=subject),
            "tables": {table.name: table},
            "request_features": {},
        }
    )


def _rules(domain: Domain) -> ActiveRules:
    """What was published: every rule live, and of some a next version in roll-out."""
    texts = [_source(number, when) for number, (when, _) in enumerate(conditions())]
    live = [_published(number, 1, text, "live") for number, text in enumerate(texts)]
    rollouts = [_published(number, 2, texts[number], "rollout") for number in range(_ROLLOUTS)]
    blocked = tuple(PublishedMember(value=f"m-{number}", added_at=_NOW, expires_at=None) for number in range(1_000))
    publication = Publication(
        domain=domain.name, published_at=_NOW, rules=(*live, *rollouts), lists={"blocked": blocked}
    )
    outcomes = tuple(outcome.name for outcome in domain.outcome)
    return ActiveRules(publication, Schema(SCHEMA.fields, lists=SCHEMA.lists, outcomes=outcomes))


def _published(number: int, version: int, source: str, stage: ActiveStage) -> PublishedRule:
    return PublishedRule(
        id=f"rule_{number}",
        version=version,
        stage=stage,
        percent=_PERCENT if stage == "rollout" else None,
        step=2,
        key=f"{number:064x}",
        source=source,
    )


def _source(number: int, when: str) -> str:
    """The text of a rule, with an example that it hits."""
    return yaml.safe_dump(
        {
            "id": f"rule_{number}",
            "title": f"Rule {number}",
            "description": "One of many that are measured together.",
            "severity": "medium",
            "abuse_vector": "card_testing",
            "owner": "nobody",
            "when": when,
            "score": 1,
            "max_share": 1.0,
            "false_positives": ["none"],
            "examples": {"positive": [example_of(when)], "negative": [{"name": "nothing is known"}]},
        }
    )


def _features() -> dict[str, dict[str, float]]:
    """Values by account: most are small, as of those who have done nothing yet."""
    values = np.random.default_rng(_SEED).beta(1, 6, size=(_ACCOUNTS, FEATURES))
    return {f"a-{number}": {f"f{nth}": float(x) for nth, x in enumerate(row)} for number, row in enumerate(values)}


def _events() -> Iterator[dict[str, Any]]:
    """Payments of all accounts, the same in every run."""
    random = np.random.default_rng(_SEED)
    for number in itertools.count():
        at = _NOW - timedelta(minutes=int(random.integers(1_440)))
        yield {
            "payment_id": f"p-{number}",
            "account": f"a-{random.integers(_ACCOUNTS)}",
            "country": ("DE", "FR", "US", "GB", "ES")[random.integers(5)],
            "channel": ("online", "terminal", "terminal")[random.integers(3)],
            "terminal_id": f"t-00{random.integers(9_000)}",
            "device_id": f"d-{random.integers(9_000)}",
            "merchant": f"m-{random.integers(5_000)}",
            "amount": Decimal(round(random.lognormal(3.5, 1.0) * 100)).scaleb(-2),
            "is_trusted": bool(random.integers(2)),
            "effective_at": at,
            "opened_at": at - timedelta(days=int(random.integers(900))),
        }
