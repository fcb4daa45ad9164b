"""What the serving benchmark is made of: load from wrk, figures over rounds, the floor, and what it refuses."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.services import free_port, running
from benchmarks.serving.contestants import BENTO, MLFLOW, MOUNT
from benchmarks.serving.decisions import Results, rows_of
from benchmarks.serving.load import AT, ID, Answers, Target, drive, measured, write_bodies
from benchmarks.serving.outcomes import Counts, check, counts_of
from benchmarks.serving.peers import floor
from benchmarks.serving.rounds import Heat, Turn
from riskloom.catalog import Domain, load_catalog
from riskloom.errors import ServiceError
from riskloom.settings import PROJECT_ROOT
from riskloom.stack.services import Service


class Listener(ThreadingHTTPServer):
    """Keeps what it is sent, and answers one status."""

    daemon_threads = True
    status = 200
    seen: list[tuple[str | None, dict[str, Any]]]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert isinstance(self.server, Listener)
        self.server.seen.append((self.headers["Authorization"], json.loads(body)))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing."""


@pytest.fixture
def listener() -> Iterator[Listener]:
    """It listens on a free port."""
    server = Listener(("127.0.0.1", 0), _Handler)
    server.seen = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def _target(listener: Listener, folder: Path) -> Target:
    bodies = [{"id": ID, "shop": shop, "at": AT} for shop in ("a", "b", "c")]
    url = f"http://127.0.0.1:{listener.server_address[1]}/score"
    return Target(url, write_bodies(folder / "bodies.jsonl", bodies), {"Authorization": "Bearer k"})


@pytest.mark.needs("wrk")
def test_every_request_is_an_event_of_its_own_that_is_made_now(listener: Listener, tmp_path: Path) -> None:
    """Ids never come twice, also in the next run; times are of this minute; the bodies are taken in turn."""
    target = _target(listener, tmp_path)
    runs = [measured(target, connections=2, seconds=1, folder=tmp_path) for _ in range(2)]
    assert {header for header, _ in listener.seen} == {"Bearer k"}
    sent = [body for _, body in listener.seen]
    assert len({body["id"] for body in sent}) == len(sent) >= sum(run.count for run in runs) > 10
    assert {body["shop"] for body in sent} == {"a", "b", "c"}
    ages = [datetime.now(UTC) - datetime.fromisoformat(body["at"]) for body in sent]
    assert all(timedelta(0) <= age < timedelta(minutes=1) for age in ages)
    assert all(run.rate > 0 and 0 < run.p50_ms <= run.p99_ms for run in runs)


@pytest.mark.needs("wrk")
def test_a_refusal_is_no_measurement(listener: Listener, tmp_path: Path) -> None:
    """Refusing is quick; it is counted, and nothing is measured by it."""
    listener.status = 429
    target = _target(listener, tmp_path)
    assert drive(target, connections=1, seconds=1, folder=tmp_path).refused > 0
    with pytest.raises(ServiceError, match=r"status 200 of every request, found \d+ refused and 0 broken"):
        measured(target, connections=1, seconds=1, folder=tmp_path)


def test_a_missing_wrk_is_named_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the benchmark learns what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServiceError, match="Debian's package wrk"):
        drive(Target("http://127.0.0.1:9/", tmp_path / "none"), connections=1, seconds=1, folder=tmp_path)


def test_the_floor_answers_so_many_bytes_and_its_process_is_known(tmp_path: Path) -> None:
    """Whatever it is asked; processor time is read from the process that is given."""
    port = free_port()
    command = ("uvicorn", "--factory", "benchmarks.serving.peers.floor:build", "--port", str(port), "--lifespan", "off")
    service = Service(
        name="floor",
        command=command,
        environment={**os.environ, "PYTHONPATH": str(PROJECT_ROOT), floor.SIZE: "321"},
        health=f"http://127.0.0.1:{port}/",
        host="127.0.0.1",
        port=port,
    )
    with running(service, folder=tmp_path, project=PROJECT_ROOT, say=lambda _: None) as process:
        answer = httpx.post(f"http://127.0.0.1:{port}/any", json={"x": "y" * 100_000}, trust_env=False)
        assert sum(member.cpu_times().user for member in process.members()) > 0
    assert len(answer.content) == 321
    assert answer.json()["padding"].startswith("x")


def _turn(rate: float, *, service_us: float = 100.0) -> Turn:
    answers = Answers(count=int(rate * 10), seconds=10, p50_ms=1.0, p99_ms=5.0, refused=0, broken=0)
    return Turn(answers, service_us=service_us, redis_us=10.0, others=0.5)


def test_rows_hold_medians_and_a_target_that_follows_the_peer() -> None:
    """Six times the peer, but not less than the target by itself; what was not measured has no row."""
    ours = [_turn(rate) for rate in (4_000, 2_000, 3_000)]
    theirs = [_turn(rate, service_us=900.0) for rate in (600, 400, 500)]
    rows = {row.name: row for row in rows_of(Results({Heat(MOUNT, 8): ours, Heat(BENTO, 8): theirs}, 1.0))}
    rate = rows[f"decisions, Redis, {MOUNT}, 8 connections, against {BENTO}, 6 times"]
    assert (rate.value, rate.spread, rate.peer_value) == (3_000, (2_000, 4_000), 500)
    assert (rate.ratio, rate.target, rate.met) == (6, 3_000, True)
    slower = {Heat(MOUNT, 8): ours, Heat(BENTO, 8): [_turn(100)]}
    assert next(rows_of(Results(slower, 1.0))).target == 2_500
    spent = rows[f"decisions, Redis, {MOUNT}, 8 connections: processor time of the service, against {BENTO}"]
    assert (spent.unit, spent.ratio, spent.target) == ("µs", 9, None)
    assert not any(MLFLOW in name for name in rows)
    assert len(set(rows)) == len(list(rows_of(Results({Heat(MOUNT, 8): ours, Heat(BENTO, 8): theirs}, 1.0))))


@pytest.fixture
def domain() -> Domain:
    """Any domain."""
    return next(iter(load_catalog().values()))


def test_decisions_are_counted_from_the_services_metrics(domain: Domain) -> None:
    """Those with another outcome than the mildest, and those on missing features; other domains do not count."""
    mild, strict = domain.outcome[0].name, domain.outcome[-1].name
    asked = "riskloom_scoring_requests_total"
    counted = (
        f'# TYPE {asked} counter\n{asked}{{domain="{domain.name}",outcome="{mild}",status="200"}} 90.0\n'
        f'{asked}{{domain="{domain.name}",outcome="{strict}",status="200"}} 10.0\n'
        f'{asked}{{domain="{domain.name}",outcome="none",status="422"}} 7.0\n'
        f'{asked}{{domain="another",outcome="{mild}",status="200"}} 5.0\n'
        "# TYPE riskloom_scoring_degraded_decisions_total counter\n"
        f'riskloom_scoring_degraded_decisions_total{{domain="{domain.name}"}} 1.0\n'
    )
    assert counts_of(counted, domain) == Counts(decided=100, flagged=10, degraded=1)
    assert Counts(100, 10, 1).since(Counts(60, 4, 1)) == Counts(40, 6, 0)


@pytest.mark.parametrize("counts", [Counts(1_000, 5, 11), Counts(0, 0, 0)])
def test_a_service_without_its_features_is_not_measured(counts: Counts) -> None:
    """The safe outcome is quick: a run in which it was the answer tells nothing."""
    check(Counts(1_000, 5, 10))
    with pytest.raises(ServiceError, match="expected decisions on features"):
        check(counts)
