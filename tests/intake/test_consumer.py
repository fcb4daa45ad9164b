"""The consumer of a Redis stream: at least once, once in effect; killed, starved of its store, fed with nonsense."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from riskloom.intake import KeptDoor, stamp_of
from riskloom.intake.consumer import Consumer, Pace
from riskloom.intake.door import Door
from riskloom.intake.kept import LOOK_SECONDS
from riskloom.intake.queue import EventQueue
from tests.conftest import free_port, wait_for_port
from tests.intake.world import VISITS, World, visit, world_at

pytestmark = pytest.mark.needs("redis-server")

QUICK = Pace(batch=20, wait_ms=50, idle_ms=300, claim_seconds=0.1, first_pause=0.02, longest_pause=0.2)
_processes = multiprocessing.get_context("fork")


@pytest.fixture
def world(redis_server: str, tmp_path: Path) -> World:
    """A world whose store is a real Redis."""
    redis.Redis.from_url(redis_server).flushdb()
    found = world_at(tmp_path, redis_server)
    found.begin()
    return found


def queue_of(world: World) -> EventQueue:
    queue = EventQueue(redis.Redis.from_url(str(world.online), socket_timeout=5), world.domain.name)
    queue.prepare()
    return queue


def consumer_of(world: World, outcomes: list[str], *, name: str = "one", pace: Pace = QUICK) -> Consumer:
    door = KeptDoor(world.door, lambda: stamp_of(world.location.manifest), ticks=time.monotonic)
    return Consumer(queue_of(world), door, name=name, report=outcomes.append, pace=pace)


def push(queue: EventQueue, *events: dict[str, Any]) -> None:
    for event in events:
        queue.push(VISITS, json.dumps(event).encode())


def test_events_are_taken_and_gone(world: World) -> None:
    """Counted, to be landed, and out of the stream; one that was pushed twice is a duplicate."""
    queue, outcomes = queue_of(world), list[str]()
    push(queue, visit("v-1"), visit("v-2"), visit("v-1"))
    assert (queue.lag(now_seconds=time.time()).waiting, queue.lag(now_seconds=0).dead) == (3, 0)
    assert consumer_of(world, outcomes).round()
    assert outcomes == ["accepted", "accepted", "duplicate"]
    lag = queue.lag(now_seconds=time.time())
    assert (lag.waiting, lag.pending, lag.oldest_seconds, lag.dead) == (0, 0, 0.0, 0)
    assert world.read("c-1")["visits_1d"] == 2
    assert world.land().landed == 2


def test_what_nobody_can_take_is_kept_with_its_reason_and_replayed(world: World) -> None:
    """Wrong JSON, a broken contract, other fields: dead letters; those beside them are taken."""
    queue, outcomes = queue_of(world), list[str]()
    queue.push(VISITS, b'{"visit": ')
    push(queue, {**visit("v-1"), "spent": "much"}, visit("v-2"))
    redis.Redis.from_url(str(world.online)).xadd(queue.stream, {"other": "fields"})
    consumer = consumer_of(world, outcomes)
    assert consumer.round()
    assert sorted(outcomes) == ["accepted", "dead", "dead", "refused"]
    letters = queue.dead(count=10)
    reasons = " ".join(letter.reason for letter in letters)
    assert len(letters) == 3
    assert "event: expected JSON" in reasons
    assert "spent: expected a number" in reasons
    assert "expected the fields table and event" in reasons
    assert (queue.replay(letters), queue.replay(letters)) == (3, 0)
    assert queue.dead(count=10) == []
    outcomes.clear()
    assert consumer.round()
    assert len(queue.dead(count=10)) == len(outcomes) == 3


def test_what_a_dead_consumer_left_is_claimed(world: World) -> None:
    """After its time, and not before."""
    queue, outcomes = queue_of(world), list[str]()
    push(queue, visit("v-1"), visit("v-2"))
    assert len(queue.read("gone", count=10, wait_ms=10)) == 2
    consumer = consumer_of(world, outcomes)
    assert consumer.round()
    assert outcomes == []
    time.sleep(QUICK.idle_ms / 1000 + 0.2)
    assert consumer.round()
    assert outcomes == ["accepted", "accepted"]
    assert queue.lag(now_seconds=time.time()).pending == 0


def test_what_kills_every_consumer_is_buried(world: World) -> None:
    """A message that was handed out too often and never finished does not go round for ever."""
    queue, outcomes = queue_of(world), list[str]()
    push(queue, visit("v-1"))
    queue.read("first", count=1, wait_ms=10)
    for _ in range(QUICK.deliveries):
        time.sleep(0.01)
        queue.claim("next", count=1, idle_ms=1)
    time.sleep(QUICK.idle_ms / 1000 + 0.2)
    assert consumer_of(world, outcomes).round()
    assert outcomes == ["dead"]
    assert "never finished" in queue.dead(count=1)[0].reason


def test_a_mistake_of_ours_stops_nothing_behind_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message is tried some times and then buried; the others are taken at once."""
    accept = Door.accept

    def mistaken(door: Door, table: object, content: Any, **named: Any) -> Any:
        if content["visit"] == "v-1":
            raise ZeroDivisionError
        return accept(door, table, content, **named)

    monkeypatch.setattr(Door, "accept", mistaken)
    queue, outcomes = queue_of(world), list[str]()
    push(queue, visit("v-1"), visit("v-2"))
    consumer = consumer_of(world, outcomes)
    rounds = [consumer.round() for _ in range(QUICK.deliveries)]
    assert rounds == [False] * (QUICK.deliveries - 1) + [True]
    assert outcomes == ["accepted", "dead"]
    assert "failed" in queue.dead(count=1)[0].reason


