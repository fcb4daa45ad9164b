"""
Redis and SQLite that die, stop, are slow, full, locked or empty while decisions are asked for over HTTP.

What callers hear, what readiness says, and that no event is lost to the windows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import redis
from starlette.testclient import TestClient

from riskloom.catalog import Domain
from riskloom.client import Decision
from riskloom.ledger import read_decisions
from riskloom.wiring import store_location
from services.scoring.app import Direct
from tests.conftest import free_port
from tests.services.conftest import World, event, in_process, wait_until
from tests.services.troubles import Callers, OwnRedis, Relay, locked, on_redis, own_redis, relaying
from tests.services.world import CALM, FLAGGED, fill_windows

HOST = "127.0.0.1"
pytestmark = [pytest.mark.needs("redis-server"), pytest.mark.slow]


@dataclass(frozen=True)
class Store:
    """A Redis with full windows and the relay through which the service reaches it."""

    redis: OwnRedis
    relay: Relay
    world: World


@dataclass(frozen=True)
class Serving:
    """The service in this process, at an address of its own."""

    client: TestClient
    url: str
    world: World
    domain: Domain

    def status(self) -> dict[str, Any]:
        """What readiness says of the domain."""
        found: dict[str, Any] = self.client.get("/readyz").json()["domains"][self.domain.name]
        return found

    def score(self, entity: str) -> dict[str, Any]:
        """A decision."""
        url = f"/v1/domains/{self.domain.name}/score"
        answer = self.client.post(url, json=event(self.domain, entity), headers=self.world.auth())
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def figure(self, name: str, **labels: str) -> float:
        """A figure of the domain from the metrics."""
        said = ",".join(f'{label}="{value}"' for label, value in {"domain": self.domain.name, **labels}.items())
        text = self.client.get("/metrics", headers=self.world.auth("scraper")).text
        return float(text.split(f"\n{name}{{{said}}} ")[1].split("\n")[0])


@pytest.fixture
def store(world: World, domain: Domain, tmp_path: Path) -> Iterator[Store]:
    """A Redis that writes down what it holds, filled."""
    with own_redis(tmp_path / "redis") as redis_, relaying(redis_.port) as relay:
        settings = on_redis(world, redis_.url).settings
        fill_windows(settings, domain, store_location(settings), now=world.now)
        yield Store(redis_, relay, on_redis(world, f"redis://{HOST}:{relay.port}/0"))


@contextmanager
def serving(world: World, domain: Domain) -> Iterator[Serving]:
    """The service over a home, once the domain is as it should be."""
    direct = Direct(HOST, free_port())
    with in_process(world, direct=direct) as client:
        found = Serving(client, f"http://{HOST}:{direct.port}", world, domain)
        wait_until(lambda: bool(found.status()["state"] == "ready"))
        yield found


def is_safe(decision: Decision) -> bool:
    """Whether the store had no part in it."""
    return decision.basis == "safe_outcome"


def is_whole(decision: Decision) -> bool:
    """Whether it was made from features."""
    return decision.basis != "safe_outcome" and not decision.degraded


def entered(world: World, domain: Domain) -> set[str]:
    """The events whose entry into the windows was written down."""
    return {row["event_id"] for row in read_decisions(world.settings.entries, domain.name)}


def killed(store: Store) -> Callable[[], None]:
    store.redis.kill()
    return store.redis.start


def paused(store: Store) -> Callable[[], None]:
    store.redis.pause()
    return store.redis.resume


def slow(store: Store) -> Callable[[], None]:
    store.relay.delay = 0.6
    return lambda: setattr(store.relay, "delay", 0.0)


@pytest.mark.parametrize("fault", [killed, paused, slow])
def test_redis_in_trouble_under_load(
    store: Store, domain: Domain, fault: Callable[[Store], Callable[[], None]]
) -> None:
    """
    Nobody hears an error: while Redis is dead, stopped or slow, decisions are the declared safe ones, and say so.

    When it is back they are whole again by themselves, and the windows have counted every event, once.
    """
    with serving(store.world, domain) as service, Callers(service.url, store.world, domain) as callers:
        tally = callers.tally
        wait_until(lambda: callers.heard(is_whole))
        mend = fault(store)
        wait_until(lambda: service.status()["breaker"] != "closed")
        assert service.status()["state"] == "degraded"
        assert service.client.get("/readyz").status_code == 200
        since = len(tally.decisions)
        wait_until(lambda: len(tally.decisions) > since + 20)
        mend()
        wait_until(lambda: bool(service.status()["state"] == "ready"))
        since = len(tally.decisions)
        wait_until(lambda: callers.heard(is_whole, since=since + 8))
        callers.__exit__()
        wait_until(lambda: service.status()["missed_events"] == 0)
        safe = tally.safe()
        assert tally.errors == []
        assert safe > 20
        assert all(decision.degraded for decision in tally.decisions.values() if is_safe(decision))
        outcomes = {decision.outcome for decision in tally.decisions.values() if is_safe(decision)}
        assert outcomes == {domain.serving.safe_outcome}
        assert set(tally.decisions) <= entered(store.world, domain)
        assert service.figure("riskloom_feature_store_breaker", state="closed") == 1
        assert service.figure("riskloom_feature_store_breaker_opened_total") >= 1
        assert service.figure("riskloom_missed_events_total", outcome="counted") >= safe
        assert service.figure("riskloom_missed_events_total", outcome="left") == 0


def test_an_open_breaker_asks_nothing_of_a_dead_store(store: Store, domain: Domain) -> None:
    """While it is open, decisions send the store nothing: what it hears are the probes."""
    with serving(store.world, domain) as service:
        store.redis.pause()
        wait_until(lambda: is_open(service))
        decided = [service.score(f"waiting-{number}")["basis"] for number in range(20)]
        store.redis.resume()
        assert set(decided) == {"safe_outcome"}
        wait_until(lambda: service.status()["missed_events"] == 0 and service.status()["state"] == "ready")
        assert service.figure("riskloom_missed_events_total", outcome="counted") >= len(decided)


def is_open(service: Serving) -> bool:
    """Whether the store is not asked any more; asks for a decision first."""
    service.score(CALM)
    return bool(service.status()["breaker"] != "closed")


def test_redis_that_forgot_everything_is_not_believed(world: World, domain: Domain, tmp_path: Path) -> None:
    """A Redis that starts empty would say that nobody ever did anything: it is not asked until it was filled again."""
    with own_redis(tmp_path / "redis", is_kept=False) as redis_:
        on_it = on_redis(world, redis_.url)
        fill_windows(on_it.settings, domain, store_location(on_it.settings), now=world.now)
        with serving(on_it, domain) as service:
            assert service.score(FLAGGED)["basis"] == "expected_cost"
            redis_.kill()
            redis_.start()
            wait_until(lambda: is_open(service))
            for _ in range(5):
                assert service.score(FLAGGED)["basis"] == "safe_outcome"
            assert service.status()["state"] == "degraded"
            fill_windows(on_it.settings, domain, store_location(on_it.settings), now=world.now)
            wait_until(lambda: bool(service.status()["state"] == "ready"))
            assert service.score(FLAGGED)["basis"] == "expected_cost"


def test_redis_that_takes_no_writes(store: Store, domain: Domain) -> None:
    """A Redis that is full answers reads, so a probe has to write; the domain is degraded until there is room."""
    admin = redis.Redis.from_url(store.redis.url)
    with serving(store.world, domain) as service:
        admin.config_set("maxmemory", 1)
        wait_until(lambda: is_open(service))
        assert service.score(FLAGGED)["basis"] == "safe_outcome"
        admin.config_set("maxmemory", 0)
        wait_until(lambda: bool(service.status()["state"] == "ready"))
        assert service.score(FLAGGED)["basis"] == "expected_cost"
    admin.close()


def test_one_entitys_corrupt_state_is_nobody_elses_trouble(store: Store, domain: Domain) -> None:
    """Who has it gets the safe outcome, again and again; the store is asked for everybody else."""
    admin = redis.Redis.from_url(store.redis.url)
    with serving(store.world, domain) as service:
        service.score(FLAGGED)
        before = set(cast("list[bytes]", admin.keys("*:key:*")))
        service.score("corrupt")
        for key in set(cast("list[bytes]", admin.keys("*:key:*"))) - before:
            admin.setrange(key, 0, b"x" * 40)
        for _ in range(10):
            assert service.score("corrupt")["basis"] == "safe_outcome"
            assert service.score(FLAGGED)["basis"] == "expected_cost"
        assert service.figure("riskloom_feature_store_breaker_opened_total") == 0
    admin.close()


def test_sqlite_locked_by_another_process(world: World, domain: Domain) -> None:
    """Readers are not kept out, writers are: the domain is degraded for as long as the lock is held, and no longer."""
    with serving(world, domain) as service, Callers(service.url, world, domain, count=2) as callers:
        wait_until(lambda: callers.heard(is_whole))
        with locked(world.settings.feast_online.with_name("windows.db")):
            wait_until(lambda: service.status()["breaker"] != "closed")
            since = len(callers.tally.decisions)
            wait_until(lambda: callers.heard(is_safe, since=since))
        wait_until(lambda: bool(service.status()["state"] == "ready"))
        since = len(callers.tally.decisions)
        wait_until(lambda: callers.heard(is_whole, since=since + 4))
        callers.__exit__()
        wait_until(lambda: service.status()["missed_events"] == 0)
        assert callers.tally.errors == []
        assert set(callers.tally.decisions) <= entered(world, domain)
