"""Around every request: its id, the headers of every answer, and one format for whatever is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.web.logs import REQUEST_ID, where_raised
from services.web.problems import Code, RefusalError

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SAFE_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
]
_UNHANDLED = "The service made a mistake; its log has it under this request's id."
_log = structlog.get_logger("web.envelope")


class Envelope:
    """
    Middleware around an application.

    Args:
        app: The application.
        new_request_id: Names a request that comes without an ``X-Request-ID``.
    """

    def __init__(self, app: ASGIApp, new_request_id: Callable[[], str]) -> None:
        self._app = app
        self._new_request_id = new_request_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = self._request_id(scope)
        status = 0

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *_SAFE_HEADERS, (b"x-request-id", request_id.encode())]
            await send(message)

        token = REQUEST_ID.set(request_id)
        try:
            await self._app(scope, receive, send_marked)
        except Exception as error:  # noqa: BLE001 - the last place where a mistake can be answered
            # Not the message, which may repeat what was sent.
            _log.error("mistake", error=type(error).__name__, where=where_raised(error))
            if not status:
                await RefusalError("internal", _UNHANDLED).response()(scope, receive, send_marked)
        finally:
            if status >= 400:  # noqa: PLR2004
                _log.info("refused", status=status)
            REQUEST_ID.reset(token)

    def _request_id(self, scope: Scope) -> str:
        for name, value in scope["headers"]:
            if name == b"x-request-id" and _REQUEST_ID.fullmatch(text := value.decode("latin-1")):
                return str(text)
        return self._new_request_id()


async def _refuse(_: Request, error: Exception) -> Response:
    if not isinstance(error, RefusalError):
        raise error
    return error.response()


async def _refuse_http(_: Request, error: Exception) -> Response:
    """Starlette's own refusals (no such route, wrong method) in our format."""
    if not isinstance(error, HTTPException):
        raise error
    is_method = error.status_code == 405  # noqa: PLR2004
    code: Code = "method_not_allowed" if is_method else "not_found"
    detail = "This address takes another method." if is_method else "There is nothing at this address."
    return RefusalError(code, detail, headers=dict(error.headers or {})).response()


#: Of an application's exceptions.
HANDLERS: Mapping[Any, Any] = {RefusalError: _refuse, HTTPException: _refuse_http}
