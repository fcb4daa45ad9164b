"""A home that is ready to decide: marts, a champion, full windows on Redis and on SQLite, keys and events to send."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from benchmarks.champion import champion
from benchmarks.services import free_port
from benchmarks.serving.load import AT, ID
from benchmarks.workbench import Built, Workbench
from riskloom.access import METRICS, create_key, score_scope
from riskloom.features import catch_up, materialise, open_store
from riskloom.pseudonyms import Pseudonyms, ensure_pseudonym_key
from riskloom.registry import LoadedModel
from riskloom.settings import Settings
from riskloom.stack.live import read_events
from riskloom.wiring import store_location

_TIME = "effective_at"


@dataclass(frozen=True, slots=True)
class Home:
    """
    What services and their peers are started on.

    Attributes:
        built: The home with its views.
        on_redis: Settings for a service on Redis, with ports of its own.
        on_sqlite: The same for a service on SQLite.
        model: The champion.
        key: An API key that may score the domain and read metrics.
        events: The newest events, to be sent again with the marks of ``load`` in the places of their id and time.
        known: The same events as the warehouse and Feast know them: whoever they name stands under a pseudonym.
    """

    built: Built
    on_redis: Settings
    on_sqlite: Settings
    model: LoadedModel
    key: str
    events: Sequence[Mapping[str, Any]]
    known: Sequence[Mapping[str, Any]]


def prepare_home(bench: Workbench, redis_url: str) -> Home:
    """A home with both online stores filled as of the simulation's end, which is this morning."""
    domain = bench.domain
    built = bench.built(_size(bench))
    model = champion(bench, built)
    on_sqlite = built.settings.model_copy(update={"scoring_port": free_port()})
    redis = {"online_store": "redis", "redis_url": SecretStr(redis_url)}
    ports = {"scoring_port": free_port(), "scoring_direct_port": free_port()}
    on_redis = built.settings.model_copy(update=redis | ports)
    for settings in (on_redis, on_sqlite):
        _fill(bench, built, settings)
    scopes = [score_scope(domain.name), METRICS]
    key = create_key(
        built.settings.api_keys, "benchmarks", scopes, created_at=bench.end, secret=secrets.token_bytes(32)
    )
    events = _events(bench)
    pseudonyms = Pseudonyms(domain.event_table, ensure_pseudonym_key(built.settings.keys))
    return Home(built, on_redis, on_sqlite, model, key, events, [pseudonyms.replace(event) for event in events])


def made_now(event: Mapping[str, Any]) -> dict[str, Any]:
    """One of a home's events as a request of its own that is made now."""
    filled = {ID: f"probe-{secrets.token_hex(4)}", AT: datetime.now(UTC).isoformat()}
    return {name: filled.get(value, value) if isinstance(value, str) else value for name, value in event.items()}


def _size(bench: Workbench) -> int:
    return bench.size(400_000, 10_000)


def _fill(bench: Workbench, built: Built, settings: Settings) -> None:
    """Windows up to the build, and the views that are looked up as of then."""
    location = store_location(settings)
    bench.say(f"  filling {settings.online_store}")
    catch_up(
        bench.domain,
        location,
        marts=settings.marts,
        entries=settings.entries,
        as_of=built.as_of,
        now=built.as_of,
        threads=settings.duckdb_threads,
        memory=settings.duckdb_memory,
    )
    materialise(open_store(location), bench.domain, built.views, as_of=built.as_of)


def _events(bench: Workbench) -> list[dict[str, Any]]:
    """The newest half of the simulated events; all of their entities have windows."""
    key, size = bench.domain.subject.key, _size(bench)
    newest = read_events(bench.domain, bench.simulated(size).folder, sys.maxsize)[-size // 2 :]
    # wrk's script fills in the first mark before the second
    return [
        {key: ID, **{name: event[name] for name in event if name not in {key, _TIME}}, _TIME: AT} for event in newest
    ]
