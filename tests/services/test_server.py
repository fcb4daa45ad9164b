"""The real process over real HTTP: started as people start it, asked, killed, looked at."""

from __future__ import annotations

import json
import os
import signal
import socket

import httpx
import psutil
import pytest

from riskloom.catalog import Domain
from riskloom.ledger import TornLine, read_decisions
from tests.services.conftest import Server, event, is_ready, wait_until
from tests.services.world import CALM, FLAGGED


def url_of(server: Server, domain: Domain) -> str:
    return f"{server.url}/v1/domains/{domain.name}/score"


def test_scores_over_http(server: Server, domain: Domain) -> None:
    """An event goes in and a decision comes out, for each sort of entity, and each is in the ledger."""
    with httpx.Client(headers=server.world.auth()) as client:
        answers = {
            entity: client.post(url_of(server, domain), json=event(domain, entity)).raise_for_status().json()
            for entity in (CALM, FLAGGED)
        }
    assert answers[CALM]["outcome"] == domain.outcome[0].name
    assert answers[FLAGGED]["outcome"] != domain.outcome[0].name
    assert answers[FLAGGED]["reasons"]
    assert not any(answer["degraded"] for answer in answers.values())
    kept = {row["decision_id"] for row in read_decisions(server.world.settings.decisions, domain.name)}
    assert {answer["decision_id"] for answer in answers.values()} <= kept


def test_listens_on_this_machine_only(server: Server) -> None:
    """Nothing listens on another address than the loopback one."""
    port = int(server.url.rsplit(":", 1)[1])
    found = {
        connection.laddr.ip
        for process in [
            psutil.Process(server.process.pid),
            *psutil.Process(server.process.pid).children(recursive=True),
        ]
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
    }
    assert found == {"127.0.0.1"}


@pytest.mark.parametrize("path", ["/schema.json", "/docs.json", "/static_content/index.css", "/score", "/tasks"])
def test_nothing_of_bentoml_is_open(server: Server, path: str) -> None:
    """BentoML's own endpoints are out of reach, and its tracking page with them."""
    response = httpx.get(server.url + path)
    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


def test_open_endpoints_tell_nothing_secret(server: Server) -> None:
    """Health and readiness need no key and hold neither paths nor counters; metrics need one."""
    assert httpx.get(f"{server.url}/healthz").text == "alive\n"
    ready = httpx.get(f"{server.url}/readyz")
    assert ready.json()["state"] == "ready"
    assert str(server.world.settings.home) not in ready.text
    assert httpx.get(f"{server.url}/metrics").status_code == 401
    metrics = httpx.get(f"{server.url}/metrics", headers=server.world.auth("scraper"))
    assert metrics.headers["content-type"].startswith("text/plain")
    assert "riskloom_model_info" in metrics.text


def test_large_body_is_refused_before_it_is_read(server: Server, domain: Domain) -> None:
    """A body that says it has 30 MB is answered from its header alone, and the connection is closed."""
    host, port = server.url.removeprefix("http://").split(":")
    head = (
        f"POST /v1/domains/{domain.name}/score HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Authorization: {server.world.auth()['Authorization']}\r\nContent-Length: 30000000\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(head.encode())
        answer = b""
        while chunk := connection.recv(65_536):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"body_too_large" in answer


def test_body_that_never_comes_is_answered(server: Server, domain: Domain) -> None:
    """A caller that sends half a body and waits is told so within seconds, and does not hold the service up."""
    host, port = server.url.removeprefix("http://").split(":")
    head = (
        f"POST /v1/domains/{domain.name}/score HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Authorization: {server.world.auth()['Authorization']}\r\nContent-Length: 100\r\n\r\n{{"
    )
    with socket.create_connection((host, int(port)), timeout=8) as connection:
        connection.sendall(head.encode())
        assert httpx.get(f"{server.url}/healthz", timeout=2).status_code == 200
        assert connection.recv(65_536).startswith(b"HTTP/1.1 408 ")


def test_logs_hold_neither_ids_nor_amounts_nor_keys(server: Server, domain: Domain) -> None:
    """Each line of ours is JSON with the request's id; none repeats what an event or a caller's header said."""
    marked = {**event(domain, "marked-entity"), domain.subject.amount: "98765.43"}
    headers = {**server.world.auth(), "X-Request-ID": "marked-request"}
    with httpx.Client(headers=headers) as client:
        assert client.post(url_of(server, domain), json=marked).status_code == 200
        assert client.post(url_of(server, domain), json={**marked, "extra": "marked-entity"}).status_code == 422
        assert client.get(f"{server.url}/marked-path").status_code == 404
    # A line is written once its answer was sent, so the last may still be on its way.
    wait_until(lambda: {404, 422} <= statuses_logged(server, "marked-request"), seconds=10)
    assert statuses_logged(server, "marked-request") == {404, 422}
    logged = server.log.read_text()
    for secret in ("marked-entity", "marked-path", "98765.43", *server.world.keys.values()):
        assert secret not in logged


def statuses_logged(server: Server, request_id: str) -> set[int]:
    """The statuses in the log's own lines about a request; a line that is still being written is left out."""
    whole = server.log.read_text().rpartition("\n")[0]
    ours = [json.loads(line) for line in whole.splitlines() if line.startswith("{")]
    return {line["status"] for line in ours if line.get("request_id") == request_id}


def test_kill_9_loses_no_answered_decision(server: Server, domain: Domain) -> None:
    """The worker is killed between answers: every decision somebody was told of is kept, and it comes back."""
    decisions = server.world.settings.decisions
    with httpx.Client(headers=server.world.auth()) as client:
        sent = [client.post(url_of(server, domain), json=event(domain, CALM)) for _ in range(50)]
    (worker,) = workers(server)
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: workers(server) != [worker] and is_ready(server.url), seconds=180)
    sent.append(httpx.post(url_of(server, domain), json=event(domain, CALM), headers=server.world.auth()))
    torn: list[TornLine] = []
    kept = [row["decision_id"] for row in read_decisions(decisions, domain.name, on_torn=torn.append)]
    assert {response.json()["decision_id"] for response in sent} <= set(kept)
    assert len(kept) == len(set(kept))
    assert not torn


def workers(server: Server) -> list[int]:
    """The processes that answer: the children of the one that was started."""
    return [child.pid for child in psutil.Process(server.process.pid).children() if child.status() != "zombie"]
