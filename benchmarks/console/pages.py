"""How soon each page of the console is there, over a large ledger, as a browser asks for it."""

from __future__ import annotations

import itertools
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import quote

import httpx
import numpy as np
from pydantic import SecretStr
from sqlalchemy import Engine, insert, literal, select

from benchmarks.ledger.filled import ASSIGNEE, Filling, decision_id, fill
from benchmarks.rows import Row
from benchmarks.services import free_port, running
from benchmarks.workbench import Workbench, timed
from riskloom.catalog import load_catalog
from riskloom.errors import LedgerError, ServiceError
from riskloom.features import dbt
from riskloom.ledger.audit import AuditTrail, ensure_audit_key
from riskloom.ledger.database import open_database, reading, sqlite_url, writing
from riskloom.ledger.desk import Desk
from riskloom.ledger.migrations import migrate
from riskloom.ledger.paging import encode_cursor
from riskloom.ledger.passwords import SALT_BYTES, hash_password
from riskloom.ledger.schema import Case, Decision, RuleHit, RuleVersion
from riskloom.ledger.schema.base import from_microseconds
from riskloom.ledger.users import add_user
from riskloom.settings import Settings
from riskloom.stack.services import services
from riskloom.stack.shadowing import put_in_shadow
from riskloom.wiring import dbt_project
from services.console.guard import CSRF_FIELD
from services.console.routes import GRANTS

#: Names an empty database, postgresql://…, to measure on besides.
POSTGRESQL = "RISKLOOM_BENCH_POSTGRESQL"
_TARGET_MS = 100
_TIMES, _WARM_UP = 200, 5
_AUDITED = 5_000
_CSRF = re.compile(rf'name="{CSRF_FIELD}" value="([^"]+)"')
_TENTH = "%7"  # subjects whose number ends so
_BUSY_CASE = "/cases/c-0"

Addresses = Iterator[str]


def measure(bench: Workbench) -> Iterator[Row]:
    """Median and 99th percentile of two hundred answers of each page, one after the other over one connection."""
    for database, url in _ledgers(bench).items():
        yield from _measured(bench, database, url)


def _ledgers(bench: Workbench) -> dict[str, str]:
    """The URL of each ledger by its database: SQLite, and the empty PostgreSQL database that a variable names."""
    postgresql = os.environ.get(POSTGRESQL)
    sqlite = sqlite_url(bench.work_in("console") / "ledger.db")
    return {"SQLite": sqlite} | ({"PostgreSQL": postgresql} if postgresql else {})


def _measured(bench: Workbench, database: str, ledger: str) -> Iterator[Row]:
    home = bench.work_in(f"console-{database}")
    settings = Settings(home=home, console_port=free_port(), ledger_url=SecretStr(ledger))
    filling = _filling(bench)
    password = _fill(bench, settings, ledger, filling)
    what = f"{filling.decisions:,} decisions, {filling.cases:,} open cases, {database}"
    with _serving(bench, settings) as url, _logged_in(url, password) as client:
        yield Row(f"the first case after the start; {what}", _milliseconds(client, _BUSY_CASE), "ms", "lower")
        for name, addresses in _pages(filling).items():
            took = [_milliseconds(client, address) for address in itertools.islice(addresses, _TIMES + _WARM_UP)]
            for share in (50, 99):
                value = float(np.percentile(took[_WARM_UP:], share))
                yield Row(f"{name}, p{share}; {what}", value, "ms", "lower", target=_TARGET_MS)


def _filling(bench: Workbench) -> Filling:
    catalog = load_catalog()
    names = [bench.domain.name, *(name for name in catalog if name != bench.domain.name)]
    outcomes = {name: [outcome.name for outcome in catalog[name].outcome] for name in names}
    prefixes = {
        name: catalog[name].event_table.pseudonyms.get(catalog[name].subject.group) or "e-" for name in names
    }  # fmt: skip
    size = (bench.size(1_000_000, 5_000), bench.size(50_000, 500))
    return Filling(outcomes, bench.start, bench.end, *size, prefixes)


def _fill(bench: Workbench, settings: Settings, ledger: str, filling: Filling) -> str:
    """Fill an empty ledger and let somebody in; gives the password."""
    engine = open_database(ledger)
    migrate(engine)
    with reading(engine) as session:
        if session.scalar(select(Decision.decision_id).limit(1)) is not None:
            raise LedgerError(f"{POSTGRESQL}: expected a database without decisions, found one with some")
    bench.say(f"  filling a ledger with {filling.decisions:,} decisions and {filling.cases:,} open cases")
    with timed() as watch:
        fill(engine, filling)
        password = _let_somebody_in(settings, engine)
        _let_rules_look_on(settings, engine)
    bench.say(f"  filled in {watch.seconds:.0f} s")
    engine.dispose()
    return password


def _let_rules_look_on(settings: Settings, engine: Engine) -> None:
    """Every domain's rules and scenarios in shadow, and one decision in ten hit by each of them."""
    dbt.parse(dbt_project(settings))
    for domain in load_catalog().values():
        put_in_shadow(settings, domain, by="benchmarks")
    with writing(engine) as session:
        for rule in session.execute(select(RuleVersion.domain, RuleVersion.rule_id, RuleVersion.version)).all():
            told = {"rule_id": rule.rule_id, "version": rule.version, "stage": "shadow", "is_changed": False}
            columns = ["domain", "decided_at", "decision_id", "subject", *told]
            hit = select(
                Decision.domain,
                Decision.decided_at,
                Decision.decision_id,
                Decision.subject,
                *(literal(value) for value in told.values()),
            ).where(Decision.domain == rule.domain, Decision.subject.like(_TENTH))
            session.execute(insert(RuleHit).from_select(columns, hit))


