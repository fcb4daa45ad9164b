"""A ledger with decisions, alerts and cases of every domain, users of every role, and a console over it."""

from __future__ import annotations

import itertools
import json
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from sqlalchemy import Engine, insert, select
from starlette.testclient import TestClient

from riskloom.catalog import Domain, load_catalog
from riskloom.ledger.audit import AuditTrail, ensure_audit_key
from riskloom.ledger.conflicts import insert_or_add
from riskloom.ledger.database import reading, writing
from riskloom.ledger.desk import Desk
from riskloom.ledger.passwords import SALT_BYTES, Cost, hash_password
from riskloom.ledger.records import Alerting, Row, alert_row, decision_row
from riskloom.ledger.schema import Alert, Case, Decision, DecisionCount, Role
from riskloom.ledger.triage import triage
from riskloom.ledger.users import add_user
from riskloom.lifecycle.assignment import ensure_assignment_key
from riskloom.lifecycle.publishing import Controls
from riskloom.pseudonyms import ensure_pseudonym_key
from riskloom.registry import ModelStore, ensure_signing_key
from riskloom.settings import Settings, environment
from services.console.app import create_app
from services.console.models import ModelShelf
from services.console.population import Populations
from services.console.rulebook import DeclaredRules
from services.console.trials import CommandRunner, Trials
from services.console.visit import Console
from services.console.vocabularies import Vocabularies

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
DOMAINS = load_catalog()
PASSWORD = "correct horse battery"
#: As weak as scrypt allows: the tests are not about how slow it is.
QUICK = Cost(2, 8, 1)
USERS: dict[str, Role] = {"ana": "analyst", "ben": "analyst", "lea": "lead", "eve": "engineer"}
ENTITIES = 6
PROGRAM = Path(sys.executable).with_name("riskloom")


@dataclass(slots=True)
class Clock:
    """A time that tests move."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        """The time."""
        return self.now


@dataclass(slots=True)
class World:
    """A console, its ledger, its clock, and the folder that everything lies in."""

    console: Console
    clock: Clock
    engine: Engine
    home: Path

    @contextmanager
    def visitor(self, name: str | None = None) -> Iterator[TestClient]:
        """A browser of its own, logged in where a name is given."""
        with TestClient(create_app(self.console), follow_redirects=False) as client:
            if name is not None:
                assert log_in(client, name).status_code == 303
            yield client

    def cases(self, domain: str) -> Sequence[Case]:
        """The open cases of a domain, in the order of the queue."""
        with reading(self.engine) as session:
            statement = select(Case).where(Case.domain == domain, Case.closed_at.is_(None))
            return session.scalars(statement.order_by(Case.priority.desc(), Case.case_id.desc())).all()

    def case(self, case_id: str) -> Case:
        """A case as it is now."""
        with reading(self.engine) as session:
            return session.get_one(Case, case_id)


def world_over(engine: Engine, home: Path) -> World:
    """A console over a ledger and what lies beside it."""
    clock, numbers = Clock(), itertools.count(1)
    keys, folder = home / "keys", home / "rules"
    trail = AuditTrail(ensure_audit_key(keys), home / "audit" / "anchor.json")
    controls = Controls(
        engine, trail, folder, ensure_signing_key(keys), ensure_assignment_key(keys), ensure_pseudonym_key(keys), clock
    )
    runner = CommandRunner([str(PROGRAM)], environment(Settings(home=home)))
    prefix = secrets.token_hex(4)
    console = Console(
        engine=engine,
        trail=trail,
        domains=DOMAINS,
        rules=DeclaredRules(),
        controls=controls,
        vocabularies=Vocabularies(home / "dbt" / "manifest.json"),
        trials=Trials(runner, clock=clock),
        models=ModelShelf(home / "registry", ModelStore(home / "bentoml", home / "keys")),
        populations=Populations(),
        clock=clock,
        new_id=lambda: f"{prefix}-{next(numbers)}",
        new_token=lambda: f"{prefix}-token-{next(numbers)}",
    )
    return World(console, clock, engine, home)


def fill(engine: Engine, home: Path, *, per_domain: int = 60) -> None:
    """Decisions of every domain, their alerts in cases, and the users."""
    console = world_over(engine, home).console
    with writing(engine) as session:
        desk = Desk(session, console.trail, "test", NOW)
        for name, role in USERS.items():
            kept = hash_password(PASSWORD, salt=b"s" * SALT_BYTES, cost=QUICK)
            add_user(desk, name, role=role, password=kept)
    for domain in DOMAINS.values():
        _fill(engine, domain, per_domain)
        sla = timedelta(hours=24)
        triage(engine, console.trail, domain.name, sla=sla, clock=console.clock, new_id=console.new_id)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the console answered."""

    status_code: int
    headers: Mapping[str, str]
    text: str


