"""The soak: what its figures mean, and a short one of the real service."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from benchmarks.soak import outages, steady
from benchmarks.soak.load import Address, Heard, load
from benchmarks.soak.memory import Memory
from benchmarks.soak.target import serving
from benchmarks.workbench import Workbench
from riskloom.catalog import load_catalog
from tests.conftest import free_port

_MIB = 1024**2


def memory(resident: np.ndarray) -> Memory:
    """Samples two seconds apart."""
    return Memory([2.0 * place for place in range(len(resident))], [int(one) for one in resident])


def test_noise_and_a_step_are_no_growth() -> None:
    """What goes up and down, and one step that the allocator makes at the end, do not bend the line."""
    noise = 400 * _MIB + np.random.default_rng(7).normal(0, _MIB, 300)
    noise[-30:] += 20 * _MIB
    assert abs(memory(noise).growth(after=60)) < steady.MOST_GROWTH


def test_a_leak_is_growth() -> None:
    """Sixty bytes a decision at a thousand decisions a second, under the same noise."""
    noise = 400 * _MIB + np.random.default_rng(7).normal(0, _MIB, 300)
    leak = memory(noise + 60 * 1_000 * 2.0 * np.arange(300))
    assert leak.growth(after=60) > steady.MOST_GROWTH
    assert leak.slope(after=60) == pytest.approx(60_000, rel=0.05)


def test_the_first_minute_is_not_judged() -> None:
    """Warming up may take as much as it wants."""
    warming = np.concatenate([np.linspace(100, 400, 31), np.full(270, 400)]) * _MIB
    assert memory(warming).growth(after=60) == 0


def test_whoever_would_have_asked_waits_too() -> None:
    """A service that stands still for a while is late for every request that was due then, not for one."""
    heard = asyncio.run(_against_a_service_that_stops())
    assert heard.errors == {}
    assert sum(took > 0.2 for took in heard.took) > 20


async def _against_a_service_that_stops() -> Heard:
    answered, port = count(), free_port()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n{}"):
            if next(answered) == 50:
                await asyncio.sleep(0.6)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    address = Address(f"http://127.0.0.1:{port}/", "key")
    heard = await load(address, _nothing(), seconds=2, connections=1, rate=100)
    server.close()
    return heard


def _nothing() -> Iterator[bytes]:
    while True:
        yield b"{}"


@pytest.mark.needs("redis-server")
@pytest.mark.slow
def test_a_short_soak_of_the_real_service(tmp_path: Path) -> None:
    """Some seconds of steady load and a Redis that is killed in between: no error, and no growth to speak of."""
    domain = next(iter(load_catalog().values()))
    bench = Workbench(domain, datetime.now(UTC), tmp_path, is_quick=True, say=lambda _: None)
    with serving(bench) as target:
        rows = [*steady.run(bench, target, steady.QUICK), *outages.run(target, 1)]
    assert [row for row in rows if row.met is False] == []
    assert {row.target for row in rows} >= {0, 1}
