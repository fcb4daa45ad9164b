"""Sending live events: what is sent is what the service reads, and every kind of answer is counted."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from riskloom.catalog import Demo, Domain, load_catalog
from riskloom.errors import ServiceError
from riskloom.stack.live import read_events, send, wait_until_scored
from riskloom.stack.source import simulate
from tests.conftest import free_port

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


class Service(ThreadingHTTPServer):
    """A service that is busy once."""

    busy = True


class Handler(BaseHTTPRequestHandler):
    """Answers as the body asks: a number as its status code, else a decision with that outcome."""

    protocol_version = "HTTP/1.1"
    server: Service

    def do_POST(self) -> None:
        """Answer one event."""
        wish = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["wish"]
        if wish == "busy at first":
            wish = 504 if self.server.busy else "approve"
            self.server.busy = False
        status = wish if isinstance(wish, int) else 200
        if self.headers["Authorization"] != "Bearer right":
            status = 401
        body = json.dumps({"outcome": wish, "degraded": wish == "review"}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def service() -> Iterator[str]:
    """Address of a service that answers as asked."""
    server = Service(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(params=sorted(load_catalog()))
def domain(request: pytest.FixtureRequest) -> Domain:
    """Each declared domain."""
    return load_catalog()[request.param]


def test_answers_are_counted_by_outcome_and_status(service: str, domain: Domain) -> None:
    """Outcomes, refusals by status code, degraded answers and one latency for each answer; each event is sent once."""
    wishes: list[str | int] = ["approve"] * 7 + ["review"] * 3 + [422, 503]
    seen: list[int] = []

    report = send(service, domain, "right", [{"wish": wish} for wish in wishes], connections=3, report=seen.append)

    assert report.outcomes == {"approve": 7, "review": 3}
    assert report.refused == {"422": 1, "503": 1}
    assert report.repeated == 3
    assert (report.sent, report.degraded, len(report.latencies_ms)) == (12, 3, 10)
    assert seen == list(range(1, 13))
    assert 0 < report.latency_ms(50) <= report.latency_ms(99)


def test_an_event_is_sent_again_after_a_timeout(service: str, domain: Domain) -> None:
    """A service that could not answer just then is asked again, and the event counts once, with its decision."""
    report = send(service, domain, "right", [{"wish": "busy at first"}], connections=1, report=lambda _: None)

    assert (report.outcomes, report.refused, report.repeated) == ({"approve": 1}, {}, 1)


def test_a_wrong_key_is_counted_as_refused(service: str, domain: Domain) -> None:
    """The service's 401 is not taken for a decision."""
    report = send(service, domain, "wrong", [{"wish": "approve"}], connections=1, report=lambda _: None)

    assert (report.refused, report.outcomes) == ({"401": 1}, {})
    assert math.isnan(report.latency_ms(99))


def test_a_service_that_is_gone_is_counted_as_refused(domain: Domain) -> None:
    """A connection that fails is an event that was not answered."""
    url = f"http://127.0.0.1:{free_port()}"

    report = send(url, domain, "right", [{"wish": "approve"}] * 2, connections=2, report=lambda _: None)

    assert report.refused == {"ConnectError": 2}


def test_waiting_for_a_service_that_is_gone_ends(domain: Domain) -> None:
    """The wait ends with the domain and the state that was seen last."""
    with pytest.raises(ServiceError, match=rf"not ready for '{domain.name}' after 0 s: unknown \(ConnectError\)"):
        wait_until_scored(f"http://127.0.0.1:{free_port()}", domain, 0.3)


def test_live_events_are_what_the_request_takes(domain: Domain, tmp_path: Path) -> None:
    """Events carry every column of the contract but the one the service stamps, exact and with UTC times, in order."""
    source = simulate(domain, Demo(days=14, events=2_800, drifted_days=1), tmp_path / "data", now=NOW)

    events = read_events(domain, source.live, limit=20)

    assert len(events) == 20
    assert all(set(event) == set(domain.event_table.brought) - {"observed_at"} for event in events)
    json.dumps(events)
    assert all(isinstance(event[domain.subject.amount], str | float) for event in events)
    times = [datetime.fromisoformat(event["effective_at"]) for event in events]
    assert all(time.tzinfo is not None and time.date() <= NOW.date() for time in times)
