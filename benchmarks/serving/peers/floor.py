"""The least that uvicorn takes: a body is read, and always the same is answered; started as a factory."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

#: How many bytes it answers with.
SIZE = "BENCHMARK_ANSWER_BYTES"

_EMPTY = '{"padding":""}'

App = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


def build() -> App:
    """The application: it answers any request with JSON of so many bytes."""
    padding = "x" * (int(os.environ[SIZE]) - len(_EMPTY))
    body = _EMPTY.replace('""', f'"{padding}"').encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    start = {"type": "http.response.start", "status": 200, "headers": headers}
    rest = {"type": "http.response.body", "body": body}

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ARG001 - every ASGI callable takes it
        is_whole = False
        while not is_whole:
            is_whole = not (await receive()).get("more_body", False)
        await send(start)
        await send(rest)

    return app
