"""A console that a browser can reach."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from services.console.app import create_app
from services.console.visit import Console
from tests.conftest import free_port

_PATIENCE_SECONDS = 20


@contextmanager
def served(console: Console) -> Iterator[str]:
    """The address of a console that runs in a thread of this process."""
    with served_app(create_app(console)) as address:
        yield address


@contextmanager
def served_app(app: ASGIApp) -> Iterator[str]:
    """The address of an application that runs in a thread of this process."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not server.started:
        if time.monotonic() > deadline or not thread.is_alive():
            raise TimeoutError(f"the console did not listen on port {port} within {_PATIENCE_SECONDS} s")
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(_PATIENCE_SECONDS)
