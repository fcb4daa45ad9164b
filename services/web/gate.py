"""Who may ask: API keys from a file that is looked at again while the service runs, so a revoked key stops working."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import structlog
from starlette.requests import Request

from riskloom.access import ApiKey, KeyRing, load_keys
from riskloom.errors import ConfigError
from services.web.problems import RefusalError

_CHALLENGE = {"WWW-Authenticate": "Bearer"}
_MAX_KEY = 256  # characters; a longer one is none of ours and is not hashed
_log = structlog.get_logger("web.gate")


class Gate:
    """
    Check keys and their scopes; closed while the key file cannot be trusted.

    Args:
        path: The key file.
        clock: The time, timezone-aware.
    """

    def __init__(self, path: Path, *, clock: Callable[[], datetime]) -> None:
        self.is_trusted = True
        self._path = path
        self._clock = clock
        self._ring = KeyRing()
        self._seen: dict[str, ApiKey] = {}  # keys that were found in the ring; hashing takes longer than all else here
        self._stamp: object = None

    def refresh(self) -> None:
        """Read the key file again where it has changed; one that cannot be trusted closes the gate."""
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        try:
            self._ring, self.is_trusted = load_keys(self._path), True
        except ConfigError:
            self._ring, self.is_trusted = KeyRing(), False
            _log.exception("api_keys_refused")
        else:
            _log.info("api_keys_read", keys=len(self._ring.keys))
        self._seen.clear()
        self._stamp = stamp

    def admit(self, request: Request) -> ApiKey:
        """
        The key a request came with, in ``Authorization: Bearer …`` or ``X-API-Key``.

        Raises:
            RefusalError: No key, two keys, or one that was not given out or whose time is over.
        """
        presented = _presented(request)
        key = self._find(presented) if presented and len(presented) <= _MAX_KEY else None
        if key is None:
            message = "Send a valid API key: Authorization: Bearer <key>, or X-API-Key: <key>."
            raise RefusalError("unauthenticated", message, headers=_CHALLENGE)
        if key.is_expired(self._clock()):
            raise RefusalError("unauthenticated", "The time of this API key is over.", headers=_CHALLENGE)
        return key

    def _find(self, presented: str) -> ApiKey | None:
        key = self._seen.get(presented)
        if key is None and (key := self._ring.find(presented)) is not None:
            self._seen[presented] = key
        return key

    def require(self, key: ApiKey, scope: str) -> None:
        """
        Let a key pass that was granted the scope.

        Raises:
            RefusalError: It was not.
        """
        if not key.may(scope):
            raise RefusalError("forbidden", f"This key was not granted the scope {scope}.")


def _presented(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else None
    header = request.headers.get("x-api-key")
    # Two different keys at once: which one is meant is not for us to choose.
    if bearer is not None and header is not None and bearer != header:
        return None
    return bearer if bearer is not None else header


def _stamp(path: Path) -> object:
    try:
        found = path.stat()
    except OSError as error:
        return error.errno
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size)
