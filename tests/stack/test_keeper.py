"""The ledger's keeper: as a service of `riskloom up`, and what it does while the ledger is there, locked or gone."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import generate_latest
from sqlalchemy import func, select

from riskloom.catalog import Domain, load_catalog
from riskloom.ledger import Outbox
from riskloom.ledger.database import reading
from riskloom.ledger.migrations import migrate
from riskloom.ledger.schema import Case, Decision, Lease
from riskloom.settings import PROJECT_ROOT, Settings
from riskloom.stack.keeper import Keeper, metrics_of
from riskloom.stack.services import Service, services
from riskloom.stack.supervisor import Supervisor, is_ready
from riskloom.wiring import ledger_engine, ledger_keeper
from tests.conftest import free_port
from tests.ledger.examples import record, shadow_line

CATALOG = load_catalog()
DOMAIN: Domain = next(iter(CATALOG.values()))
SECONDS = 60.0


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """A home with a ledger."""
    settings = Settings(home=tmp_path / "home", ledger_port=free_port())
    migrate(ledger_engine(settings))
    return settings


def decide(settings: Settings, *numbers: int, **changes: Any) -> None:
    """Answer decisions of the domain, each of which somebody should look at."""
    hardest = DOMAIN.outcome[-1].name
    with Outbox(settings.decisions) as outbox:
        for number in numbers:
            outbox.append(record(number, domain=DOMAIN.name, outcome=hardest, entity=f"e-{number}", **changes))


def counted(settings: Settings) -> tuple[int, int]:
    """How many decisions and cases there are."""
    with reading(ledger_engine(settings)) as session:
        decisions, cases = (session.scalar(select(func.count()).select_from(table)) for table in (Decision, Case))
    return decisions or 0, cases or 0


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.05)


def service_of(settings: Settings) -> Service:
    """The declared service."""
    (found,) = (service for service in services(settings) if service.name == "ledger")
    return found


def answers(port: int) -> bool:
    """Whether somebody listens: the last threads of a killed process may outlive it by a moment."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def gauge(text: str, name: str, domain: str = "") -> float:
    """A value of Prometheus' text."""
    label = f'{{domain="{domain}"}}' if domain else ""
    (line,) = (line for line in text.splitlines() if line.startswith(f"{name}{label} "))
    return float(line.rsplit(" ", 1)[1])


def test_the_service_ships_triages_and_ends_when_it_is_asked_to(home: Settings) -> None:
    """Started and stopped as the others are; at the end the lease is back, so that the next begins at once."""
    supervisor, service = Supervisor(home=home.home, project=PROJECT_ROOT), service_of(home)
    decide(home, 0, 1)
    try:
        assert supervisor.up([service], lambda *_: None) == ["ledger"]
        assert is_ready(service)
        wait_until(lambda: counted(home) == (2, 2))
        decide(home, 2)
        with Outbox(home.shadows) as outbox:
            outbox.append(shadow_line(2, domain=DOMAIN.name))
        wait_until(lambda: counted(home) == (3, 3))
        wait_until(lambda: gauge(httpx.get(service.health).text, "riskloom_ledger_shadow_scores_total") == 1)
        text = httpx.get(service.health).text
        assert gauge(text, "riskloom_ledger_up") == 1
        assert gauge(text, "riskloom_ledger_decisions_total") == 3
        assert gauge(text, "riskloom_ledger_unshipped_decisions", DOMAIN.name) == 0
    finally:
        stopped = supervisor.down()
    assert stopped == ["ledger"]
    with reading(ledger_engine(home)) as session:
        assert session.scalars(select(Lease)).all() == [], "it ended by itself, and was not killed"


def test_killed_and_started_again_it_goes_on(home: Settings) -> None:
    """Nothing is lost and nothing comes twice, whenever the process ends."""
    supervisor, service = Supervisor(home=home.home, project=PROJECT_ROOT), service_of(home)
    try:
        for last in (10, 20):
            decide(home, *range(last - 10, last))
            supervisor.up([service], lambda *_: None)
            (running,) = supervisor.running()
            wait_until(lambda: counted(home)[0] > 0)
            os.kill(running.pid, signal.SIGKILL)
            wait_until(lambda: not supervisor.running() and not answers(home.ledger_port))
        supervisor.up([service], lambda *_: None)
        wait_until(lambda: counted(home) == (20, 20))
    finally:
        supervisor.down()


