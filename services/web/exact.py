"""Requests whose address is known exactly go straight to their endpoint; patterns are tried for the rest."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from services.web.problems import RefusalError

Endpoint = Callable[[Request], Awaitable[Response]]


class Exact:
    """
    Middleware inside the :class:`services.web.envelope.Envelope`.

    Args:
        app: The application with all routes, these among them.
        endpoints: By method and path.
    """

    def __init__(self, app: ASGIApp, endpoints: Mapping[tuple[str, str], Endpoint]) -> None:
        self._app = app
        self._endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        endpoint = None
        if scope["type"] == "http" and not scope.get("root_path"):
            endpoint = self._endpoints.get((scope["method"], scope["path"]))
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        try:
            response = await endpoint(Request(scope, receive, send))
        except RefusalError as refusal:
            response = refusal.response()
        await response(scope, receive, send)
