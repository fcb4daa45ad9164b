"""Who gets in, and where to: every operation is closed to whoever was not granted it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

from riskloom.access import load_keys, revoke_key
from riskloom.ledger.database import writing
from riskloom.ledger.desk import Desk
from riskloom.ledger.passwords import SALT_BYTES, hash_password
from riskloom.ledger.users import add_user
from services.api.app import beside
from services.api.calls import PREFIX
from services.api.openapi import openapi_document
from services.api.operations import AnyOperation
from services.api.routes import OPERATIONS
from services.console.app import create_app
from tests.api.world import FIRST, NOW, SECOND, World
from tests.console.world import PASSWORD, QUICK, log_in
from tests.console.world import world_over as pages_over

#: Stands for whatever an operation takes from its address.
PARTS = {"case_id": "nobody", "decision_id": "nobody", "label_id": "nobody", "rule_id": "nobody", "version": "1",
         "proposal_id": "nobody", "list_name": "nobody"}  # fmt: skip


def ask(world: World, operation: AnyOperation, by: str, domain: str = FIRST.name) -> int:
    """The status of an operation's answer to a body that fits; it is one that the document has."""
    examples = operation.takes.model_json_schema().get("examples", [None])
    parts: dict[str, Any] = {name: part for name, part in PARTS.items() if f"{{{name}}}" in operation.path}
    saw = 1 if getattr(operation, "needs_version", False) else None
    answer = world.ask(operation.name, examples[0], by=by, domain=domain, saw=saw, **parts)
    path = openapi_document()["paths"][f"{PREFIX}{operation.path}"]
    assert str(answer.status_code) in path[operation.method.lower()]["responses"], answer.text
    return int(answer.status_code)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_each_key_gets_where_it_was_granted_and_nowhere_else(quick_world: World, operation: AnyOperation) -> None:
    """No key, a key without the scope, one of another domain, one that is over, one that was revoked; the right one."""
    world = quick_world
    world.keys = {**world.keys, "nobody": "rlk_" + "0" * 64}
    assert ask(world, operation, "nobody") == 401
    assert ask(world, operation, "late") == 401
    assert ask(world, operation, "scorer") == 403
    assert ask(world, operation, "elsewhere") == 403
    assert ask(world, operation, "ann") not in {401, 403}
    if operation.is_of_domain:
        assert ask(world, operation, "ann", SECOND.name) == 403
        assert ask(world, operation, "elsewhere", SECOND.name) not in {401, 403}
    revoke_key(world.home / "keys" / "api_keys.json", "ann")
    assert ask(world, operation, "ann") == 401


def test_every_route_is_declared(quick_world: World) -> None:
    """The application has the declared operations and, open to everybody, what describes them."""
    routes = [route for route in quick_world.app.routes if isinstance(route, Route)]
    assert len(routes) == len(quick_world.app.routes)
    found = {(route.path, method) for route in routes for method in route.methods or {} if method != "HEAD"}
    declared = {(f"{PREFIX}{operation.path}", operation.method) for operation in OPERATIONS}
    assert declared <= found
    assert {path for path, _ in found - declared} == {
        f"{PREFIX}/{name}"
        for name in (
            "openapi.json", "docs", "docs/start.js", "docs/swagger-ui.css", "docs/swagger-ui-bundle.js",
            "docs/favicon-light-32x32.png",
        )
    }  # fmt: skip


def test_a_scope_is_asked_for_before_whether_there_is_such_a_domain(quick_world: World) -> None:
    """Who may do nothing anywhere learns nothing of which domains there are."""
    assert quick_world.ask("list_cases", by="scorer", domain="nowhere").status_code == 403
    assert quick_world.ask("list_cases", by="ann", domain="nowhere").status_code == 403


def test_a_key_is_sent_in_either_header_but_not_two_keys(quick_world: World) -> None:
    """As the scoring service takes them."""
    path = f"{PREFIX}/domains/{FIRST.name}/cases"
    ann, bob = quick_world.keys["ann"], quick_world.keys["bob"]
    with quick_world.client() as client:
        assert client.get(path, headers={"X-API-Key": ann}).status_code == 200
        refused = client.get(path, headers={"X-API-Key": ann, "Authorization": f"Bearer {bob}"})
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
        assert refused.json()["code"] == "unauthenticated"


def test_a_key_file_that_others_can_read_opens_nothing(quick_world: World) -> None:
    """The API closes as the scoring service does."""
    path = quick_world.home / "keys" / "api_keys.json"
    assert quick_world.ask("list_cases").status_code == 200
    path.chmod(0o640)
    assert quick_world.ask("list_cases").status_code == 401
    path.chmod(0o600)
    assert len(load_keys(path).keys) == len(quick_world.keys)
    assert quick_world.ask("list_cases").status_code == 200


def test_keys_open_no_page_and_cookies_no_operation(quick_world: World, tmp_path: Path) -> None:
    """The pages and the API are one process and one address, and two doors."""
    engine = quick_world.api.controls.engine
    pages = pages_over(engine, tmp_path)
    with writing(engine) as session:
        kept = hash_password(PASSWORD, salt=b"s" * SALT_BYTES, cost=QUICK)
        add_user(Desk(session, pages.console.trail, "test", NOW), "lea", role="lead", password=kept)
    path = f"{PREFIX}/domains/{FIRST.name}/cases"
    key = {"Authorization": f"Bearer {quick_world.keys['ann']}"}
    with TestClient(beside(create_app(pages.console), quick_world.app), follow_redirects=False) as client:
        assert client.get(path, headers=key).status_code == 200
        assert client.get("/queue", headers=key).headers["location"] == "/login?next=/queue"
        assert log_in(client, "lea").status_code == 303
        assert client.get("/queue").status_code == 200
        assert client.get(path).status_code == 401
        assert client.post(f"{path}/x/claim").status_code == 401
        assert client.get("/api").status_code == client.get("/api/v2/x").status_code == 404
        assert client.get("/apiary").status_code != 401


def test_other_addresses_are_problems(quick_world: World) -> None:
    """What is not there, and another method, in the one format; nothing is redirected."""
    with quick_world.client() as client:
        for method, path, status, code in (
            ("GET", f"{PREFIX}/nothing", 404, "not_found"),
            ("GET", f"{PREFIX}/domains/{FIRST.name}/cases/", 404, "not_found"),
            ("DELETE", f"{PREFIX}/domains/{FIRST.name}/cases", 405, "method_not_allowed"),
        ):
            answer = client.request(method, path, headers={"X-API-Key": quick_world.keys["ann"]})
            assert (answer.status_code, answer.json()["code"]) == (status, code)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["x-request-id"]
