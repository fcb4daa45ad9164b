"""A ledger with decisions and cases of two domains, keys of every sort, and the API over it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine, insert
from starlette.applications import Starlette
from starlette.testclient import TestClient

from riskloom.access import AUDIT, DomainRight, create_key, scope_of
from riskloom.catalog import Domain, load_catalog, verdict_columns
from riskloom.ledger.audit import AuditTrail, ensure_audit_key
from riskloom.ledger.database import writing
from riskloom.ledger.records import Alerting, alert_row
from riskloom.ledger.schema import Alert, Decision
from riskloom.ledger.triage import triage
from riskloom.lifecycle.assignment import ensure_assignment_key
from riskloom.lifecycle.publishing import Controls
from riskloom.pseudonyms import ensure_pseudonym_key
from riskloom.registry import ModelStore, ensure_signing_key
from riskloom.rules import load_lists, schema_of
from services.api.app import create_api
from services.api.calls import PREFIX, Api
from services.api.operations import AnyOperation
from services.api.routes import OPERATIONS
from services.web.gate import Gate
from tests.console.world import decision

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
DOMAINS = load_catalog()
FIRST, SECOND = tuple(DOMAINS.values())[:2]
#: A domain that declares lists.
LISTED = next(name for name, domain in DOMAINS.items() if load_lists(domain))
BY_NAME: dict[str, AnyOperation] = {operation.name: operation for operation in OPERATIONS}
RIGHTS: tuple[DomainRight, ...] = (
    "decisions:read", "cases:read", "cases:write", "cases:take_over", "labels:read", "labels:write", "rules:read",
    "rules:write", "rules:approve", "lists:read", "lists:write", "models:read", "models:write",
)  # fmt: skip
ENTITIES = 6
PER_DOMAIN = 12
RULE, SCENARIO = "large_amount", "several_signs"


@dataclass(slots=True)
class World:
    """The API, its ledger, its clock and its keys; ``statuses`` are those of the operations that were asked for."""

    api: Api
    app: Starlette
    home: Path
    keys: dict[str, str]
    now: datetime = NOW
    statuses: set[tuple[str, int]] = field(default_factory=set)
    filled: set[str] = field(default_factory=set)

    def client(self) -> TestClient:
        """A connection without a network."""
        return TestClient(self.app, follow_redirects=False)

    def give(self, name: str, *scopes: str) -> None:
        """Give somebody a key."""
        path, secret = self.home / "keys" / "api_keys.json", name.encode().ljust(32, b".")
        self.keys[name] = create_key(path, name, scopes, created_at=NOW, secret=secret)

    def fill(self, domain: Domain) -> None:
        """Decide about somebody, and open cases; nothing where that was done before."""
        if domain.name not in self.filled:
            fill(self.api.controls, domain)
            self.filled.add(domain.name)

    def ask(
        self,
        name: str,
        body: object = None,
        *,
        by: str = "ann",
        domain: str = FIRST.name,
        saw: int | None = None,
        command: str | None = None,
        query: Mapping[str, str] | None = None,
        **parts: object,
    ) -> Any:
        """
        Ask for an operation; gives the answer, whose status must be one that the operation declares.

        Args:
            name: Of the operation.
            body: What is sent; an empty object by default.
            by: Whose key.
            domain: In which domain.
            saw: The version that was seen, for ``If-Match``.
            command: The idempotency key; another each time by default.
            query: What stands behind the question mark.
            parts: Of the address.
        """
        operation = BY_NAME[name]
        headers = {"Authorization": f"Bearer {self.keys[by]}"}
        if saw is not None:
            headers["If-Match"] = f'"{saw}"'
        if operation.method == "POST":
            headers |= {"Idempotency-Key": f'"{command or self.api.new_id()}"', "Content-Type": "application/json"}
        content = json.dumps({} if body is None else body) if operation.method == "POST" else None
        path = f"{PREFIX}{operation.path}".format(domain=domain, **parts)
        with self.client() as client:
            answer = client.request(operation.method, path, params=query, headers=headers, content=content)
        self.statuses.add((name, answer.status_code))
        if answer.is_success:
            assert ("ETag" in answer.headers) is operation.has_version, name
        return answer


def world_over(engine: Engine, home: Path) -> World:
    """The API over a migrated ledger, with keys and published files below a folder."""
    numbers = itertools.count(1)
    world: World

    def clock() -> datetime:
        world.now += timedelta(seconds=1)
        return world.now

    controls = Controls(
        engine=engine,
        trail=AuditTrail(ensure_audit_key(home / "keys"), home / "anchor.json"),
        folder=home / "rules",
        signing_key=ensure_signing_key(home / "keys"),
        assignment_key=ensure_assignment_key(home / "keys"),
        pseudonym_key=ensure_pseudonym_key(home / "keys"),
        clock=clock,
    )
    path = home / "keys" / "api_keys.json"
    api = Api(
        controls=controls,
        gate=Gate(path, clock=lambda: world.now),
        domains=DOMAINS,
        schema_of=lambda domain: schema_of(domain, [], load_lists(domain)),
        records=home / "registry",
        models=ModelStore(home / "bentoml", home / "keys"),
        new_id=lambda: f"id-{next(numbers)}",
    )
    app = create_api(api, new_request_id=lambda: f"request-{next(numbers)}")
    world = World(api, app, home, keys_in(path))
    for domain in (FIRST, SECOND):
        world.fill(domain)
    return world


def keys_in(path: Path) -> dict[str, str]:
    """Keys of callers who may do everything in the first domain, of one who may not there, and of nobody any more."""
    own, other = ([scope_of(right, domain.name) for right in RIGHTS] for domain in (FIRST, SECOND))
    scopes = {
        "ann": [*own, AUDIT],
        "bob": [*own, AUDIT],
        "both": [*own, *other],
        "elsewhere": other,
        "scorer": ["score:*"],
        "late": [*own, AUDIT],
    }
    ends = {"late": NOW - timedelta(seconds=1)}
    return {
        name: create_key(
            path, name, granted, created_at=NOW - timedelta(days=9), secret=name.encode().ljust(32, b"."),
            expires_at=ends.get(name),
        )
        for name, granted in scopes.items()
    }  # fmt: skip


def fill(controls: Controls, domain: Domain) -> None:
    """Some decisions, each an alert, and a case for each entity."""
    random = np.random.default_rng(3)
    rows = [decision(domain, number, random) for number in range(PER_DOMAIN)]
    alerting = Alerting(frozenset(outcome.name for outcome in domain.outcome), "amount")
    with writing(controls.engine) as session:
        session.execute(insert(Decision), rows)
        session.execute(insert(Alert), [alert_row(row, alerting) for row in rows])
    names = (f"case-{domain.name}-{number}" for number in itertools.count())
    triage(
        controls.engine, controls.trail, domain.name, sla=timedelta(hours=24), clock=lambda: NOW,
        new_id=names.__next__,
    )  # fmt: skip


def source(bound: int = 300, *, domain: Domain = FIRST, name: str = RULE) -> str:
    """A rule's text that fits a domain."""
    amount, hardest = domain.subject.amount, domain.outcome[-1].name
    return f"""\
id: {name}
title: A large amount
description: An amount above what is usual.
severity: medium
abuse_vector: stolen_card
owner: a-team
when: event.{amount} > {bound}
outcome: {{force: {hardest}}}
false_positives: [Weddings.]
examples:
  positive:
    - {{name: one above, event: {{{amount}: {bound + 1}}}}}
  negative:
    - {{name: nothing is known, event: {{}}}}
"""


