"""Two hundred rules on one row, against the same conditions as Python expressions in code objects."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import numpy as np

from benchmarks.rows import Row
from benchmarks.rules.conditions import LISTS, RULES, SCHEMA, conditions, facts
from benchmarks.workbench import Workbench
from riskloom.errors import ConfigError
from riskloom.rules import Facts, Rule, RuleSet, read_condition
from riskloom.rules.declaration import RuleDeclaration

_TARGET = 300.0  # µs for all of them
_PEER = "Python: eval of compiled expressions, which nobody has checked"


def measure(bench: Workbench) -> Iterator[Row]:
    """From the values of an event and its features to the ids of the rules that hit, in processor time."""
    row, texts = facts(), conditions()
    rules = RuleSet(_rule(number, ours) for number, (ours, _) in enumerate(texts))
    codes = [(f"rule_{number}", compile(python, "rule", "eval")) for number, (_, python) in enumerate(texts)]

    def with_eval(given: Facts) -> tuple[str, ...]:
        names = _names(given)
        return tuple(name for name, code in codes if eval(code, names))  # noqa: S307 - the peer is what we do not do

    if rules.evaluate(row).rules != with_eval(row):
        raise ConfigError("rules.decide: expected the peer to find the same hits, found others")
    rounds = bench.size(20_000, 500)
    ours, theirs = _latencies(lambda: rules.evaluate(row), rounds), _latencies(lambda: with_eval(row), rounds)
    for name, share in (("p50", 50), ("p99", 99)):
        yield Row(
            name=f"{RULES} rules on one decision, processor time, {name}",
            value=float(np.percentile(ours, share)),
            unit="µs",
            better="lower",
            peer=_PEER,
            peer_value=float(np.percentile(theirs, share)),
            target=_TARGET,
        )


def _rule(number: int, when: str) -> Rule:
    example = {"name": "any row"}
    declaration = RuleDeclaration.model_validate(
        {
            "id": f"rule_{number}",
            "title": f"Rule {number}",
            "description": "One of many that are measured together.",
            "severity": "medium",
            "abuse_vector": "card_testing",
            "owner": "nobody",
            "when": when,
            "score": 1,
            "false_positives": ["none"],
            "examples": {"positive": [example], "negative": [example]},
        }
    )
    return Rule(declaration, read_condition(when, SCHEMA))


def _names(given: Facts) -> dict[str, Any]:
    """The names of the peer's expressions; nothing is missing in the row, which they would not stand."""
    blocked = LISTS["blocked"].spans
    return {**given.event, **given.features, "score": given.score, "blocked": blocked, "timedelta": timedelta}


def _latencies(call: Callable[[], object], rounds: int) -> list[float]:
    """Microseconds of each call, after some that are not counted; other processes' turns are not in them."""
    for _ in range(rounds // 10):
        call()
    spent = []
    for _ in range(rounds):
        begin = time.thread_time_ns()
        call()
        spent.append((time.thread_time_ns() - begin) / 1_000)
    return spent
