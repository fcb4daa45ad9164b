"""The application: the declared operations, their OpenAPI document, and the page that shows it."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from services.api.calls import PREFIX, Api
from services.api.guard import endpoint
from services.api.openapi import TITLE, openapi_document
from services.api.routes import OPERATIONS
from services.web.envelope import HANDLERS, Envelope
from services.web.pages import page_routes

_FOLDER = PREFIX.split("/")[1]


def create_api(api: Api, *, new_request_id: Callable[[], str]) -> Starlette:
    """
    Put the application together; nothing is opened before the first request.

    Args:
        api: What operations work with.
        new_request_id: Names a request that comes without an ``X-Request-ID``.
    """
    document = openapi_document(tuple(api.domains))

    async def openapi(_: Request) -> Response:
        return JSONResponse(document)

    app = Starlette(
        routes=[
            *(
                Route(f"{PREFIX}{operation.path}", endpoint(operation, api), methods=[operation.method])
                for operation in OPERATIONS
            ),
            Route(f"{PREFIX}/openapi.json", openapi),
            *page_routes(TITLE, prefix=PREFIX, expansion="list"),
        ],
        exception_handlers=HANDLERS,
    )
    app.router.redirect_slashes = False  # a redirect would be sent to whatever host the caller names
    app.add_middleware(Envelope, new_request_id=new_request_id)
    return app


def beside(pages: ASGIApp, api: ASGIApp) -> ASGIApp:
    """
    One application of two: the API below its own folder, pages everywhere else.

    What guards pages (cookies, forms) does not stand before the API, and its keys open no page.
    """

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        is_api = scope["type"] == "http" and scope["path"].split("/")[1:2] == [_FOLDER]
        await (api if is_api else pages)(scope, receive, send)

    return serve
