"""
A second listener of the worker, which goes to the application without BentoML's server in between.

It is the same application: authentication, limits, metrics and answers are those of the first. What it leaves out is
BentoML's own middleware and timeout, which take longer than a decision does.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from starlette.types import ASGIApp

from riskloom.errors import ServiceError

_START_SECONDS = 10.0


class _Server(uvicorn.Server):
    """A server inside a process that has one already: signals are the other one's."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and tell."""
        await super().startup(sockets)
        self.listens.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield


@contextlib.asynccontextmanager
async def listening(app: ASGIApp, *, host: str, port: int) -> AsyncIterator[None]:
    """
    Listen while the block runs.

    Args:
        app: The application; its lifespan is not this listener's.
        host: The address.
        port: The port.

    Raises:
        ServiceError: Nobody can listen there.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        ws="none",
    )
    server = _Server(config)
    serving, listens = asyncio.create_task(_serve(server)), asyncio.create_task(server.listens.wait())
    try:
        await asyncio.wait({serving, listens}, timeout=_START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if not server.listens.is_set():
            raise ServiceError(f"the direct listener: expected to listen on {host}:{port}, found the port in use")
        yield
    finally:
        server.should_exit = True
        listens.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def _serve(server: uvicorn.Server) -> None:
    try:
        await server.serve()
    except SystemExit:  # uvicorn's way to say that it cannot listen
        return
