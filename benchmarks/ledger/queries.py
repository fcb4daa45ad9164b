"""How soon a large ledger answers what a console asks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import numpy as np
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from benchmarks.ledger.filled import Filling, decision_id, fill
from benchmarks.ledger.rows import DOMAIN, OUTCOMES, record
from benchmarks.ledger.shipping import SUSTAINED, append_seconds, ship_seconds
from benchmarks.rows import Row
from benchmarks.workbench import Workbench
from riskloom.ledger import queries as ask
from riskloom.ledger.database import open_database, reading, sqlite_url
from riskloom.ledger.migrations import migrate
from riskloom.ledger.schema.base import from_microseconds

Question = Callable[[Session, int], object]

_TARGET_MS = 100
_TIMES = 200


def measure(bench: Workbench) -> Iterator[Row]:
    """The median and the 99th percentile of two hundred answers to each question, each about something else."""
    size = (bench.size(1_000_000, 5_000), bench.size(50_000, 500))
    engine = open_database(sqlite_url(bench.work_in("queries") / "ledger.db"))
    migrate(engine)
    bench.say(f"  filling a ledger with {size[0]:,} decisions and {size[1]:,} open cases")
    filling = Filling({DOMAIN: OUTCOMES}, bench.start, bench.end, *size)
    fill(engine, filling)
    what = f"{size[0]:,} decisions, {size[1]:,} open cases, SQLite"
    for name, question in _questions(bench, filling).items():
        seconds = _seconds(engine, question, among=filling.cases)
        for share in (50, 99):
            value = float(np.percentile(seconds, share)) * 1e3
            yield Row(f"{name}, p{share}; {what}", value, "ms", "lower", target=_TARGET_MS)
    yield _shipped(bench, engine, what, after=filling.decisions)
    engine.dispose()


def _shipped(bench: Workbench, engine: Engine, what: str, *, after: int) -> Row:
    """How fast further decisions come into the ledger, whose indexes are large by now."""
    folder, count, random = bench.work_in("queries"), bench.size(40_000, 2_000), np.random.default_rng(7)
    append_seconds(folder / "decisions", [record(after + number, bench.start, random) for number in range(count)])
    rate = count / ship_seconds(engine, folder, bench)
    return Row(f"further decisions shipped, {count:,}; {what}", rate, "decisions/s", "higher", target=SUSTAINED)


def _seconds(engine: Engine, question: Question, *, among: int) -> list[float]:
    random, seconds = np.random.default_rng(11), list[float]()
    for _ in range(_TIMES):
        number = int(random.integers(among))
        begin = time.perf_counter()
        with reading(engine) as session:
            question(session, number)
        seconds.append(time.perf_counter() - begin)
    return seconds


def _questions(bench: Workbench, filling: Filling) -> dict[str, Question]:
    middle = from_microseconds(filling.decided_us(filling.decisions // 2))
    first, last = bench.end.date() - timedelta(days=90), bench.end.date()

    def two_pages(session: Session, _: int) -> object:
        page = ask.find_decisions(session, DOMAIN, until=middle)
        return ask.find_decisions(session, DOMAIN, until=middle, cursor=page.next_cursor)

    return {
        "newest decisions": lambda session, _: ask.find_decisions(session, DOMAIN),
        "decisions of an outcome": lambda session, n: ask.find_decisions(session, DOMAIN, outcome=OUTCOMES[n % 3]),
        "decisions of a subject": lambda session, n: ask.find_decisions(session, DOMAIN, subject=f"s-{n}"),
        "decisions of an entity": lambda session, n: ask.find_decisions(session, DOMAIN, entity=filling.entity_name(n)),
        "two pages from the middle": two_pages,
        "a decision whole": lambda session, n: ask.get_decision(session, decision_id(n)),
        "queue by expected loss": lambda session, _: ask.case_queue(session, DOMAIN, at=bench.end),
        "queue by deadline": lambda session, _: ask.case_queue(session, DOMAIN, at=bench.end, order="due"),
        "queue of a state": lambda session, _: ask.case_queue(session, DOMAIN, at=bench.end, state="escalated"),
        "how much is open": lambda session, _: ask.workload(session, DOMAIN, at=bench.end),
        "the busiest case's file": lambda session, _: ask.case_file(session, "c-0"),
        "a case's file": lambda session, n: ask.case_file(session, f"c-{n}"),
        "a case's timeline": lambda session, n: ask.case_timeline(session, f"c-{n}"),
        "labels of a subject": lambda session, n: ask.labels_of(session, DOMAIN, f"s-{n}"),
        "outcomes by day": lambda session, _: ask.count_by_day(session, DOMAIN, first=first, last=last),
    }
