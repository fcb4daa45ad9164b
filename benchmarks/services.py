"""A service, or a Redis, in a process of its own for as long as it is measured."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from riskloom.errors import ServiceError
from riskloom.stack.process import Running
from riskloom.stack.services import Service
from riskloom.stack.supervisor import Supervisor

#: Where a Redis listens in its folder, beside its port.
REDIS_SOCKET = "redis.sock"


@contextmanager
def running(service: Service, *, folder: Path, project: Path, say: Callable[[str], None]) -> Iterator[Running]:
    """The service while the block lasts, from when it is ready."""
    supervisor = Supervisor(home=folder, project=project)
    try:
        supervisor.up([service], lambda name, what: say(f"  {name}: {what}"))
        (process,) = supervisor.running()
        yield process
    finally:
        supervisor.down()


def free_port() -> int:
    """A port of this machine's own network that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running_redis(folder: Path) -> Iterator[str]:
    """A Redis of the benchmark's own, without persistence; gives its URL."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    command += ["--unixsocket", str(folder / REDIS_SOCKET), "--unixsocketperm", "700"]
    try:
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise ServiceError("redis-server: expected on PATH, found no such program") from error
    try:
        time.sleep(1)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(timeout=20)
