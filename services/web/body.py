"""Read a request's body: bounded before it is read, and JSON in the strict sense of RFC 8259."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import ClientDisconnect, Request

from riskloom.contracts.json_text import JsonTextError, parse_json
from services.web.problems import RefusalError

MAX_BYTES = 64 * 1024
READ_SECONDS = 2.0
_CLOSE = {"Connection": "close"}  # the rest of the body is not read


async def read_json(request: Request, *, max_bytes: int = MAX_BYTES) -> Any:
    """
    The body's content: str, int, Decimal, bool, None, list and dict.

    Args:
        request: As it comes.
        max_bytes: A body with more is not read.

    Raises:
        RefusalError: Not JSON by its type or its text, too large, or not here in time.
    """
    return parse(await read_body(request, max_bytes=max_bytes))


async def read_body(request: Request, *, max_bytes: int) -> bytes:
    """
    The body that says of itself that it is JSON, for a caller that parses it.

    Raises:
        RefusalError: Not JSON by its type, too large, or not here in time.
    """
    _check_headers(request, max_bytes)
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await _read(request, max_bytes)
    except TimeoutError:
        raise RefusalError(
            "body_timeout", f"The body did not arrive within {READ_SECONDS:g} s.", headers=_CLOSE
        ) from None
    except ClientDisconnect:
        raise RefusalError("body_timeout", "The client left before the body arrived.", headers=_CLOSE) from None


def parse(body: bytes) -> Any:
    """
    Parse strict JSON: no duplicate keys, no NaN or Infinity, no number nobody could mean, no bottomless nesting.

    Raises:
        RefusalError: The text is not that.
    """
    try:
        return parse_json(body)
    except JsonTextError as error:
        raise RefusalError("invalid_json", f"The body cannot be read as JSON: {error}.") from None


def _check_headers(request: Request, max_bytes: int) -> None:
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if kind.strip().lower() != "application/json" or charset not in {"", "charset=utf-8"}:
        raise RefusalError("unsupported_media_type", "Expected Content-Type: application/json.", headers=_CLOSE)
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise RefusalError("unsupported_media_type", "Expected a body without Content-Encoding.", headers=_CLOSE)
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length[:20]) > max_bytes:
        raise _too_large(max_bytes)


async def _read(request: Request, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
    return bytes(body)


def _too_large(max_bytes: int) -> RefusalError:
    return RefusalError("body_too_large", f"The body is larger than {max_bytes} bytes.", headers=_CLOSE)
