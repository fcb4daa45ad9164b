"""The consumer's web application: health, readiness and metrics, around threads that consume."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Mapping

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from riskloom.access import METRICS
from riskloom.intake.consumer import Consumer
from services.consumer.metrics import Metrics
from services.web.envelope import HANDLERS, Envelope
from services.web.gate import Gate
from services.web.logs import configure_logs

#: A batch ends within this time; a consumer that takes longer is left to those that claim what it held.
_PATIENCE_SECONDS = 10


def create_app(
    consumers: Mapping[str, Consumer], metrics: Metrics, gate: Gate, *, new_request_id: Callable[[], str]
) -> Starlette:
    """
    Put the application together; consumers work while its lifespan lasts.

    Args:
        consumers: By domain.
        metrics: Where they count.
        gate: Who may read metrics.
        new_request_id: Names a request that comes without an ``X-Request-ID``.
    """

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def readyz(_: Request) -> Response:
        states = {name: "ready" if consumer.is_working else "waiting" for name, consumer in consumers.items()}
        is_ready = "ready" in states.values()
        body = {"state": "ready" if is_ready else "not_ready", "domains": states}
        return JSONResponse(body, status_code=200 if is_ready else 503, headers={"Cache-Control": "no-store"})

    async def read_metrics(request: Request) -> Response:
        gate.refresh()
        gate.require(gate.admit(request), METRICS)
        return await asyncio.to_thread(metrics.response)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        configure_logs()
        stop = threading.Event()
        threads = [
            threading.Thread(target=consumer.follow, args=(stop,), name=f"events-{name}", daemon=True)
            for name, consumer in consumers.items()
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                await asyncio.to_thread(thread.join, _PATIENCE_SECONDS)

    routes = [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", read_metrics)]
    app = Starlette(routes=routes, exception_handlers=HANDLERS, lifespan=lifespan)
    app.router.redirect_slashes = False
    app.add_middleware(Envelope, new_request_id=new_request_id)
    return app
