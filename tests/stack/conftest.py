"""A small service that behaves as the tests ask it to, in place of ones that take half a minute to start."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from riskloom.stack.services import Service
from riskloom.stack.supervisor import Supervisor
from tests.conftest import free_port

#: Serves ``/health`` and starts three children: an ordinary one, one in a process group of its own (as Airflow's tasks
#: are), and one in a session of its own. With ``deaf`` nobody of them listens to SIGTERM.
SERVICE = """
import http.server, os, signal, subprocess, sys, time
port, deaf = int(sys.argv[1]), sys.argv[2] == "deaf"
if deaf:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
sleep = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
for options in ({}, {"process_group": 0}, {"start_new_session": True}):
    subprocess.Popen([sys.executable, "-c", sleep if deaf else "import time; time.sleep(600)"], **options)

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'{"well": {"status": "healthy"}, "ill": {"status": "unhealthy"}}'
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

print("listening", os.environ.get("SECRET"), flush=True)
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""

Make = Callable[..., Service]


@pytest.fixture
def make_service(tmp_path: Path) -> Make:
    """Declare a small service: ``make_service("name", deaf=False, part=None)``."""
    script = tmp_path / "service.py"
    script.write_text(SERVICE, encoding="utf-8")

    def make(
        name: str, *, is_deaf: bool = False, part: str | None = None, secrets: dict[str, Path] | None = None
    ) -> Service:
        port = free_port()
        return Service(
            name=name,
            command=(sys.executable, str(script), str(port), "deaf" if is_deaf else "listening"),
            environment={"PATH": "/usr/bin:/bin"},
            health=f"http://127.0.0.1:{port}/health",
            host="127.0.0.1",
            part=part,
            port=port,
            port_setting=f"RISKLOOM_{name.upper()}_PORT",
            secrets=secrets or {},
        )

    return make


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    """A supervisor of a home of its own; what a failing test leaves running is stopped."""
    made = Supervisor(home=tmp_path / "home", project=tmp_path, patience=10, grace=2)
    yield made
    made.down()
