"""Bad input over real connections: BentoML's listener and the direct one refuse it alike, and go on."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from riskloom.catalog import Domain
from tests.services.conftest import Server, event
from tests.services.world import CALM

_LARGE = 30_000_000
_CHUNK = b" " * 65_536


@dataclass(frozen=True)
class Listener:
    """One of the two: its address, and the domain that is asked about."""

    url: str
    server: Server
    domain: Domain

    @property
    def path(self) -> str:
        """Of the domain's decisions."""
        return f"/v1/domains/{self.domain.name}/score"

    def head(self, *more: str) -> bytes:
        """The head of a request, with further lines."""
        authorization = self.server.world.auth()["Authorization"]
        lines = (f"POST {self.path} HTTP/1.1", "Host: scoring.test", "Content-Type: application/json", *more)
        return "\r\n".join([*lines, f"Authorization: {authorization}", "", ""]).encode()

    def connect(self) -> socket.socket:
        """A connection to it."""
        host, port = self.url.removeprefix("http://").split(":")
        return socket.create_connection((host, int(port)), timeout=20)

    def is_alive(self) -> bool:
        """Whether it still answers others."""
        return httpx.get(f"{self.url}/healthz", timeout=20).status_code == 200


@pytest.fixture(params=["mount", "direct"])
def listener(request: pytest.FixtureRequest, server: Server, domain: Domain) -> Listener:
    """Each listener of one worker in turn."""
    return Listener(server.url if request.param == "mount" else server.direct_url, server, domain)


def answer(connection: socket.socket) -> bytes:
    """All that comes until the connection is closed, or was broken off by the other side."""
    found = b""
    try:
        while chunk := connection.recv(65_536):
            found += chunk
    except ConnectionError:
        return found
    return found


def sent(connection: socket.socket, chunks: Iterator[bytes]) -> int:
    """How many bytes went out before the other side would have no more."""
    count = 0
    try:
        for chunk in chunks:
            connection.sendall(chunk)
            count += len(chunk)
    except ConnectionError:
        return count
    return count


def test_a_body_of_30_mb_is_refused_by_its_header(listener: Listener) -> None:
    """It is answered before it is read, and the connection is closed."""
    with listener.connect() as connection:
        connection.sendall(listener.head(f"Content-Length: {_LARGE}"))
        found = answer(connection)
    assert found.startswith(b"HTTP/1.1 413 ")
    assert b"body_too_large" in found


def test_a_body_of_30_mb_that_does_not_say_so_is_not_read(listener: Listener) -> None:
    """In chunks without a length: the worker takes what it allows and closes; it does not hold the rest in memory."""
    chunk = b"%x\r\n%b\r\n" % (len(_CHUNK), _CHUNK)
    with listener.connect() as connection:
        connection.sendall(listener.head("Transfer-Encoding: chunked"))
        count = sent(connection, (chunk for _ in range(_LARGE // len(_CHUNK))))
        found = answer(connection)
    # where the refusal was lost with the connection, that it was cut off is the refusal
    assert found.startswith(b"HTTP/1.1 413 ") or (not found and count < _LARGE)
    assert listener.is_alive()


def test_a_body_a_byte_at_a_time_is_cut_off(listener: Listener) -> None:
    """Bytes that keep coming do not keep the clock from running out; others are answered meanwhile."""
    with listener.connect() as connection:
        connection.sendall(listener.head("Content-Length: 1000"))

        def slowly() -> Iterator[bytes]:
            for _ in range(20):
                yield b" "
                time.sleep(0.2)

        assert listener.is_alive()
        sent(connection, slowly())
        found = answer(connection)
    assert found.startswith(b"HTTP/1.1 408 ")
    assert b"body_timeout" in found


def test_a_body_that_is_broken_off_leaves_nothing_behind(listener: Listener) -> None:
    """A caller that goes in the middle of its body is forgotten."""
    with listener.connect() as connection:
        connection.sendall(listener.head("Content-Length: 1000") + b'{"a":')
    assert listener.is_alive()


@pytest.mark.parametrize(
    ("raw", "kind", "status", "code"),
    [
        ('{"amount": NaN}', "application/json", 400, "invalid_json"),
        ('{"amount": Infinity}', "application/json", 400, "invalid_json"),
        ('{"amount": -Infinity}', "application/json", 400, "invalid_json"),
        ('{"a": 1, "a": 2}', "application/json", 400, "invalid_json"),
        ("[" * 60_000, "application/json", 400, "invalid_json"),
        ("{}", "text/plain", 415, "unsupported_media_type"),
        ("a=1", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        ("{}", "application/json; charset=utf-16", 415, "unsupported_media_type"),
        ("{}", "application/json", 422, "invalid_request"),
    ],
)
def test_what_is_no_event(listener: Listener, raw: str, kind: str, status: int, code: str) -> None:
    """Refused with one meaning, and the connection goes on where the body was read."""
    headers = {**listener.server.world.auth(), "Content-Type": kind}
    with httpx.Client(base_url=listener.url, timeout=20) as caller:
        refused = caller.post(listener.path, content=raw.encode(), headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (status, code)
        good = json.dumps(event(listener.domain, CALM)).encode()
        headers["Content-Type"] = "application/json"
        assert caller.post(listener.path, content=good, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("key", "name", "status", "code"),
    [
        (None, None, 401, "unauthenticated"),
        (None, "no_such_domain", 401, "unauthenticated"),
        ("scorer", "no_such_domain", 404, "unknown_domain"),
        ("elsewhere", None, 403, "forbidden"),
        ("scraper", None, 403, "forbidden"),
    ],
)
def test_who_may_not_ask(listener: Listener, key: str | None, name: str | None, status: int, code: str) -> None:
    """Without a key nothing is said; an unknown domain and a missing scope are told to a key that is known."""
    headers = listener.server.world.auth(key) if key else {}
    path = f"/v1/domains/{name or listener.domain.name}/score"
    refused = httpx.post(f"{listener.url}{path}", json={}, headers=headers, timeout=20)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
