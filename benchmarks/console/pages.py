"""How soon each page of the console answers over a large ledger."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from sqlalchemy import Engine, insert
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from benchmarks.rows import Row
from benchmarks.workbench import Workbench
from riskloom.catalog import Domain
from riskloom.ledger.audit import AuditTrail
from riskloom.ledger.database import open_database, sqlite_url, writing
from riskloom.ledger.desk import Desk
from riskloom.ledger.migrations import migrate
from riskloom.ledger.records import decision_row
from riskloom.ledger.schema import Alert, Case, CaseEvent, Decision, DecisionCount, User
from riskloom.ledger.sessions import open_session
from riskloom.ledger.users import add_user
from riskloom.registry import ModelStore
from services.console.app import create_app
from services.console.cookies import SESSION_COOKIE
from services.console.models import ModelShelf
from services.console.population import Populations
from services.console.rulebook import DeclaredRules
from services.console.visit import Console

_TARGET_MS = 100
_TIMES = 40
_BATCH = 5_000
_ALERTS = 5  # of each case
_TOKEN = "benchmark"  # noqa: S105 - logs in nobody outside this folder
_FEATURES = 30


def measure(bench: Workbench) -> Iterator[Row]:
    """The 95th percentile of forty answers of each page, after the first; from the request to the whole page."""
    decisions, cases = bench.size(1_000_000, 5_000), bench.size(50_000, 500)
    engine = open_database(sqlite_url(bench.work_in("console") / "ledger.db"))
    migrate(engine)
    bench.say(f"  filling a ledger with {decisions:,} decisions and {cases:,} open cases")
    for first in range(0, decisions, _BATCH):
        with writing(engine) as session:
            _add_decisions(session, bench, range(first, min(first + _BATCH, decisions)))
    with writing(engine) as session:
        _add_cases(session, bench, cases)
    console = _console(bench, engine)
    size = f"{decisions:,} decisions, {cases:,} open cases"
    with TestClient(create_app(console), cookies={SESSION_COOKIE: _TOKEN}) as client:
        for name, addresses in _pages(bench, cases).items():
            seconds = [_seconds(client, next(addresses)) for _ in range(_TIMES + 1)][1:]
            value = float(np.percentile(seconds, 95)) * 1e3
            yield Row(f"{name}, p95; {size}", value, "ms", "lower", target=_TARGET_MS)
    engine.dispose()


def _seconds(client: TestClient, address: str) -> float:
    begin = time.perf_counter()
    answer = client.get(address)
    seconds = time.perf_counter() - begin
    answer.raise_for_status()
    return seconds


def _pages(bench: Workbench, cases: int) -> dict[str, Iterator[str]]:
    random, domain = np.random.default_rng(3), bench.domain.name
    some = [int(number) for number in random.integers(cases, size=_TIMES + 1)]
    return {
        "overview": itertools.repeat("/"),
        "queue by expected loss": itertools.repeat(f"/queue?domain={domain}"),
        "queue by deadline": itertools.repeat(f"/queue?domain={domain}&order=due"),
        "queue of a state": itertools.repeat(f"/queue?domain={domain}&state=escalated"),
        "mine": itertools.repeat("/queue?mine=1"),
        "a case": iter([f"/cases/c-{number}" for number in some]),
        "newest decisions": itertools.repeat(f"/decisions?domain={domain}"),
        "a decision": iter([f"/decisions/{number:032x}" for number in some]),
        "rules": itertools.repeat("/rules"),
        "audit": itertools.repeat("/audit"),
    }


def _console(bench: Workbench, engine: Engine) -> Console:
    home, numbers = bench.folder / "console", itertools.count()
    console = Console(
        engine=engine,
        trail=AuditTrail(b"k" * 32, home / "anchor.json"),
        domains={bench.domain.name: bench.domain},
        rules=DeclaredRules(),
        models=ModelShelf(home / "registry", ModelStore(home / "bentoml", home / "keys")),
        populations=Populations(),
        clock=lambda: bench.end,
        new_id=lambda: f"b-{next(numbers)}",
        new_token=lambda: _TOKEN,
    )
    with writing(engine) as session:
        desk = Desk(session, console.trail, "lead", bench.end)
        user: User = add_user(desk, "lead", role="lead", password="none")  # noqa: S106 - no log-in is measured
        open_session(desk, user, _TOKEN)
    return console


def _add_decisions(session: Session, bench: Workbench, numbers: range) -> None:
    random = np.random.default_rng(numbers.start)
    lines = (json.dumps(_record(bench.domain, number, bench.start, random)).encode() for number in numbers)
    session.execute(insert(Decision), [decision_row(line, bench.domain.name) for line in lines])


def _record(domain: Domain, number: int, start: datetime, random: np.random.Generator) -> dict[str, Any]:
    """One decision as the outbox keeps it, of thirty features, ten milliseconds after the one before."""
    at = (start + timedelta(milliseconds=10 * number)).isoformat(timespec="microseconds")
    features = {f"feature_{nth}": float(value) for nth, value in enumerate(random.random(_FEATURES))}
    reasons = [{"feature": name, "value": features[name], "contribution": 0.5} for name in list(features)[:5]]
    return {
        "decision_id": f"{number:032x}",
        "domain": domain.name,
        "subject": f"s-{number}",
        "entity": f"e-{number // _ALERTS}",
        "amount": f"{random.lognormal(3.5, 1.0):.2f}",
        "decided_at": at,
        "effective_at": at,
        "score": float(random.random()),
        "outcome": domain.outcome[number % len(domain.outcome)].name,
        "basis": "score",
        "reasons": reasons,
        "model_version": "1",
        "features": features,
        "freshness": {"view": {"observed_at": at, "age_seconds": 0.0, "status": "fresh"}},
        "degraded": False,
        "latency_ms": 2.5,
        "event": {"subject": f"s-{number}"},
    }


def _add_cases(session: Session, bench: Workbench, cases: int) -> None:
    """Each with the newest decisions of its entity as alerts and some steps; a year of counts besides."""
    random, domain, start = np.random.default_rng(5), bench.domain.name, bench.start
    shares = random.random(cases).tolist()
    session.execute(insert(Case), [_case(bench, number, share) for number, share in enumerate(shares)])
    steps = [
        {"case_id": f"c-{number}", "version": version, "at": start, "actor": "a", "action": "noted", "details": {}}
        for number in range(cases)
        for version in (1, 2, 3)
    ]
    session.execute(insert(CaseEvent), steps)
    told = {"domain": domain, "kind": "decision", "raised_at": start, "expected_loss": Decimal(1)}
    alerts = [
        {"alert_id": f"a-{nth}", "decision_id": f"{nth:032x}", "subject": f"s-{nth}", "entity": f"e-{nth // _ALERTS}",
         "case_id": f"c-{nth // _ALERTS}", **told}
        for nth in range(min(cases * _ALERTS, bench.size(1_000_000, 5_000)))
    ]  # fmt: skip
    session.execute(insert(Alert), alerts)
    days = [(bench.end - timedelta(days=day)).date().isoformat() for day in range(365)]
    outcomes = [outcome.name for outcome in bench.domain.outcome]
    counts = [{"domain": domain, "day": day, "outcome": one, "decisions": 9} for day in days for one in outcomes]
    session.execute(insert(DecisionCount), counts)


def _case(bench: Workbench, number: int, share: float) -> dict[str, Any]:
    is_mine = number % 100 == 0
    state = "claimed" if is_mine else "escalated" if number % 1000 == 1 else "open"
    return {
        "case_id": f"c-{number}",
        "domain": bench.domain.name,
        "entity": f"e-{number}",
        "state": state,
        "priority": Decimal(round(share * 1e6)).scaleb(-2),
        "opened_at": bench.start,
        "sla_due_at": bench.end + timedelta(seconds=int((share - 0.3) * 1e6)),
        "assignee": "lead" if is_mine else None,
        "claimed_at": bench.start if is_mine else None,
        "version": 3,
    }
