"""What all tests share: run-time homes, the tools they drive, real servers, a browser, the reference data."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from xdist.scheduler import LoadScopeScheduling

from riskloom.settings import PATIENT_THREADS, PROJECT_ROOT, Settings
from tests.browser.screens import chromium, new_page

os.environ.update({**PATIENT_THREADS, **os.environ})

#: Ledgers on each database, for the folders whose tests need one.
pytest_plugins = ["tests.ledgers"]

#: Public data beside the checkout; a user's machine does not have it, CI does.
REFERENCE_DATA = PROJECT_ROOT.parent / "shared" / "data"


class FolderScheduling(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """Where several processes share the work, each gets whole folders: their tests share fixtures that take minutes."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0].rpartition("/")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FolderScheduling:
    """Choose the scheduling of several processes."""
    return FolderScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip a test whose tool is missing, saying so; with ``CI=true`` let it fail instead."""
    for item in items:
        missing = [tool for mark in item.iter_markers("needs") for tool in mark.args if shutil.which(tool) is None]
        if not missing:
            continue
        reason = f"needs {', '.join(missing)}, which is not installed (make test-tools)"
        if os.environ.get("CI") == "true":
            item.add_marker(pytest.mark.usefixtures("_tools_must_be_there"))
            item.user_properties.append(("missing", reason))
        else:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def _tools_must_be_there(request: pytest.FixtureRequest) -> None:
    reason = dict(request.node.user_properties)["missing"]
    pytest.fail(f"CI must not skip: {reason}", pytrace=False)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a run-time home of the test's own."""
    return Settings(home=tmp_path / "home")


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """The folder with the public data; the test is skipped where it is absent, and fails in CI."""
    if not REFERENCE_DATA.is_dir():
        reason = f"needs the reference data at ../shared/data beside the checkout ({REFERENCE_DATA.name} not found)"
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must not skip: {reason}", pytrace=False)
        pytest.skip(reason)
    return REFERENCE_DATA


def free_port() -> int:
    """A loopback port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_port(port: int, process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait until the process listens on its port; fail when it ended or took too long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"{process.args!r} ended with code {process.returncode} before it listened on port {port}")
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"{process.args!r} did not listen on port {port} within {seconds:.0f} s")


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis on a free loopback port, without persistence; gives its URL."""
    port = free_port()
    folder = tmp_path_factory.mktemp("redis")
    with (folder / "redis.log").open("wb") as log:
        process = subprocess.Popen(
            ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for_port(port, process, seconds=20)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(timeout=20)


def wait_for_postgres(port: int, seconds: float) -> None:
    """Wait until PostgreSQL takes connections: it listens before that."""
    import psycopg2  # noqa: PLC0415 - not everybody has it

    deadline = time.monotonic() + seconds
    while True:
        try:
            psycopg2.connect(host="127.0.0.1", port=port, user="ledger", dbname="postgres").close()
        except psycopg2.OperationalError as error:
            if time.monotonic() > deadline:
                pytest.fail(f"PostgreSQL took no connection within {seconds:.0f} s: {error}")
            time.sleep(0.05)
        else:
            return


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A real PostgreSQL on a free loopback port, as a user without rights; gives its URL without a database."""
    pytest.importorskip("psycopg2", reason="needs psycopg2, which is not installed (uv sync)")
    port, folder = free_port(), Path(tempfile.mkdtemp(prefix="riskloom-postgres-"))
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    if user is not None:
        shutil.chown(folder, user)
    data = folder / "data"
    subprocess.run(
        ["initdb", "-D", data, "-U", "ledger", "-A", "trust", "-E", "UTF8", "--locale", "C", "--no-sync"],
        cwd=folder, user=user, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    with (folder / "postgres.log").open("wb") as log:
        process = subprocess.Popen(
            ["postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder, "-c", "fsync=off"],
            cwd=folder, user=user, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        wait_for_port(port, process, seconds=30)
        wait_for_postgres(port, seconds=30)
        yield f"postgresql://ledger@127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGINT)  # its fast shutdown: open connections are ended
        process.wait(timeout=20)
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The installed Chromium; its driver leaves an event loop behind until it ends, which no coroutine could run in."""
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of its own session."""
    opened = new_page(browser)
    yield opened
    opened.context.close()
