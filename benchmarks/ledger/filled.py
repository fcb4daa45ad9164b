"""
A large ledger, written as the database keeps it.

Documents come from a pool, and nothing is parsed or checked on the way in: a million decisions take a minute or two.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Engine, column, insert, table

from riskloom.contracts import PSEUDONYM_DIGITS
from riskloom.ledger.database import writing
from riskloom.ledger.schema import Alert, Base, Case, CaseEvent, CaseLink, Decision, DecisionCount, Label, Note
from riskloom.ledger.schema.base import to_microseconds

_BATCH = 10_000
_FEATURES, _POOL = 30, 500
_PER_ENTITY = 5  # decisions
_BUSY_EVERY = 401  # of all decisions one is the busy entity's
_EVENTFUL = 19  # one in so many has any of the outcomes, all others the mildest
_STEPS, _BUSY_STEPS, _BUSY_NOTES, _LINKS = 3, 400, 50, 5
_COUNTED = 365  # days
_NOTE = "Called the customer, who knows nothing of it. Waits for the bank's answer."
_MICRO = 1_000_000
_MONEY = 10_000
#: One case in so many; primes, so that they fall to every domain.
_STATES = {"claimed": 101, "snoozed": 53, "escalated": 997}
#: Somebody's own desk.
ASSIGNEE = "lead"


@dataclass(frozen=True, slots=True)
class Filling:
    """
    What is in a ledger.

    Attributes:
        outcomes: Of each domain, the mildest first. Seven in ten decisions are of the first domain.
        start: Of the first decision.
        end: Of the last one; deadlines lie around it.
        decisions: How many; each entity has five, and one of them thousands.
        cases: How many, all of them open; each has the decisions of its entity as alerts.
        prefixes: How entities are called, by domain; ``e-`` where it is left out.
    """

    outcomes: Mapping[str, Sequence[str]]
    start: datetime
    end: datetime
    decisions: int
    cases: int
    prefixes: Mapping[str, str] = field(default_factory=dict)

    @property
    def entities(self) -> int:
        """How many there are."""
        return self.decisions // _PER_ENTITY

    @property
    def step_us(self) -> int:
        """From one decision to the next."""
        return to_microseconds(self.end) // self.decisions - to_microseconds(self.start) // self.decisions

    def domain_of(self, entity: int) -> str:
        """Whose an entity is."""
        names = list(self.outcomes)
        return names[entity % 10] if entity % 10 < len(names) else names[0]

    def entity_of(self, decision: int) -> int:
        """Who was decided about; entity 0 is the busy one."""
        return 0 if decision % _BUSY_EVERY == 0 else decision % self.entities

    def entity_name(self, entity: int) -> str:
        """What it is called: in the form of a pseudonym."""
        return f"{self.prefixes.get(self.domain_of(entity), 'e-')}{entity:0{PSEUDONYM_DIGITS}x}"

    def decided_us(self, decision: int) -> int:
        """When it was."""
        return to_microseconds(self.start) + decision * self.step_us


def fill(engine: Engine, filling: Filling) -> None:
    """Write everything into a migrated and empty ledger."""
    pool = _pool()
    for first in range(0, filling.decisions, _BATCH):
        numbers = range(first, min(first + _BATCH, filling.decisions))
        _write(engine, Decision, [_decision(filling, number, pool) for number in numbers])
    for kind, rows in (
        (Case, _cases(filling)),
        (Alert, _alerts(filling)),
        (CaseEvent, _steps(filling)),
        (CaseLink, _links(filling)),
        (Note, _notes(filling)),
        (Label, _labels(filling)),
        (DecisionCount, _counts(filling)),
    ):
        _write(engine, kind, list(rows))


def decision_id(number: int) -> str:
    """What the decision of that number is called."""
    return f"{number:032x}"


def _write(engine: Engine, kind: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows with the values that columns hold, past the types that would make them; all have the same columns."""
    untyped = table(kind.__tablename__, *(column(name) for name in rows[0]))
    with writing(engine) as session:
        for first in range(0, len(rows), _BATCH):
            session.execute(insert(untyped), rows[first : first + _BATCH])


def _pool() -> list[dict[str, str]]:
    """The documents of some decisions, as text."""
    random = np.random.default_rng(7)
    found = []
    for _ in range(_POOL):
        features = {f"feature_{nth}": float(value) for nth, value in enumerate(random.random(_FEATURES))}
        reasons = [
            {"feature": name, "value": features[name], "contribution": 0.5, "description": "Made for a benchmark."}
            for name in list(features)[:5]
        ]
        view = {"observed_at": "2026-01-01T00:00:00Z", "age_seconds": 12.5, "status": "fresh"}
        found.append(
            {
                "features": json.dumps(features),
                "reasons": json.dumps(reasons),
                "freshness": json.dumps({"activity": view, "devices": view}),
                "choice": json.dumps({"expected_costs": {"approve": 12.5, "review": 3.0}}),
                "rules_hit": "[]",
                "shadow": "{}",
                "event": json.dumps({"amount": "12.50", "currency": "USD", "note": "x" * 60}),
            }
        )
    return found


