"""The web application: the declared routes, and what stands around every one of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool

from services.console.guard import missing_page, route
from services.console.headers import SafeHeaders
from services.console.rendering import prepare
from services.console.routes import GRANTS
from services.console.visit import Console


def create_app(console: Console) -> Starlette:
    """Put the application together; the ledger is not opened before the first request."""
    prepare()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(console.trials.close)

    app = Starlette(
        routes=[route(grant, console) for grant in GRANTS],
        exception_handlers={404: missing_page(console)},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # a redirect would be sent to whatever host the caller names
    app.add_middleware(SafeHeaders)
    return app