def test_an_outbox_that_cannot_be_written_keeps_everything_waiting(world: World) -> None:
    """Nothing is lost and nothing buried, however long it takes."""
    queue, outcomes = queue_of(world), list[str]()
    push(queue, visit("v-1"), visit("v-2"))
    blocked = world.folder / "events"
    blocked.write_text("a file where the folder should be")
    consumer = consumer_of(world, outcomes)
    assert [consumer.round() for _ in range(2 * QUICK.deliveries)] == [False] * 2 * QUICK.deliveries
    for _ in range(4):
        time.sleep(QUICK.idle_ms / 2000)
        assert not consumer.round()
        assert queue.claim("another", count=10, idle_ms=QUICK.idle_ms) == []
    blocked.unlink()
    assert consumer.round()
    assert Counter(outcomes) == {"duplicate": 1, "accepted": 1}
    assert world.land().landed == 2
    assert queue.dead(count=1) == []


def test_killed_consumers_lose_and_double_nothing(world: World) -> None:
    """Real processes, two at a time, each killed at some moment; then one that may finish."""
    queue, count = queue_of(world), 400
    push(queue, *(visit(f"v-{n}") for n in range(count)))
    draw = random.Random(5)
    for generation in range(6):
        pair = [_started(world, f"{generation}-{n}") for n in range(2)]
        time.sleep(draw.uniform(0.3, 1.2))
        for process in pair:
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            process.join()
    with _following(consumer_of(world, [], name="last")):
        _wait(lambda: _is_empty(queue))
    assert queue.dead(count=1) == []
    assert world.read("c-1")["visits_1d"] == count
    assert world.read("c-1")["spent_1d"] == 1.5 * count
    assert (world.land().landed, world.land().quarantined) == (count, 0)
    assert len({row["visit"] for row in world.landed(VISITS)}) == len(world.landed(VISITS)) == count
    entered = {(entry["event_id"], entry["entered_us"]) for entry in world.entries()}
    assert len(entered) == count


def test_redis_that_goes_and_comes_back(tmp_path: Path) -> None:
    """The consumer waits, says that it does not work, and goes on where it was."""
    port = free_port()
    with _redis(port, tmp_path):
        world = world_at(tmp_path, f"redis://127.0.0.1:{port}/0")
        world.begin()
        queue, outcomes = queue_of(world), list[str]()
        consumer = consumer_of(world, outcomes)
        push(queue, visit("v-1"))
        with _following(consumer):
            _wait(lambda: outcomes == ["accepted"])
            redis.Redis(port=port).bgrewriteaof()
            push(queue, visit("v-2"))
            _wait(lambda: len(outcomes) == 2)
            _shut(port)
            _wait(lambda: not consumer.is_working)
            with _redis(port, tmp_path):
                push(queue, visit("v-3"), visit("v-1"))
                _wait(lambda: len(outcomes) == 4)
                assert consumer.is_working
        assert outcomes == ["accepted", "accepted", "accepted", "duplicate"]


def test_a_consumer_that_is_told_to_stop_leaves_nothing_behind(world: World) -> None:
    """Not even its name in the group."""
    queue, outcomes = queue_of(world), list[str]()
    push(queue, visit("v-1"))
    with _following(consumer_of(world, outcomes)):
        _wait(lambda: outcomes == ["accepted"])
        assert queue.lag(now_seconds=0).consumers == 1
    assert queue.lag(now_seconds=0).consumers == 0


def test_consumers_that_are_no_more_are_forgotten(world: World) -> None:
    """Once they hold nothing; one that does is remembered for what it has."""
    queue = queue_of(world)
    push(queue, visit("v-1"), visit("v-2"))
    (first,) = queue.read("gone", count=1, wait_ms=10)
    queue.read("holds", count=1, wait_ms=10)
    queue.finish([first.id])
    time.sleep(0.05)
    queue.forget(idle_ms=10_000)
    assert queue.lag(now_seconds=0).consumers == 2
    queue.forget(idle_ms=10)
    assert queue.lag(now_seconds=0).consumers == 1


def test_windows_that_are_declared_otherwise_are_noticed(world: World) -> None:
    """The door is opened anew when the manifest was replaced, and not before that is looked at."""
    clock = [0.0]
    door = KeptDoor(world.door, lambda: stamp_of(world.location.manifest), ticks=lambda: clock[0])
    first = door.get()
    manifest = world.location.manifest
    manifest.write_text(manifest.read_text() + " ")
    assert door.get() is first
    clock[0] = LOOK_SECONDS
    assert door.get() is not first


@contextmanager
def _following(consumer: Consumer) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=consumer.follow, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=30)
        assert not thread.is_alive()


def _started(world: World, name: str) -> Any:
    process = _processes.Process(target=_follow, args=(world, name), daemon=True)
    process.start()
    return process


def _follow(world: World, name: str) -> None:
    consumer_of(world, [], name=name).follow(threading.Event())


@contextmanager
def _redis(port: int, folder: Path) -> Iterator[None]:
    """A Redis that keeps what it holds in its folder."""
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"]
    with (folder / "redis.log").open("ab") as log:
        process = subprocess.Popen([*command, "--appendfsync", "always"], cwd=folder, stdout=log, stderr=log)
    try:
        wait_for_port(port, process, seconds=20)
        _wait(lambda: _answers(port))
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


def _shut(port: int) -> None:
    redis.Redis(port=port).shutdown(nosave=True)
    _wait(lambda: not _listens(port))


def _answers(port: int) -> bool:
    try:
        return bool(redis.Redis(port=port).ping())
    except redis.exceptions.RedisError:
        return False


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _is_empty(queue: EventQueue) -> bool:
    lag = queue.lag(now_seconds=time.time())
    return lag.waiting + lag.pending == 0


def _wait(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"what was waited for did not come within {seconds:.0f} s")
        time.sleep(0.05)
