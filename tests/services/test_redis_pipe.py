"""The connection to Redis under each event loop that the service runs on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from riskloom.reading.redis_pipe import RedisPipe

_PATIENCE = 10.0


@pytest.mark.needs("redis-server")
@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_it_answers_under_either_loop(redis_server: str, new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """Tests run on asyncio's loop and BentoML's worker on uvloop, whose transports are none of asyncio's classes."""

    async def ping() -> list[object]:
        pipe = await RedisPipe.connect(redis_server, patience=_PATIENCE)
        try:
            return await pipe.request([(b"PING",), (b"ECHO", b"here")])
        finally:
            pipe.close()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(ping()) == [b"PONG", b"here"]
