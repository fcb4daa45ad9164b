"""How soon a large ledger answers what a console asks."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from sqlalchemy import Engine, insert
from sqlalchemy.orm import Session

from benchmarks.ledger.rows import DOMAIN, OUTCOMES, record
from benchmarks.rows import Row
from benchmarks.workbench import Workbench
from riskloom.ledger import queries as ask
from riskloom.ledger.database import open_database, reading, sqlite_url, writing
from riskloom.ledger.migrations import migrate
from riskloom.ledger.records import decision_row
from riskloom.ledger.schema import Case, CaseEvent, Decision, DecisionCount, Label

Question = Callable[[Session, int], object]

_TARGET_MS = 100
_TIMES = 40
_BATCH = 5_000
_STEPS = 4


def measure(bench: Workbench) -> Iterator[Row]:
    """The 95th percentile of forty answers to each question, each about something else."""
    decisions, cases = bench.size(1_000_000, 5_000), bench.size(50_000, 500)
    engine = open_database(sqlite_url(bench.work_in("queries") / "ledger.db"))
    migrate(engine)
    bench.say(f"  filling a ledger with {decisions:,} decisions and {cases:,} cases")
    for first in range(0, decisions, _BATCH):
        with writing(engine) as session:
            _add_decisions(session, bench, range(first, min(first + _BATCH, decisions)))
    with writing(engine) as session:
        _add_cases(session, bench, cases)
    size = f"{decisions:,} decisions, {cases:,} cases"
    for name, question in _questions(bench, decisions).items():
        seconds = _seconds(engine, question, among=min(decisions, cases))
        yield Row(f"{name}, p95; {size}", float(np.percentile(seconds, 95)) * 1e3, "ms", "lower", target=_TARGET_MS)
    engine.dispose()


def _seconds(engine: Engine, question: Question, *, among: int) -> list[float]:
    random, seconds = np.random.default_rng(11), list[float]()
    for _ in range(_TIMES):
        number = int(random.integers(among))
        begin = time.perf_counter()
        with reading(engine) as session:
            question(session, number)
        seconds.append(time.perf_counter() - begin)
    return seconds


def _questions(bench: Workbench, decisions: int) -> dict[str, Question]:
    middle = bench.start + timedelta(milliseconds=5 * decisions)
    first, last = bench.start.date(), bench.start.date() + timedelta(days=365)

    def two_pages(session: Session, _: int) -> object:
        page = ask.find_decisions(session, DOMAIN, until=middle)
        return ask.find_decisions(session, DOMAIN, until=middle, cursor=page.next_cursor)

    return {
        "newest decisions": lambda session, _: ask.find_decisions(session, DOMAIN),
        "decisions of an outcome": lambda session, n: ask.find_decisions(session, DOMAIN, outcome=OUTCOMES[n % 3]),
        "decisions of a subject": lambda session, n: ask.find_decisions(session, DOMAIN, subject=f"tx-{n}"),
        "decisions of an entity": lambda session, n: ask.find_decisions(session, DOMAIN, entity=f"e-{n}"),
        "two pages from the middle": two_pages,
        "a decision whole": lambda session, n: ask.get_decision(session, f"{n:032x}"),
        "queue by expected loss": lambda session, _: ask.case_queue(session, DOMAIN, at=bench.end),
        "queue by deadline": lambda session, _: ask.case_queue(session, DOMAIN, at=bench.end, order="due"),
        "a case's file": lambda session, n: ask.case_file(session, f"c-{n}"),
        "a case's timeline": lambda session, n: ask.case_timeline(session, f"c-{n}"),
        "labels of a subject": lambda session, n: ask.labels_of(session, DOMAIN, f"tx-{n}"),
        "outcomes by day": lambda session, _: ask.count_by_day(session, DOMAIN, first=first, last=last),
    }


def _add_decisions(session: Session, bench: Workbench, numbers: range) -> None:
    random = np.random.default_rng(numbers.start)
    lines = (json.dumps(record(number, bench.start, random)).encode() for number in numbers)
    session.execute(insert(Decision), [decision_row(line, DOMAIN) for line in lines])


def _add_cases(session: Session, bench: Workbench, cases: int) -> None:
    """One in five is open; each has some steps and a label; a year of counts besides."""
    random = np.random.default_rng(5)
    session.execute(insert(Case), [_case(bench, number, float(random.random())) for number in range(cases)])
    step = {"at": bench.start, "actor": "a", "action": "noted", "details": {}}
    steps = [
        {"case_id": f"c-{number}", "version": version, **step}
        for number in range(cases)
        for version in range(1, _STEPS + 1)
    ]
    session.execute(insert(CaseEvent), steps)
    facts = {"domain": DOMAIN, "value": True, "provenance": "case", "stated_by": "a", "details": {}}
    known = {**facts, "effective_at": bench.start, "observed_at": bench.start}
    session.execute(
        insert(Label), [{"label_id": f"l-{number}", "subject": f"tx-{number}", **known} for number in range(cases)]
    )
    days = [(bench.start + timedelta(days=day)).date().isoformat() for day in range(365)]
    counts = [{"domain": DOMAIN, "day": day, "outcome": one, "decisions": 9} for day in days for one in OUTCOMES]
    session.execute(insert(DecisionCount), counts)


def _case(bench: Workbench, number: int, share: float) -> dict[str, Any]:
    is_open = number % 5 == 0
    return {
        "case_id": f"c-{number}",
        "domain": DOMAIN,
        "entity": f"e-{number}",
        "state": "open" if is_open else "closed",
        "priority": Decimal(round(share * 1e6)).scaleb(-2),
        "opened_at": bench.start,
        "sla_due_at": bench.start + timedelta(seconds=int(share * 1e6)),
        "closed_at": None if is_open else bench.end,
        "version": _STEPS,
    }
