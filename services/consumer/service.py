"""What uvicorn starts: ``uvicorn --factory services.consumer.service:build``."""

from __future__ import annotations

import os
import socket
import time
import uuid
from datetime import UTC, datetime
from functools import partial

import redis
from starlette.types import ASGIApp

from riskloom.catalog import load_catalog
from riskloom.features import EntryLog, StoreLocation
from riskloom.intake import KeptDoor, open_door, stamp_of
from riskloom.intake.consumer import Consumer
from riskloom.intake.queue import EventQueue
from riskloom.ledger import Outbox
from riskloom.pseudonyms import ensure_pseudonym_key
from riskloom.settings import load_settings
from services.consumer.app import create_app
from services.consumer.metrics import Metrics
from services.web.gate import Gate

#: Longer than a consumer waits for messages.
_ANSWER_SECONDS = 5.0


def build() -> ASGIApp:
    """The application over what the settings point to; each domain has a consumer."""
    settings, url = load_settings(), load_settings().redis_url.get_secret_value()
    store = StoreLocation(
        repo=settings.project / "feature_repo",
        registry=settings.feast_registry,
        online=url,
        manifest=settings.dbt_manifest,
    )
    connection = redis.Redis.from_url(
        url, socket_timeout=_ANSWER_SECONDS, socket_connect_timeout=_ANSWER_SECONDS, protocol=2
    )
    metrics, entries = Metrics(), EntryLog(settings.entries)
    outbox = Outbox(settings.events, dated_by="observed_at")
    domains, key = load_catalog(), ensure_pseudonym_key(settings.keys)
    queues = {name: EventQueue(connection, name) for name in domains}
    consumers = {
        name: Consumer(
            queues[name],
            KeptDoor(
                partial(open_door, domain, store, entries=entries, outbox=outbox, pseudonym_key=key, clock=_now),
                lambda: stamp_of(settings.dbt_manifest),
                ticks=time.monotonic,
            ),
            name=f"{socket.gethostname()}:{os.getpid()}",
            report=metrics.reporter(name),
        )
        for name, domain in domains.items()
    }
    metrics.watch(queues, consumers)
    gate = Gate(settings.api_keys, clock=_now)
    return create_app(consumers, metrics, gate, new_request_id=lambda: uuid.uuid4().hex)


def _now() -> datetime:
    return datetime.now(UTC)
