"""What the documentation of the API says, done with curl against a server that listens."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request

from riskloom.access import DomainRight, known_scopes
from riskloom.catalog import load_domain
from riskloom.settings import PROJECT_ROOT
from services.api.__main__ import printed
from services.api.openapi import openapi_document
from services.api.routes import OPERATIONS
from services.web.problems import KINDS, Code, Problem
from tests.api.world import RIGHTS, World
from tests.console.serving import served_app
from tests.documents import code_blocks

PAGE = PROJECT_ROOT / "docs" / "api.md"
TEXT = PAGE.read_text(encoding="utf-8")
DOMAIN = load_domain(re.findall(r"/api/v1/domains/(\w+)", TEXT)[0])
LISTENS = "http://127.0.0.1:3001"
#: Every curl ends with its status, and the script with the first that is refused.
CURL = 'curl() { command curl --fail-with-body -S "$@" || { echo "refused: $*" >&2; exit 22; }; }\nset -e -o pipefail\n'


@pytest.mark.needs("curl")
def test_its_examples_are_answered(quick_world: World, tmp_path: Path) -> None:
    """Block after block as it stands there, with two keys of the rights that the page names."""
    world = quick_world
    world.fill(DOMAIN)
    for name in ("first", "second"):
        world.give(name, *(scope for scope in known_scopes([DOMAIN.name]) if scope.endswith(f":{DOMAIN.name}")))
    with served_app(world.app) as url:
        script = CURL + "\n".join(code_blocks(PAGE, "bash")).replace(LISTENS, url)
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False,
            env={"PATH": "/usr/bin:/bin", "RISKLOOM_API_KEY": world.keys["first"], "SECOND_KEY": world.keys["second"]},
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"verdict":true' in done.stdout
    assert '"stated_by":"key:first"' in done.stdout
    history = world.ask("get_rule_history", by="first", domain=DOMAIN.name, rule_id="four_digits").json()["items"]
    assert [(step["stage"], step["changed_by"]) for step in history] == [
        ("draft", "key:first"), ("shadow", "key:first"), ("rollout", "key:second"), ("shadow", "key:first"),
    ]  # fmt: skip


def test_it_names_every_right_and_every_refusal() -> None:
    """And with its status, as the code has them."""
    rights = {right for row in re.findall(r"^\| (`.*?) \|", TEXT, flags=re.MULTILINE) for right in _quoted(row)}
    assert rights >= {*RIGHTS, "audit:read"}
    told = {
        code: int(status)
        for status, codes in re.findall(r"^\| .*? \| (\d{3}) \| (`.*?) \|$", TEXT, flags=re.MULTILINE)
        for code in _quoted(codes)
    }
    codes: set[Code] = {code for operation in OPERATIONS for code in operation.codes} | {"method_not_allowed"}
    assert told == {code: KINDS[code].status for code in codes}


def test_the_document_beside_it_is_the_present_one() -> None:
    """``python -m services.api > docs/openapi.json`` brings it up to date."""
    assert (PROJECT_ROOT / "docs" / "openapi.json").read_text(encoding="utf-8") == printed()


def test_the_document_is_whole() -> None:
    """No reference leads nowhere, no operation has the name of another, every example is taken."""
    document = openapi_document(("some_domain",))
    text = json.dumps(document)
    found = set(re.findall(r'"\$ref": "#/components/(\w+)/([^"]+)"', text))
    assert found
    assert [name for kind, name in found if name not in document["components"][kind]] == []
    names = [described["operationId"] for path in document["paths"].values() for described in path.values()]
    assert len(set(names)) == len(names) == len(OPERATIONS)
    assert '"enum": ["some_domain"]' in text
    for operation in OPERATIONS:
        if operation.method == "POST":
            for example in operation.takes.model_json_schema()["examples"]:
                operation.takes.model_validate(example)
    problem = document["components"]["schemas"]["Problem"]
    Problem.model_validate(problem["examples"][0])
    for path in document["paths"].values():
        for described in path.values():
            right: DomainRight = described["security"][0]["bearer"][0]
            assert f"`{right}" in described["description"]


@pytest.mark.needs("chromium")
def test_the_page_shows_every_operation_in_a_browser(quick_world: World, page: Page) -> None:
    """It draws itself from this server alone, and logs no error."""
    asked: list[Request] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request))  # noqa: PLW0108 - it cannot mark a built-in
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    with served_app(quick_world.app) as url:
        page.goto(f"{url}/api/v1/docs", wait_until="networkidle")
        page.wait_for_selector(".opblock-summary-path")
        shown = page.inner_text("#swagger-ui").replace("\u200b", "")
    assert [operation.path for operation in OPERATIONS if operation.path not in shown] == []
    assert errors == []
    assert {request.url.split("/")[2] for request in asked if not request.url.startswith("data:")} == {url[7:]}


def _quoted(text: str) -> list[str]:
    return re.findall(r"`([a-z_:]+)`", text)
