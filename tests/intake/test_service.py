"""The consumer as a service, and the commands that look at streams, over a real Redis."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis
from starlette.applications import Starlette
from starlette.testclient import TestClient
from typer.testing import CliRunner, Result

from riskloom.access import METRICS, create_key
from riskloom.catalog import Domain, load_catalog
from riskloom.cli import build_app
from riskloom.errors import ConfigError
from riskloom.intake.queue import EventQueue
from riskloom.settings import Settings, load_settings
from riskloom.stack.services import services
from services.consumer.service import build

pytestmark = pytest.mark.needs("redis-server")


@pytest.fixture
def domain() -> Domain:
    """The first declared domain."""
    return next(iter(load_catalog().values()))


@pytest.fixture
def home(redis_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with an empty Redis, from the environment as a process has them."""
    redis.Redis.from_url(redis_server).flushdb()
    monkeypatch.setenv("RISKLOOM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RISKLOOM_ONLINE_STORE", "redis")
    monkeypatch.setenv("RISKLOOM_REDIS_URL", redis_server)
    return load_settings()


def queue_of(home: Settings, domain: Domain) -> EventQueue:
    queue = EventQueue(redis.Redis.from_url(home.redis_url.get_secret_value(), protocol=2), domain.name)
    queue.prepare()
    return queue


def run(*command: str) -> Result:
    result = CliRunner().invoke(build_app(), ["events", *command])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_health_readiness_and_metrics(home: Settings, domain: Domain) -> None:
    """It is ready while it consumes; metrics need a key, and tell of each domain's stream."""
    secret = b"scraper".ljust(32, b".")
    key = create_key(home.api_keys, "scraper", [METRICS], created_at=datetime.now(UTC), secret=secret)
    app = build()
    assert isinstance(app, Starlette)
    with TestClient(app) as client:
        assert client.get("/healthz").text == "alive\n"
        _wait(lambda: client.get("/readyz").json()["domains"][domain.name] == "ready")
        assert client.get("/metrics").status_code == 401
        headers = {"Authorization": f"Bearer {key}"}
        # what the champion reads by cannot be known, so the door stays closed and the event waits
        home.registry.mkdir(parents=True)
        (home.registry / f"{domain.name}.json").write_text("{")
        queue_of(home, domain).push("no_such_table", b"{}")
        _wait(lambda: client.get("/readyz").json()["domains"][domain.name] == "waiting")
        text = client.get("/metrics", headers=headers).text
    assert f'riskloom_consumer_pending{{domain="{domain.name}"}} 1.0' in text
    assert f'riskloom_consumer_dead_letters{{domain="{domain.name}"}} 0.0' in text
    assert f'riskloom_consumer_working{{domain="{domain.name}"}} 0.0' in text


def test_commands_show_and_replay(home: Settings, domain: Domain) -> None:
    """The lag of each domain; dead letters with their reasons, the events only on request; back into the stream."""
    queue = queue_of(home, domain)
    event = json.dumps({"secret": "value"}).encode()
    for _ in range(2):
        queue.push("a_table", event)
    for message in queue.read("one", count=2, wait_ms=10):
        queue.bury(message, "spent: expected a number, found a string")
    assert domain.name in run("lag").output
    listed = run("dead", domain.name)
    assert listed.output.count("spent: expected a number") == 2
    assert "secret" not in listed.output
    assert "secret" in run("dead", domain.name, "--content").output
    first = queue.dead(count=1)[0].id
    assert "1 events" in run("replay", domain.name, "--id", first).output
    assert len(queue.dead(count=10)) == 1
    with pytest.raises(ConfigError, match="expected a dead letter"):
        run("replay", domain.name, "--id", first)
    assert "1 events" in run("replay", domain.name).output
    assert queue.lag(now_seconds=time.time()).waiting == 2


def test_without_redis_there_are_no_streams(home: Settings, domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands say what they need, and `riskloom up` starts no consumer."""
    assert [one for one in services(home) if one.name == "consumer"]
    monkeypatch.setenv("RISKLOOM_ONLINE_STORE", "sqlite")
    assert not [one for one in services(load_settings()) if one.name == "consumer"]
    for command in (["events", "lag"], ["events", "dead", domain.name], ["consume"]):
        with pytest.raises(ConfigError, match="RISKLOOM_ONLINE_STORE=redis"):
            CliRunner().invoke(build_app(), command, catch_exceptions=False)


def _wait(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"what was waited for did not come within {seconds:.0f} s")
        time.sleep(0.1)