def sign(name: str) -> str:
    """A rule that brings points to scenarios."""
    effect = f"outcome: {{force: {FIRST.outcome[-1].name}}}"
    return source(name=name).replace(effect, "score: 30")


def scenario(*, to: float = 60, rules: str = "{first_sign: 1, second_sign: 1}") -> str:
    """The text of a scenario of two rules."""
    return f"""\
id: {SCENARIO}
title: Several signs at once
description: Several signs that somebody else acts.
abuse_vector: account_takeover
owner: a-team
rules: {rules}
alert: {{from: 40}}
interdiction: {{from: {to:g}, force: {FIRST.outcome[-1].name}}}
"""


def cases(world: World) -> list[dict[str, Any]]:
    """The queue of the first domain."""
    found: list[dict[str, Any]] = world.ask("list_cases").json()["items"]
    return found


def fitting_details(domain: Domain = FIRST) -> dict[str, Any]:
    """What a label of the domain cannot do without."""
    fitting: dict[str, Any] = {
        "string": "something", "bigint": 1, "double": 1.5, "boolean": True, "timestamp": "2026-03-01T10:00:00Z",
    }  # fmt: skip
    return {
        name: column.allowed[0] if column.allowed else fitting.get(column.type, "1.50")
        for name, column in verdict_columns(domain).items()
        if not column.nullable
    }