def _pages(filling: Filling) -> dict[str, Addresses]:
    """Every page without a part in its address, and those with one by what they are about."""
    plain = [grant.path for grant in GRANTS if grant.method == "GET" and grant.roles and "{" not in grant.path]
    found = {path: itertools.repeat(path) for path in plain if path != "/find"}
    return found | _queues(filling) | _lists(filling) | _singles(filling) | _rules(filling)


def _rules(filling: Filling) -> dict[str, Addresses]:
    domain = load_catalog()[next(iter(filling.outcomes))]
    addresses = {
        f"a {kind[:-1]}": f"/rules/{domain.name}/{sorted((domain.folder / kind).glob('*.yml'))[0].stem}"
        for kind in ("rules", "scenarios")
    }
    editor = {"the editor of a rule": f"/drafts/{domain.name}"}
    return {name: itertools.repeat(address) for name, address in {**addresses, **editor}.items()}


def _queues(filling: Filling) -> dict[str, Addresses]:
    domain = next(iter(filling.outcomes))
    middle = encode_cursor([Decimal(500), "c-1"], [Case.priority, Case.case_id])  # type: ignore[list-item]
    asked = {
        "queue by deadline": "order=due",
        "queue from its middle on": f"cursor={quote(middle)}",
        **{f"queue of those {state}": f"state={state}" for state in ("claimed", "escalated", "snoozed")},
        **{f"queue of those {state} by deadline": f"state={state}&order=due" for state in ("escalated", "snoozed")},
    }
    pages = {name: itertools.repeat(f"/queue?domain={domain}&{query}") for name, query in asked.items()}
    others = {f"queue of {name}": itertools.repeat(f"/queue?domain={name}") for name in filling.outcomes}
    return {**others, **pages, "one's own desk": itertools.repeat("/queue?mine=1")}


def _lists(filling: Filling) -> dict[str, Addresses]:
    domain, hardest = next((name, outcomes[-1]) for name, outcomes in filling.outcomes.items())
    middle, busiest = filling.decisions // 2, f"/decisions?domain={domain}&entity={filling.entity_name(0)}"
    behind = [from_microseconds(filling.decided_us(middle)), decision_id(middle)]
    cursor = encode_cursor(behind, [Decision.decided_at, Decision.decision_id])  # type: ignore[list-item]
    return {
        "decisions of an outcome": itertools.repeat(f"/decisions?domain={domain}&outcome={hardest}"),
        "decisions from the middle on": itertools.repeat(f"/decisions?domain={domain}&cursor={quote(cursor)}"),
        "decisions of the busiest entity": itertools.repeat(busiest),
        "decisions of it with an outcome": itertools.repeat(f"{busiest}&outcome={hardest}"),
        "decisions of an entity": (
            f"/decisions?domain={domain}&entity={filling.entity_name(number)}" for number in _some(filling)
        ),
        "decisions of a subject": (f"/decisions?domain={domain}&subject=s-{number}" for number in _some(filling)),
    }


def _singles(filling: Filling) -> dict[str, Addresses]:
    return {
        "a case": (f"/cases/c-{number % filling.cases}" for number in _some(filling)),
        "the case with the longest timeline": itertools.repeat(_BUSY_CASE),
        "a decision": (f"/decisions/{decision_id(number)}" for number in _some(filling)),
        "find an entity": (f"/find?q={filling.entity_name(number % filling.entities)}" for number in _some(filling)),
        "find what is not there": (f"/find?q=nobody-{number}" for number in _some(filling)),
        "audit of one object": itertools.repeat("/audit?kind=cases&object=c-1"),
    }


def _some(filling: Filling) -> Iterator[int]:
    """Decisions here and there, the same in every run."""
    return iter(np.random.default_rng(3).integers(filling.decisions, size=_TIMES + _WARM_UP).tolist())


def _milliseconds(client: httpx.Client, address: str) -> float:
    begin = time.perf_counter()
    answer = client.get(address)
    milliseconds = 1e3 * (time.perf_counter() - begin)
    is_told = answer.is_redirect or answer.is_success or "nobody-" in address
    if not is_told or answer.headers.get("location", "").startswith("/login"):
        raise ServiceError(f"{address}: expected the page, found status {answer.status_code}")
    return milliseconds


def _let_somebody_in(settings: Settings, engine: Engine) -> str:
    """A user who may open every page, and what was done in the audit chain; gives the password."""
    trail, password = AuditTrail(ensure_audit_key(settings.keys), settings.audit_anchor), secrets.token_urlsafe()
    with writing(engine) as session:
        desk = Desk(session, trail, "benchmarks", datetime.now(UTC))
        add_user(desk, ASSIGNEE, role="lead", password=hash_password(password, salt=secrets.token_bytes(SALT_BYTES)))
        for number in range(_AUDITED):
            desk.audit("case.noted", Case(), f"c-{number}", before=None, after=None)
    return password


@contextmanager
def _serving(bench: Workbench, settings: Settings) -> Iterator[str]:
    """The console as ``riskloom up`` starts it, while the block lasts; gives its address."""
    service = next(each for each in services(settings) if each.name == "console")
    with running(service, folder=bench.work_in("run-console"), project=settings.project, say=bench.say):
        yield f"http://{settings.host}:{settings.console_port}"


@contextmanager
def _logged_in(url: str, password: str) -> Iterator[httpx.Client]:
    """A browser in which somebody has logged in."""
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        token = _CSRF.search(client.get("/login").text)
        form = {"name": ASSIGNEE, "password": password, CSRF_FIELD: token[1] if token else ""}
        answer = client.post("/login", data=form)
        if not answer.is_redirect:
            raise ServiceError(f"{url}/login: expected to be let in, found status {answer.status_code}")
        yield client
