"""What uvicorn starts: pages and API in one process, over what the settings point to."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from riskloom.access import create_key, load_keys
from riskloom.cli import build_app
from riskloom.features import dbt, load_views
from riskloom.settings import Settings, load_settings
from riskloom.wiring import dbt_project
from services.api.calls import PREFIX
from services.console.service import build
from tests.api.world import FIRST, source


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home with a ledger and nothing else."""
    monkeypatch.setenv("RISKLOOM_HOME", str(tmp_path / "home"))
    result = CliRunner().invoke(build_app(), ["ledger", "migrate"])
    assert result.exit_code == 0, result.output
    return load_settings()


def test_pages_and_api_are_one_process(home: Settings) -> None:
    """Each at its own addresses; a rule may speak of the declared features once dbt has read them."""
    scope = f"rules:write:{FIRST.name}"
    key = create_key(home.api_keys, "author", [scope], created_at=datetime.now(UTC), secret=secrets.token_bytes(32))
    path, headers = f"{PREFIX}/domains/{FIRST.name}/rules/check", {"X-API-Key": key}
    with TestClient(build(), follow_redirects=False) as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/queue").status_code == 303
        assert client.get(f"{PREFIX}/openapi.json").json()["info"]["title"] == "Riskloom API"
        unknown = client.post(path, json={"source": source()}, headers=headers)
        assert (unknown.status_code, unknown.json()["code"]) == (503, "unavailable")
        dbt.parse(dbt_project(home))
        feature = next(iter(load_views(FIRST, home.dbt_manifest)[0].features))
        text = source().replace(f"when: event.{FIRST.subject.amount}", f"when: feature.{feature}")
        checked = client.post(path, json={"source": text}, headers=headers).json()
        assert [mistake["field"].split()[-1] for mistake in checked["mistakes"]] == ["examples.positive.0"]
        revoked = CliRunner().invoke(build_app(), ["api-key", "revoke", "author"])
        assert revoked.exit_code == 0
        assert client.post(path, json={"source": text}, headers=headers).status_code == 401


def test_keys_are_made_for_some_days(home: Settings) -> None:
    """As the command line says; a scope that means nothing is refused with what there is."""
    made = CliRunner().invoke(build_app(), ["api-key", "create", "guest", "--scope", "cases:read:*", "--days", "2"])
    assert made.exit_code == 0
    (key,) = load_keys(home.api_keys).keys
    assert key.expires_at == key.created_at + timedelta(days=2)
    for wrong in ("cases:read", "cases:read:nowhere", "cases:claim:*"):
        refused = CliRunner().invoke(build_app(), ["api-key", "create", "other", "--scope", wrong])
        assert refused.exit_code != 0
        assert "cases:read" in str(refused.exception)
    assert "guest" in CliRunner().invoke(build_app(), ["api-key", "list"]).output
