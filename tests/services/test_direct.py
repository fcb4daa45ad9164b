"""The direct listener: the same application at another port."""

from __future__ import annotations

import socket

import httpx
import pytest

from riskloom.catalog import Domain
from riskloom.errors import ServiceError
from riskloom.ledger import read_decisions
from services.scoring.app import Direct
from tests.conftest import free_port
from tests.services.conftest import World, event, in_process
from tests.services.world import FLAGGED

HOST = "127.0.0.1"


def test_it_answers_as_the_first_does(world: World, domain: Domain) -> None:
    """Keys are asked for, bad bodies refused, decisions kept and counted; when the application ends, so does it."""
    direct = Direct(HOST, free_port())
    address = f"http://{HOST}:{direct.port}"
    score = f"{address}/v1/domains/{domain.name}/score"
    with in_process(world, direct=direct), httpx.Client(headers=world.auth()) as caller:
        assert httpx.post(score, json=event(domain, FLAGGED)).status_code == 401
        refused = caller.post(score, content=b"{}", headers={"Content-Type": "application/json"})
        assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")
        answer = caller.post(score, json=event(domain, FLAGGED)).raise_for_status()
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "server" not in answer.headers
        kept = [row["decision_id"] for row in read_decisions(world.settings.decisions, domain.name)]
        assert kept == [answer.json()["decision_id"]]
        outcome = answer.json()["outcome"]
        counted = httpx.get(f"{address}/metrics", headers=world.auth("scraper")).text
        assert (
            f'riskloom_scoring_requests_total{{domain="{domain.name}",outcome="{outcome}",status="200"}} 1.0' in counted
        )
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/healthz")


def test_a_port_that_is_taken_is_an_error(world: World) -> None:
    """The service does not start without a listener that it was asked for."""
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        with (
            pytest.raises(ServiceError, match="direct listener"),
            in_process(world, direct=Direct(*taken.getsockname())),
        ):
            pass
