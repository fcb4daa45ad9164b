"""
What BentoML starts: ``bentoml serve services.scoring.service:Scoring``.

BentoML finds a service by importing its module, so this is the one module here that reads settings and declarations
when it is imported; it opens nothing before the worker's lifespan begins. BentoML runs the worker; every request goes
to our application directly. BentoML's own endpoints are out of reach by that: its index page loads a tracking script
and its metrics and schema are open to anybody.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

import bentoml
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from riskloom.catalog import load_catalog
from riskloom.features import StoreLocation
from riskloom.keyfile import ensure_key
from riskloom.pseudonyms import ensure_pseudonym_key
from riskloom.registry import ModelStore
from riskloom.settings import Settings, load_settings
from services.scoring.app import Direct, create_app
from services.scoring.backend import SignedBackend
from services.scoring.runtime import Runtime
from services.web.ids import new_ids

#: Above every limit of ours: BentoML's timeout answers only where ours failed to.
BACKSTOP_SECONDS = 10


def now() -> datetime:
    """The time."""
    return datetime.now(UTC)


def build_app(settings: Settings) -> Starlette:
    """The application over what the settings point to."""
    domains = load_catalog()
    is_redis = settings.online_store == "redis"
    store = StoreLocation(
        repo=settings.project / "feature_repo",
        registry=settings.feast_registry,
        online=settings.redis_url.get_secret_value() if is_redis else settings.feast_online,
        manifest=settings.dbt_manifest,
    )
    backend = SignedBackend(
        domains,
        registry=settings.registry,
        models=ModelStore(home=settings.bentoml_home, keys=settings.keys),
        rules=settings.rules,
        store=store,
        entries=settings.entries,
        events=settings.events,
        clock=now,
    )
    runtime = Runtime(
        domains,
        backend,
        decisions=settings.decisions,
        shadows=settings.shadows,
        keys=settings.api_keys,
        release_secret=lambda: ensure_key(settings.release_secret, purpose="releases"),
        pseudonym_key=lambda: ensure_pseudonym_key(settings.keys),
        clock=now,
        ticks=time.perf_counter,
        new_id=new_ids(),
    )
    port = settings.scoring_direct_port
    direct = None if port is None else Direct(settings.host, port)
    return create_app(runtime, new_request_id=new_ids(), direct=direct)


class Straight:
    """Send every request to our application, past BentoML's routes."""

    def __init__(self, app: ASGIApp, target: ASGIApp) -> None:
        self._app = app
        self._target = target

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection; what is no HTTP request (BentoML's lifespan) stays BentoML's."""
        await (self._target if scope["type"] in {"http", "websocket"} else self._app)(scope, receive, send)


_app = build_app(load_settings())


@bentoml.asgi_app(_app, path="/")
class _Service:
    """Score events of every declared domain."""


Scoring = bentoml.service(
    name="riskloom_scoring",
    workers=1,  # counters, champions and the outbox belong to one process; start more services to use more cores
    traffic={"timeout": BACKSTOP_SECONDS},
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
    tracing={"excluded_urls": ["."]},  # else a span is made of each request and thrown away, which takes a while
    http={"host": "127.0.0.1"},
    envs=[{"name": "OTEL_SDK_DISABLED", "value": "true"}],
)(_Service)
Scoring.add_asgi_middleware(Straight, target=_app)
