"""The connection that requests share, on the event loops that serve: asyncio's own, and uvloop's under BentoML."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from riskloom.errors import StateUnavailableError
from riskloom.reading.redis_pipe import RedisPipe

pytestmark = pytest.mark.needs("redis-server")

NewLoop = Callable[[], asyncio.AbstractEventLoop]
on_both_loops = pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])


@on_both_loops
def test_requests_are_answered_in_turn(redis_server: str, new_loop: NewLoop) -> None:
    """Two at once share the connection, and each has its own replies."""

    async def ask() -> tuple[list[object], list[object]]:
        pipe = await RedisPipe.connect(redis_server, patience=5)
        try:
            first, second = [[b"ECHO", b"a"], [b"ECHO", b"b"]], [[b"ECHO", b"c"]]
            both = await asyncio.gather(pipe.request(first), pipe.request(second))
            return both[0], both[1]
        finally:
            pipe.close()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(ask()) == ([b"a", b"b"], [b"c"])


@on_both_loops
def test_what_takes_too_long_breaks_the_connection(redis_server: str, new_loop: NewLoop) -> None:
    """The late answer could meet a later request, so there is none: whoever asks next has to connect anew."""

    async def ask() -> bool:
        pipe = await RedisPipe.connect(redis_server, patience=0.1)
        with pytest.raises(StateUnavailableError, match="no answer in time"):
            await pipe.request([[b"BLPOP", b"a-list-that-stays-empty", b"1"]])
        return pipe.is_open

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(ask()) is False
