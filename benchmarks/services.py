"""A service in a process of its own, for as long as it is measured."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from riskloom.stack.services import Service
from riskloom.stack.supervisor import Supervisor


@contextmanager
def running(service: Service, *, folder: Path, project: Path, say: Callable[[str], None]) -> Iterator[None]:
    """The service while the block lasts, from when it is ready."""
    supervisor = Supervisor(home=folder, project=project)
    try:
        supervisor.up([service], lambda name, what: say(f"  {name}: {what}"))
        yield
    finally:
        supervisor.down()


def free_port() -> int:
    """A port of this machine's own network that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
