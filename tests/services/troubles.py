"""Stores that are made to fail, and callers who go on asking meanwhile."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Self

from pydantic import SecretStr

from riskloom.catalog import Domain
from riskloom.client import AsyncClient, ClientError, Decision
from riskloom.settings import Settings
from tests.conftest import free_port, wait_for_port
from tests.services.conftest import World, event

_CHUNK = 65_536


@dataclass
class OwnRedis:
    """A Redis to be killed and paused; ``is_kept`` is whether it writes down what it holds, before it answers."""

    folder: Path
    is_kept: bool = True
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """The process."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Start it, with what it kept."""
        keeping = ["--appendonly", "yes", "--appendfsync", "always"] if self.is_kept else ["--appendonly", "no"]
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", *keeping]
        self.process = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.DEVNULL)
        wait_for_port(self.port, self.process, seconds=30)

    def kill(self) -> None:
        """End it without a chance to say so."""
        self._signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait(timeout=20)

    def pause(self) -> None:
        """Let it hold its connections and answer nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on, with what was sent to it meanwhile."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)


@contextmanager
def own_redis(folder: Path, *, is_kept: bool = True) -> Iterator[OwnRedis]:
    """A Redis of the test's own."""
    folder.mkdir(parents=True, exist_ok=True)
    redis = OwnRedis(folder, is_kept)
    redis.start()
    try:
        yield redis
    finally:
        redis.kill()


class Relay:
    """
    A TCP relay: passes on what it gets after ``delay`` seconds, to the first of its targets that takes the connection.

    Args:
        targets: Ports of this machine, asked in turns.
    """

    def __init__(self, targets: Sequence[int]) -> None:
        self.port, self.delay = free_port(), 0.0
        self._targets, self._turn = tuple(targets), 0
        self._connections: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event, listens: Event) -> None:
        """Relay until told to stop."""
        server = await asyncio.start_server(self._relay, "127.0.0.1", self.port)
        async with server:
            listens.set()
            await stop.wait()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (task := asyncio.current_task()) is not None:
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)
        ends, passing = [writer], list[asyncio.Task[None]]()
        try:
            answers, questions = await self._connected()
            ends.append(questions)
            both = self._pass_on(reader, questions), self._pass_on(answers, writer)
            passing += [asyncio.create_task(one) for one in both]
            await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
        except ConnectionRefusedError:
            return  # nobody is there: the caller's connection is closed
        finally:
            for task in passing:
                task.cancel()
            for end in ends:
                end.close()
            await asyncio.gather(*passing, *(end.wait_closed() for end in ends), return_exceptions=True)

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self._turn += 1
        for place in range(len(self._targets)):
            port = self._targets[(self._turn + place) % len(self._targets)]
            try:
                return await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                continue
        raise ConnectionRefusedError

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(_CHUNK):
                if self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(chunk)
                await writer.drain()
        except ConnectionError:
            return  # one side has gone: so does the other


@contextmanager
def relaying(*targets: int) -> Iterator[Relay]:
    """A relay in a thread of its own."""
    relay, listens = Relay(targets), Event()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    thread = Thread(target=loop.run_until_complete, args=(relay.run(stop, listens),))
    thread.start()
    assert listens.wait(20)
    try:
        yield relay
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=20)
        loop.close()


_HOLD = (
    "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('begin exclusive'); print(flush=True); input()"
)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process holds the lock of a SQLite file."""
    command = [sys.executable, "-c", _HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.communicate(b"\n", timeout=20)
    sqlite3.connect(path).close()


def on_redis(world: World, url: str, *, home: Path | None = None) -> World:
    """The same world with its online store in Redis; in another home where one is named."""
    if home is not None:
        shutil.copytree(world.settings.home, home)
    options = {"home": home or world.settings.home, "online_store": "redis", "redis_url": SecretStr(url)}
    return World(Settings.model_validate({**world.settings.model_dump(), **options}), world.keys, world.now)


@dataclass
class Tally:
    """What callers heard: the decisions by the subject they sent, and calls without one."""

    decisions: dict[str, Decision] = field(default_factory=dict)
    errors: list[ClientError] = field(default_factory=list)

    @property
    def calls(self) -> int:
        """All calls."""
        return len(self.decisions) + len(self.errors)

    def safe(self) -> int:
        """Decisions that the store had no part in."""
        return sum(decision.basis == "safe_outcome" for decision in self.decisions.values())


class Callers:
    """
    Callers in a thread of their own, who go on until they are told to stop.

    Args:
        url: Of the service.
        world: Whose key they present.
        domain: Whose events they send, each another subject.
        count: How many they are.
        pause: Seconds between the calls of one.
    """

    def __init__(self, url: str, world: World, domain: Domain, *, count: int = 4, pause: float = 0.02) -> None:
        self._url, self._world, self._domain = url, world, domain
        self._count, self._pause = count, pause
        self._stop = Event()
        self._thread = Thread(target=lambda: asyncio.run(self._all()))
        self.tally = Tally()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=60)

    def heard(self, matches: Callable[[Decision], bool], *, since: int = 0) -> bool:
        """Whether a decision of this kind came after the first ``since``."""
        return any(matches(decision) for decision in list(self.tally.decisions.values())[since:])

    async def _all(self) -> None:
        async with AsyncClient(self._url, self._world.keys["scorer"], seconds=5.0) as client:
            await asyncio.gather(*(self._calls(client, number) for number in range(self._count)))

    async def _calls(self, client: AsyncClient, caller: int) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            subject = f"load-{caller}-{number}"
            try:
                decision = await client.score(self._domain.name, event(self._domain, subject))
            except ClientError as error:
                self.tally.errors.append(error)
            else:
                self.tally.decisions[subject] = decision
            await asyncio.sleep(self._pause)