def send(client: TestClient, method: str, path: str, data: Mapping[str, str] | None = None) -> Answer:
    """Ask for an address; with data, send a form."""
    sent = client.request(method, path, data=data)
    return Answer(sent.status_code, sent.headers, sent.text)


def log_in(client: TestClient, name: str, password: str = PASSWORD) -> Answer:
    """Send the log-in form as a browser does."""
    fields = forms(client.get("/login").text)["/login"]
    return send(client, "POST", "/login", {**fields, "name": name, "password": password})


def forms(html: str) -> dict[str, dict[str, str]]:
    """The hidden fields of each form of a page, by where it is sent to."""
    parser = _Forms()
    parser.feed(html)
    return parser.found


def decision(domain: Domain, number: int, random: np.random.Generator) -> Row:
    """A decision of a domain: the further it goes up in score, the harder its outcome."""
    score = float(random.beta(1, 3))
    ranks = len(domain.outcome)
    rank = min(int(score * ranks * 1.4), ranks - 1)
    names = list(domain.request_features)
    features = {name: round(float(random.lognormal(1, 1)), 3) for name in names}
    reasons = [
        {"feature": name, "value": features[name], "contribution": 1.5 - nth / 2,
         "description": domain.request_features[name]}
        for nth, name in enumerate(names[:3])
    ]  # fmt: skip
    at = NOW - timedelta(minutes=37 * number)
    entity = entity_of(domain, number % ENTITIES)
    subject = f"{domain.subject.entity}-{number}"
    event = {domain.subject.key: subject, domain.subject.group: entity, domain.subject.amount: f"{score * 900:.2f}"}
    record = {
        "decision_id": f"{domain.name}-{number}",
        "domain": domain.name,
        "subject": subject,
        "entity": entity,
        "amount": f"{score * 900:.2f}",
        "decided_at": at.isoformat(),
        "effective_at": at.isoformat(),
        "score": score,
        "outcome": domain.outcome[rank].name,
        "basis": "score",
        "reasons": reasons if rank else [],
        "model_version": "1",
        "features": features,
        "freshness": {"some_view": {"observed_at": at.isoformat(), "age_seconds": 42.0, "status": "fresh"}},
        "degraded": False,
        "latency_ms": 2.5,
        "event": event,
    }
    return decision_row(json.dumps(record).encode(), domain.name)


def entity_of(domain: Domain, number: int) -> str:
    """What the scoring service keeps of an entity: in the form of a pseudonym where the column identifies somebody."""
    prefix = domain.event_table.pseudonyms.get(domain.subject.group)
    return f"{domain.subject.group[:1]}-{number}" if prefix is None else f"{prefix}{number:032x}"


def _fill(engine: Engine, domain: Domain, count: int) -> None:
    random = np.random.default_rng(len(domain.name))
    rows = [decision(domain, number, random) for number in range(count)]
    missed = domain.costs.false_negative
    alerting = Alerting(
        frozenset(one.name for one in domain.outcome[1:]), "amount" if isinstance(missed, str) else Decimal(str(missed))
    )
    alerts = [alert_row(row, alerting) for row in rows if row["outcome"] in alerting.outcomes]
    counts = [
        {"domain": domain.name, "day": f"{row['decided_at']:%Y-%m-%d}", "outcome": row["outcome"], "decisions": 1}
        for row in rows
    ]
    with writing(engine) as session:
        session.execute(insert(Decision), rows)
        session.execute(insert(Alert), alerts)
        for each in counts:
            insert_or_add(session, DecisionCount, [each], "decisions")


class _Forms(HTMLParser):
    """Reads the hidden fields of forms."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str]] = {}
        self._action = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note where a form goes, and what it carries."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._action = given.get("action", "")
            self.found.setdefault(self._action, {})
        elif tag == "input" and given.get("type") == "hidden":
            self.found[self._action][given["name"]] = given.get("value", "")
