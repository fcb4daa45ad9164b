"""The web application: routes, one answer format, a request id for each request."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from riskloom.access import METRICS, score_scope
from riskloom.contracts.rows import RowReader
from services.scoring.batch import batch_endpoint
from services.scoring.bulkhead import Bulkhead
from services.scoring.decisions import Decision
from services.scoring.direct import listening
from services.scoring.events import events_endpoint
from services.scoring.metrics import NO_DOMAIN, NO_OUTCOME
from services.scoring.openapi import TITLE, openapi_document
from services.scoring.runtime import Runtime
from services.scoring.schema import read_event, request_reader
from services.web.body import read_json
from services.web.envelope import HANDLERS, Envelope
from services.web.exact import Endpoint, Exact
from services.web.logs import configure_logs
from services.web.pages import page_routes
from services.web.problems import RefusalError

DECIDE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Direct:
    """Where the direct listener is."""

    host: str
    port: int


def create_app(runtime: Runtime, *, new_request_id: Callable[[], str], direct: Direct | None = None) -> Starlette:
    """
    Put the web application together; nothing is opened before its lifespan begins.

    Args:
        runtime: What the service holds.
        new_request_id: Names a request that comes without an ``X-Request-ID``.
        direct: Where to listen besides, without BentoML's server; nowhere by default.
    """
    readers = {name: request_reader(domain) for name, domain in runtime.domains.items()}
    document = openapi_document(runtime.domains)

    async def openapi(_: Request) -> Response:
        return JSONResponse(document)

    async def to_page(_: Request) -> Response:
        return RedirectResponse("/docs")

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        configure_logs()
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(runtime.running())
            if direct is not None:
                await stack.enter_async_context(listening(app, host=direct.host, port=direct.port))
            yield

    scores = {
        f"/v1/domains/{name}/score": score_endpoint(runtime, name, reader) for name, reader in readers.items()
    }  # fmt: skip
    app = Starlette(
        routes=[
            *(Route(path, endpoint, methods=["POST"]) for path, endpoint in scores.items()),
            *(
                Route(
                    f"/v1/domains/{name}/score/batch",
                    batch_endpoint(runtime, name, readers[name], on_decision=partial(count_decision, runtime, name)),
                    methods=["POST"],
                )
                for name in readers
            ),
            *(
                Route(f"/v1/domains/{name}/events", events_endpoint(runtime, name), methods=["POST"])
                for name in readers
            ),
            Route("/v1/domains/{domain}/score", unknown_domain_endpoint(runtime), methods=["POST"]),
            Route("/v1/domains/{domain}/score/batch", unknown_domain_endpoint(runtime), methods=["POST"]),
            Route("/v1/domains/{domain}/events", unknown_domain_endpoint(runtime), methods=["POST"]),
            *operation_routes(runtime),
            Route("/openapi.json", openapi),
            *page_routes(TITLE),
            Route("/", to_page),
        ],
        exception_handlers=HANDLERS,
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # a redirect would be sent to whatever host the caller names
    app.add_middleware(Exact, endpoints={("POST", path): endpoint for path, endpoint in scores.items()})
    app.add_middleware(Envelope, new_request_id=new_request_id)
    return app


def score_endpoint(runtime: Runtime, domain: str, reader: RowReader) -> Endpoint:
    """The endpoint that decides one domain's events."""
    bulkhead = Bulkhead()

    async def decide(request: Request) -> Decision:
        runtime.gate.require(runtime.gate.admit(request), score_scope(domain))
        event = read_event(reader, await read_json(request))
        try:
            with bulkhead.place():
                async with asyncio.timeout(DECIDE_SECONDS):
                    return await runtime.deciders[domain].decide(event)
        except TimeoutError:
            raise RefusalError("timeout", f"No decision within {DECIDE_SECONDS:g} s.") from None

    async def score(request: Request) -> Response:
        started, status, outcome = runtime.ticks(), 500, NO_OUTCOME
        try:
            decision = await decide(request)
            status, outcome = 200, decision.outcome
            count_decision(runtime, domain, decision)
            return Response(decision.model_dump_json(), media_type="application/json")
        except RefusalError as refusal:
            status = refusal.status
            raise
        finally:
            runtime.metrics.requests.labels(domain, outcome, str(status)).inc()
            runtime.metrics.latency.labels(domain).observe(runtime.ticks() - started)

    return score


def unknown_domain_endpoint(runtime: Runtime) -> Endpoint:
    """The endpoint for every other domain's name: known callers learn that it is unknown."""

    async def refuse(request: Request) -> Response:
        try:
            runtime.gate.admit(request)
            known = ", ".join(runtime.domains)
            raise RefusalError("unknown_domain", f"There is no such domain; there are: {known}.")
        except RefusalError as refusal:
            runtime.metrics.requests.labels(NO_DOMAIN, NO_OUTCOME, str(refusal.status)).inc()
            raise

    return refuse


def operation_routes(runtime: Runtime) -> list[Route]:
    """Health, readiness and metrics."""

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def readyz(_: Request) -> Response:
        found = runtime.readiness()
        status = 503 if found.state == "not_ready" else 200
        return JSONResponse(found.model_dump(mode="json"), status_code=status, headers={"Cache-Control": "no-store"})

    async def metrics(request: Request) -> Response:
        runtime.gate.require(runtime.gate.admit(request), METRICS)
        return runtime.metrics.response()

    return [Route("/healthz", healthz), Route("/livez", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]


def count_decision(runtime: Runtime, domain: str, decision: Decision) -> None:
    """Count what a decision saw, what hit it, and what it lacks."""
    count_features(runtime, domain, decision)
    count_rules(runtime, domain, decision)
    if decision.reasons_left_out:
        runtime.metrics.reasons_left_out.labels(domain).inc()


def count_features(runtime: Runtime, domain: str, decision: Decision) -> None:
    """Count how fresh the views of a decision were."""
    for view, freshness in decision.features.items():
        runtime.metrics.features.labels(domain, view, freshness.status).inc()
    if decision.degraded:
        runtime.metrics.degraded.labels(domain).inc()


def count_rules(runtime: Runtime, domain: str, decision: Decision) -> None:
    """Count which rules hit a decision, in effect or in shadow."""
    shadow = decision.shadow.rules_hit if decision.shadow else ()
    for hit in (*decision.rules_hit, *shadow):
        runtime.metrics.rule_hits.labels(domain, hit.rule, hit.stage).inc()
