"""The API page: complete, typed, and drawn by a real browser without a byte from anywhere else."""

from __future__ import annotations

import json
import re

import httpx
import pytest
from playwright.sync_api import Page, Request

from tests.services.conftest import DOMAINS, Server


def test_every_domain_has_its_typed_route(server: Server) -> None:
    """The description has a route a domain with the contract's fields, an example, and every answer it can give."""
    document = httpx.get(f"{server.url}/openapi.json").json()
    for name, domain in DOMAINS.items():
        route = document["paths"][f"/v1/domains/{name}/score"]["post"]
        content = route["requestBody"]["content"]["application/json"]
        schema = document["components"]["schemas"][content["schema"]["$ref"].rsplit("/", 1)[1]]
        columns = domain.event_table.brought
        assert set(schema["properties"]) == set(columns) - {"observed_at"}
        assert set(schema["required"]) == {n for n, c in columns.items() if not c.nullable and n != "observed_at"}
        assert schema["additionalProperties"] is False
        assert all(schema["properties"][field]["description"] for field in schema["properties"])
        assert set(content["example"]) == set(schema["properties"])
        answers = {"200", "400", "401", "403", "408", "413", "415", "422", "429", "500", "503", "504"}
        assert set(route["responses"]) == answers


def test_every_reference_in_the_description_resolves(server: Server) -> None:
    """No reference leads nowhere."""
    text = httpx.get(f"{server.url}/openapi.json").text
    schemas = json.loads(text)["components"]["schemas"]
    found = set(re.findall(r'"\$ref":\s*"#/components/schemas/([^"]+)"', text))
    assert found
    assert found <= set(schemas)


@pytest.mark.needs("chromium")
def test_page_shows_routes_and_examples_in_a_browser(server: Server, page: Page) -> None:
    """The page draws itself from this server alone, shows each domain's route with its example, and logs no error."""
    asked: list[Request] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request))  # noqa: PLW0108 - it cannot mark a built-in
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{server.url}/", wait_until="networkidle")
    page.wait_for_selector(".opblock-summary-path")
    shown = page.inner_text("#swagger-ui")
    for name, domain in DOMAINS.items():
        assert f"/v1/domains/{name}/score" in shown.replace("\u200b", "")
        assert f'"{domain.subject.key}"' in shown
    assert errors == []
    assert {request.url.split("/")[2] for request in asked if not request.url.startswith("data:")} == {
        server.url.removeprefix("http://")
    }
