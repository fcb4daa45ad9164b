"""The scoring service as people run it, under BentoML on a Redis that keeps what it holds, with a model to score by."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count

import httpx
import psutil
from pydantic import SecretStr

from benchmarks.services import free_port, running
from benchmarks.soak.load import Address
from benchmarks.workbench import Workbench
from riskloom.access import METRICS, score_scope
from riskloom.catalog import Domain, load_catalog
from riskloom.errors import ServiceError
from riskloom.settings import PROJECT_ROOT, Settings
from riskloom.stack.services import services
from riskloom.stack.supervisor import Supervisor
from services.scoring.schema import example
from tests.services.troubles import OwnRedis, own_redis
from tests.services.world import add_key, build_home, views_of

#: Whom events are about: so many of each kind of entity.
ENTITIES = 2_000
_READY_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Target:
    """
    A service that runs.

    Attributes:
        address: Where it decides.
        bodies: Events without end, each another.
        worker: The process that decides.
        redis: Its store.
        status: Asks what readiness says of the domain.
    """

    address: Address
    bodies: Iterator[bytes]
    worker: psutil.Process
    redis: OwnRedis
    status: Callable[[], dict[str, object]]


@contextmanager
def serving(bench: Workbench) -> Iterator[Target]:
    """The service while the block lasts, once the domain is as it should be."""
    folder, domain, now = bench.work_in("service"), suited(bench.domain), datetime.now(UTC)
    with own_redis(bench.work_in("redis")) as redis:
        settings = Settings(
            home=bench.work_in("home"),
            online_store="redis",
            redis_url=SecretStr(redis.url),
            scoring_port=free_port(),
        )
        bench.say("  building a home")
        build_home(settings, {domain.name: domain}, now=now)
        key = add_key(settings.api_keys, "soak", score_scope(domain.name), METRICS, now=now)
        service = next(one for one in services(settings) if one.name == "scoring")
        with running(service, folder=folder, project=PROJECT_ROOT, say=bench.say):
            url = f"http://127.0.0.1:{settings.scoring_port}"

            def status() -> dict[str, object]:
                found: dict[str, object] = httpx.get(f"{url}/readyz", timeout=10).json()["domains"][domain.name]
                return found

            wait_for(lambda: status()["state"] == "ready", "the service is ready", seconds=_READY_SECONDS)
            (supervised,) = Supervisor(home=folder, project=PROJECT_ROOT).running()
            worker = max(supervised.members(), key=lambda process: process.memory_info().rss)
            address = Address(f"{url}/v1/domains/{domain.name}/score", key)
            yield Target(address, bodies_of(domain, settings), worker, redis, status)


def suited(domain: Domain) -> Domain:
    """
    A domain whose events bring all whom they are about: the one asked for, or else the first.

    Where some of it is looked up instead, every event of ours would be about the same few.
    """
    candidates = [domain, *load_catalog().values()]
    return next(one for one in candidates if one.event_table.brought.keys() == one.event_table.columns.keys())


def bodies_of(domain: Domain, settings: Settings) -> Iterator[bytes]:
    """Events of the domain that happen now: a new subject each, of entities that come again."""
    entities = sorted({view.join_key for view in views_of(settings, domain)} & set(domain.event_table.columns))
    asked = {name: value for name, value in example(domain).items() if name not in entities}
    for number in count():
        of_whom = {name: f"{name}-{number * 7 % ENTITIES}" for name in entities}
        when = {"effective_at": datetime.now(UTC).isoformat(), domain.subject.key: f"soak-{number}"}
        yield json.dumps({**asked, **of_whom, **when}).encode()


def wait_for(condition: Callable[[], bool], what: str, *, seconds: float) -> None:
    """Wait until something holds; raises ServiceError where it does not come to that."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise ServiceError(f"soak: expected that {what} within {seconds:.0f} s, found that it is not")
        time.sleep(0.05)
