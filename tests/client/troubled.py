"""A service that answers as it is told: refusals, broken connections, answers that come late."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

DECISION: dict[str, Any] = {
    "decision_id": "d-1", "subject": "s-1", "score": 0.5, "outcome": "approve", "basis": "expected_cost",
    "expected_costs": None, "changed_by": None, "exploration": None, "rules_hit": [], "shadow": None,
    "reasons": [{"feature": "f", "value": 1.0, "contribution": 0.25, "description": "A feature."}],
    "model_version": "7", "policy_version": "p", "rules_version": None, "degraded": False,
    "features": {"view": {"observed_at": "2026-01-15T11:58:02Z", "age_seconds": 1.5, "status": "fresh"}},
    "decided_at": "2026-01-15T12:30:00.412377Z", "added_in_a_later_release": {"anything": 1},
}  # fmt: skip


@dataclass(frozen=True)
class Says:
    """One answer; ``hangs_up`` is none, and ``late`` seconds pass before it."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    hangs_up: bool = False
    late: float = 0.0


def problem(status: int, code: str, **headers: str) -> Says:
    """A refusal as the service gives it."""
    errors = [{"field": "amount", "expected": "a value", "found": "nothing"}] if status == 422 else []
    body = {"type": code, "title": code, "status": status, "detail": f"It is {code}.", "code": code, "errors": errors}
    return Says(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


@dataclass
class Asked:
    """A request that came, and from which port of the caller."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    port: int


class Troubled(ThreadingHTTPServer):
    """Gives its answers one after the other, the last one again and again."""

    daemon_threads = True

    def __init__(self, answers: Sequence[Says | Callable[[bytes], Says]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[Asked] = []
        self._answers, self._lock = list(answers), Lock()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def next(self, asked: Asked) -> Says:
        """The next answer."""
        with self._lock:
            self.asked.append(asked)
            answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return answer if isinstance(answer, Says) else answer(asked.body)


@contextmanager
def troubled(*answers: Says | Callable[[bytes], Says]) -> Iterator[Troubled]:
    """A service that gives these answers."""
    server = Troubled(answers)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Troubled

    def do_POST(self) -> None:
        """Answer."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        says = self.server.next(Asked(self.path, dict(self.headers), body, self.client_address[1]))
        time.sleep(says.late)
        if says.hangs_up:
            self.close_connection = True
            return
        content = says.body if isinstance(says.body, bytes) else json.dumps(says.body).encode()
        self.send_response(says.status)
        for name, value in {"Content-Length": str(len(content)), "X-Request-ID": "r-1", **says.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        """Answer what has no body."""
        self.do_POST()

    def log_message(self, *_: object) -> None:
        """Say nothing."""
