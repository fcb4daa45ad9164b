"""The demo, run once at a small size with all its services on free ports, and a browser to look at it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from riskloom.catalog import load_catalog
from riskloom.settings import Settings
from riskloom.stack.demo import Demo, DemoPlan, DomainResult
from riskloom.stack.prepare import PROGRAMS, airflow_password
from riskloom.stack.progress import Progress
from riskloom.stack.services import urls
from tests.conftest import free_port

#: The domain with the fewest tables: one shows what the demo does with each.
LEAST = min(load_catalog().values(), key=lambda domain: len(domain.tables)).name


@dataclass(frozen=True, slots=True)
class Show:
    """A demo whose services still run."""

    settings: Settings
    results: list[DomainResult]
    urls: dict[str, str]
    password: str
    console_password: str
    api_key: str


@pytest.fixture(scope="session")
def show(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Show]:
    """The demo's results and where its services are."""
    settings = Settings(
        home=tmp_path_factory.mktemp("demo") / "home",
        airflow_port=free_port(),
        scoring_port=free_port(),
        monitoring_port=free_port(),
        console_port=free_port(),
        ledger_port=free_port(),
    )
    plan = DemoPlan(data="simulated", data_dir=None, now=datetime.now(UTC), domains=(LEAST,), live_events=200)
    demo = Demo(settings, plan, Progress(Console(file=sys.stderr)))
    with stopped_with_us(settings.home):
        try:
            results = demo.run()
            password = airflow_password(settings)
            yield Show(settings, results, urls(settings), password, demo.console_password, demo.api_key)
        finally:
            demo.stop()


@contextmanager
def stopped_with_us(home: Path) -> Iterator[None]:
    """
    Stop the services of a home even where this process is killed and stops nothing itself.

    A guard waits for the end of its input, which comes when the block ends or this process does.
    """
    down = [str(PROGRAMS / "riskloom"), "down", "--home", str(home)]
    code = f"import subprocess, sys; sys.stdin.read(); subprocess.run({down!r}, check=True)"
    guard = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield
    finally:
        guard.communicate()
