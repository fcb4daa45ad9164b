"""What uvicorn starts: ``uvicorn --factory services.consumer.service:build``."""

from __future__ import annotations

import os
import socket
import time
from datetime import UTC, datetime

import redis
from starlette.types import ASGIApp

from riskloom.catalog import Domain, load_catalog
from riskloom.features import EntryLog, StoreLocation
from riskloom.intake import Door, KeptDoor, open_door, stamp_of
from riskloom.intake.consumer import Consumer
from riskloom.intake.queue import EventQueue
from riskloom.ledger import Outbox
from riskloom.pseudonyms import ensure_pseudonym_key
from riskloom.registry import champions_plan, plans_stamp
from riskloom.settings import Settings, load_settings
from services.consumer.app import create_app
from services.consumer.metrics import Metrics
from services.web.gate import Gate
from services.web.ids import new_ids

#: Longer than a consumer waits for messages.
_ANSWER_SECONDS = 5.0


def build() -> ASGIApp:
    """The application over what the settings point to; each domain has a consumer."""
    settings, url = load_settings(), load_settings().redis_url.get_secret_value()
    connection = redis.Redis.from_url(
        url, socket_timeout=_ANSWER_SECONDS, socket_connect_timeout=_ANSWER_SECONDS, protocol=2
    )
    metrics, domains, doors = Metrics(), load_catalog(), Doors(settings)
    queues = {name: EventQueue(connection, name) for name in domains}
    consumers = {
        name: Consumer(
            queues[name],
            doors.of(domain),
            name=f"{socket.gethostname()}:{os.getpid()}",
            report=metrics.reporter(name),
        )
        for name, domain in domains.items()
    }
    metrics.watch(queues, consumers)
    gate = Gate(settings.api_keys, clock=_now)
    return create_app(consumers, metrics, gate, new_request_id=new_ids())


class Doors:
    """
    The doors of the domains, each counting by the plan that the domain's champion reads by.

    Args:
        settings: Where plans, state and outboxes are; the state is in Redis.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store = StoreLocation(
            repo=settings.project / "feature_repo",
            registry=settings.feast_registry,
            online=settings.redis_url.get_secret_value(),
            manifest=settings.dbt_manifest,
        )
        self._entries = EntryLog(settings.entries)
        self._outbox = Outbox(settings.events, dated_by="observed_at")
        self._pseudonym_key = ensure_pseudonym_key(settings.keys)

    def of(self, domain: Domain) -> KeptDoor:
        """A domain's door, not open yet."""
        return KeptDoor(lambda: self._open(domain), lambda: self._stamp(domain), ticks=time.monotonic)

    def _open(self, domain: Domain) -> Door:
        plan = champions_plan(self._settings.registry, domain.name, self._settings.keys)
        return open_door(
            domain,
            self._store,
            None if plan is None else plan.reads.windows,
            entries=self._entries,
            outbox=self._outbox,
            pseudonym_key=self._pseudonym_key,
            clock=_now,
        )

    def _stamp(self, domain: Domain) -> object:
        registry = self._settings.registry
        return stamp_of(registry / f"{domain.name}.json"), plans_stamp(registry, domain.name)


def _now() -> datetime:
    return datetime.now(UTC)