@contextmanager
def working(settings: Settings, said: list[str]) -> Iterator[Keeper]:
    """A keeper in a thread of this process."""
    keeper = ledger_keeper(settings, CATALOG, keep_for=timedelta(days=2), sla=timedelta(hours=4), say=said.append)
    thread = threading.Thread(target=keeper.run)
    thread.start()
    try:
        yield keeper
    finally:
        keeper.stop()
        thread.join(SECONDS)
        assert not thread.is_alive()


def test_a_ledger_that_is_gone_is_waited_for(home: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """It says so and makes no second ledger; what was answered meanwhile is there once the ledger is."""
    said: list[str] = []
    away = home.ledger.with_name("away.db")
    with working(home, said) as keeper:
        metrics = metrics_of(keeper, lambda: datetime.now(UTC))
        decide(home, 0)
        wait_until(lambda: counted(home) == (1, 1))
        home.ledger.rename(away)
        decide(home, 1)
        wait_until(lambda: "ship: the ledger did not answer" in caplog.text)
        text = generate_latest(metrics).decode()
        assert gauge(text, "riskloom_ledger_up") == 0
        assert "unable to open database file" in caplog.text
        assert not home.ledger.exists()
        away.rename(home.ledger)
        wait_until(lambda: counted(home) == (2, 2))
        wait_until(lambda: "ship: done again" in caplog.text)
        text = generate_latest(metrics).decode()
        assert gauge(text, "riskloom_ledger_up") == 1
        assert gauge(text, "riskloom_ledger_lag_seconds", DOMAIN.name) == 0
    assert "1 decisions shipped, 0 lines skipped" in said
    assert f"{DOMAIN.name}: 1 alerts are in 1 cases" in said


@pytest.mark.slow
def test_a_ledger_that_is_locked_is_waited_for(home: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """Somebody writes for longer than anybody waits: it says so, shows how far behind it is, and goes on afterwards."""
    with working(home, []) as keeper, closing(sqlite3.connect(home.ledger, isolation_level=None)) as other:
        metrics = metrics_of(keeper, lambda: datetime.now(UTC))
        decide(home, 0)
        wait_until(lambda: counted(home) == (1, 1))
        other.execute("BEGIN IMMEDIATE")
        decide(home, 1, decided_at=(datetime.now(UTC) - timedelta(minutes=5)).isoformat())
        # by whichever of its chores met the lock first; it waits half a minute before it says so
        wait_until(lambda: "the ledger did not answer (OperationalError: database is locked)" in caplog.text)
        text = generate_latest(metrics).decode()
        assert gauge(text, "riskloom_ledger_up") == 1, "who only reads is not locked out"
        assert gauge(text, "riskloom_ledger_unshipped_decisions", DOMAIN.name) == 1
        assert gauge(text, "riskloom_ledger_lag_seconds", DOMAIN.name) > 300
        other.execute("ROLLBACK")
        wait_until(lambda: counted(home) == (2, 2))
        wait_until(lambda: "done again, after" in caplog.text)


def test_it_waits_for_the_tables(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Started before the ledger is migrated it says what to run, and begins once that is done."""
    settings = Settings(home=tmp_path / "home")
    decide(settings, 0)
    with working(settings, []) as keeper:
        wait_until(lambda: "run `riskloom ledger migrate`" in caplog.text)
        assert gauge(generate_latest(metrics_of(keeper, lambda: datetime.now(UTC))).decode(), "riskloom_ledger_up") == 0
        migrate(ledger_engine(settings))
        wait_until(lambda: counted(settings) == (1, 1))


def test_old_files_go_while_it_runs(home: Settings) -> None:
    """Once they are shipped to their end, and no others; nobody has to start it anew for that."""
    decide(home, 0, decided_at="2026-03-01T10:00:00Z")
    decide(home, 1, decided_at=datetime.now(UTC).isoformat())
    said: list[str] = []
    with working(home, said) as keeper:
        wait_until(lambda: counted(home)[0] == 2)
        (removing,) = (chore for chore in keeper.chores if chore.name == "remove files")
        wait_until(lambda: counted(home) == (2, 2))
    removing.attempt()
    left = [path.name[:10] for path in home.decisions.rglob("*.jsonl")]
    assert left == [datetime.now(UTC).date().isoformat()]
    assert sum("shipped, and older than 2 days" in line for line in said) == 1
