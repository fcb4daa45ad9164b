"""A home in which rules can be tried on a history, and decide in a scoring service that runs beside the console."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from starlette.testclient import TestClient

from riskloom.catalog import Domain
from riskloom.contracts import Column
from riskloom.features import mart_path
from riskloom.ledger.database import writing
from riskloom.ledger.desk import Desk
from riskloom.ledger.migrations import migrate
from riskloom.ledger.passwords import SALT_BYTES, hash_password
from riskloom.ledger.users import add_user
from riskloom.settings import Settings
from riskloom.sql import quoted
from riskloom.wiring import audit_trail, ledger_engine, shipper
from tests.console.world import DOMAINS, PASSWORD, QUICK, USERS
from tests.console.writing import FIRST
from tests.services import conftest as services
from tests.services.world import build_home, standard_keys

_ROWS = 4_000
_DAYS = 40
_AMOUNTS = 700
_ENTITIES = 90
_TYPES = {"string": "varchar", "timestamp": "timestamp"}


@dataclass(frozen=True, slots=True)
class Journey:
    """
    A home with a history, a champion and users.

    Attributes:
        settings: Where it is.
        domain: The domain that everything is about.
        keys: Of the scoring service, by name.
    """

    settings: Settings
    domain: Domain
    keys: dict[str, str]

    @contextmanager
    def scoring(self) -> Iterator[TestClient]:
        """The scoring service over this home, without a network; it takes up what is published within a second."""
        world = services.World(self.settings, self.keys, datetime.now(UTC))
        with services.in_process(world, clock=lambda: datetime.now(UTC)) as client:
            yield client

    def decide(self, client: TestClient, entity: str, subject: str) -> dict[str, Any]:
        """Have an event of an entity decided whose amount is above what most have."""
        names = self.domain.subject
        event = services.event(self.domain, entity)
        event[names.key] = subject
        event[names.amount] = type(event[names.amount])(400)  # type: ignore[call-arg]
        authorised = {"Authorization": f"Bearer {self.keys['scorer']}"}
        answer = client.post(f"/v1/domains/{self.domain.name}/score", json=event, headers=authorised)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def ship(self) -> int:
        """Bring what was decided into the ledger; gives how many decisions."""
        return shipper(self.settings, {self.domain.name: self.domain}).ship().decisions


def make_journey(home: Path) -> Journey:
    """Make the home: dbt's manifest, online features, a champion, marts with a history, and the console's users."""
    settings, domain, now = Settings(home=home), DOMAINS[FIRST], datetime.now(UTC)
    build_home(settings, {domain.name: domain}, now=now)
    _write_history(settings, domain, now)
    engine = ledger_engine(settings)
    migrate(engine)
    with writing(engine) as session:
        desk = Desk(session, audit_trail(settings), "test", now)
        for name, role in USERS.items():
            add_user(desk, name, role=role, password=hash_password(PASSWORD, salt=b"s" * SALT_BYTES, cost=QUICK))
    engine.dispose()
    return Journey(settings, domain, standard_keys(settings.api_keys, DOMAINS, now=now))


def _write_history(settings: Settings, domain: Domain, now: datetime) -> None:
    """Decisions of forty days, every third of the larger ones bad, as dbt and the ingest would have published them."""
    events = settings.landing / domain.name / domain.subject.event_table / "events.parquet"
    subjects, labels = (mart_path(settings.marts, domain, name) for name in ("subjects", "labels"))
    for path in (events, subjects, labels):
        path.parent.mkdir(parents=True, exist_ok=True)
    columns = ", ".join(_column(name, column, domain) for name, column in domain.event_table.columns.items())
    key, amount = quoted(domain.subject.key), quoted(domain.subject.amount)
    with duckdb.connect() as connection:
        connection.execute(
            f"""
            create table history as
            select {columns}, moment as decision_at
            from (
                select range as n, $first + to_seconds(range * $step) as moment from range({_ROWS})
            )
            """,  # noqa: S608 - our own names
            {"first": (now - timedelta(days=_DAYS)).replace(tzinfo=None), "step": _DAYS * 86_400 // _ROWS},
        )
        known = "decision_at + interval 1 day as observed_at, decision_at + interval 1 day as effective_at"
        labelled = f"select {key}, {amount} > 300 as is_positive, {known} from history where hash(decision_at) % 3 = 0"  # noqa: S608
        for path, query in (
            (events, "select * exclude (decision_at) from history"),
            (subjects, "select * from history"),
            (labels, labelled),
        ):
            connection.execute(f"copy ({query}) to '{path}' (format parquet)")


def _column(name: str, column: Column, domain: Domain) -> str:
    """What a row has in a column: its own key, one of some entities, an amount up to a bound, and its time."""
    if name == domain.subject.key:
        value = "'h-' || n"
    elif column.type == "timestamp":
        value = "moment"
    elif column.type == "boolean":
        value = "false"
    elif column.type == "string":
        value = f"'e-' || n % {_ENTITIES}"
    else:
        value = f"n * 7919 % {_AMOUNTS}"
    return f"cast({value} as {_TYPES.get(column.type, column.type)}) as {quoted(name)}"