def _decision(filling: Filling, number: int, pool: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    entity = filling.entity_of(number)
    domain = filling.domain_of(entity)
    outcomes = filling.outcomes[domain]
    at = filling.decided_us(number)
    return {
        "decision_id": decision_id(number),
        "domain": domain,
        "subject": f"s-{number - number % 50 if number % 50 == 1 else number}",  # one in fifty is another's as well
        "event_id": f"s-{number}",
        "entity": filling.entity_name(entity),
        "decided_at": at,
        "effective_at": at,
        "amount": number * 7_919 % 900 * _MONEY,
        "score": number * 7_919 % 1_000 / 1_000,
        "outcome": outcomes[number // _EVENTFUL % len(outcomes) if number % _EVENTFUL == 1 else 0],
        "basis": "expected_cost",
        "model_version": "1",
        "rules_version": None,
        "policy_version": "1",
        "is_degraded": False,
        "is_exploration": False,
        "latency_us": 2_500,
        **pool[number % _POOL],
    }


def _cases(filling: Filling) -> Iterator[dict[str, Any]]:
    """One in a hundred is somebody's, one in fifty put away, one in a thousand handed up, in every domain."""
    random, end = np.random.default_rng(5), to_microseconds(filling.end)
    for number, share in enumerate(random.random(filling.cases).tolist()):
        state = next((name for name, every in _STATES.items() if number % every == 0), "open")
        yield {
            "case_id": f"c-{number}",
            "domain": filling.domain_of(number),
            "entity": filling.entity_name(number),
            "state": state,
            "priority": int(share * 1_000 * _MONEY),
            "opened_at": to_microseconds(filling.start),
            "sla_due_at": end + int((share - 0.3) * 10 * 86_400 * _MICRO),
            "assignee": ASSIGNEE if state == "claimed" else None,
            "claimed_at": to_microseconds(filling.start) if state == "claimed" else None,
            "snoozed_until": to_microseconds(filling.end + timedelta(days=90)) if state == "snoozed" else None,
            "version": _BUSY_STEPS if number == 0 else _STEPS,
        }


def _alerts(filling: Filling) -> Iterator[dict[str, Any]]:
    for number in range(filling.decisions):
        entity = filling.entity_of(number)
        if entity < filling.cases:
            yield {
                "alert_id": decision_id(number),
                "domain": filling.domain_of(entity),
                "kind": "decision",
                "decision_id": decision_id(number),
                "subject": f"s-{number}",
                "entity": filling.entity_name(entity),
                "raised_at": filling.decided_us(number),
                "expected_loss": number % 900 * _MONEY,
                "case_id": f"c-{entity}",
            }


def _steps(filling: Filling) -> Iterator[dict[str, Any]]:
    at = to_microseconds(filling.start)
    for number in range(filling.cases):
        for version in range(1, (_BUSY_STEPS if number == 0 else _STEPS) + 1):
            yield {
                "case_id": f"c-{number}", "version": version, "at": at, "actor": ASSIGNEE, "action": "noted",
                "details": "{}",
            }  # fmt: skip


def _links(filling: Filling) -> Iterator[dict[str, Any]]:
    for number in range(1, min(_LINKS, filling.cases - 1) + 1):
        yield {
            "case_id": "c-0", "other_id": f"c-{number}", "kind": "related", "linked_by": ASSIGNEE,
            "linked_at": to_microseconds(filling.start),
        }  # fmt: skip


def _notes(filling: Filling) -> Iterator[dict[str, Any]]:
    for number in range(filling.cases):
        for nth in range(_BUSY_NOTES if number == 0 else number % _PER_ENTITY == 0):
            yield {
                "note_id": f"n-{number}-{nth}", "case_id": f"c-{number}", "author": ASSIGNEE, "text": _NOTE,
                "written_at": to_microseconds(filling.start) + nth,
            }  # fmt: skip


def _labels(filling: Filling) -> Iterator[dict[str, Any]]:
    at = to_microseconds(filling.start)
    for number in range(filling.cases):
        yield {
            "label_id": f"l-{number}", "domain": filling.domain_of(number), "subject": f"s-{number}",
            "value": number % 2 == 0, "provenance": "case", "stated_by": ASSIGNEE, "case_id": f"c-{number}",
            "effective_at": at, "observed_at": at, "details": "{}",
        }  # fmt: skip


def _counts(filling: Filling) -> Iterator[dict[str, Any]]:
    for domain, outcomes in filling.outcomes.items():
        for day in range(_COUNTED):
            for outcome in outcomes:
                name = (filling.end - timedelta(days=day)).date().isoformat()
                yield {"domain": domain, "day": name, "outcome": outcome, "decisions": 9}
