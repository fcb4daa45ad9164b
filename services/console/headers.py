"""What every answer of the console carries, and the answer where we made a mistake."""

from __future__ import annotations

import logging
import traceback

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Scripts, styles and pictures come from here only, nothing stands in the page itself, and nobody frames it.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
]
_HSTS = (b"strict-transport-security", b"max-age=31536000")
_NOT_KEPT = (b"cache-control", b"no-store")
_FAILED = (
    "The console made a mistake; its log says where. Nothing of what you sent was kept: go back and send it again.\n"
)
_log = logging.getLogger("services.console")


class SafeHeaders:
    """Around every request: headers, and a plain answer to what nobody expected."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def send_safe(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                message["headers"] = [*message["headers"], *_added(scope, message["headers"])]
            await send(message)

        try:
            await self._app(scope, receive, send_safe)
        except Exception as error:  # noqa: BLE001 - the last place where a mistake can be answered
            # Not the message, which may repeat what was typed.
            where = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
            _log.error("%s %s: %s at %s", scope["method"], scope["path"], type(error).__name__, " > ".join(where))
            if not has_begun:
                await PlainTextResponse(_FAILED, status_code=500)(scope, receive, send_safe)


def _added(scope: Scope, present: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Pages hold what only who is logged in may see, so nobody keeps them; files say themselves how long."""
    added = list(_HEADERS)
    if scope["scheme"] == "https":
        added.append(_HSTS)
    if not any(name == b"cache-control" for name, _ in present):
        added.append(_NOT_KEPT)
    return added
