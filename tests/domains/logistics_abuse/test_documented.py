"""The page of the domain says what holds: its command ingests its example, its numbers are those declared."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from riskloom.catalog import load_domain
from riskloom.cli import build_app
from riskloom.domains.logistics_abuse.simulation.regime import DRIFTED, USUAL
from riskloom.settings import PROJECT_ROOT

PAGE = (PROJECT_ROOT / "docs" / "domains" / "logistics_abuse.md").read_text(encoding="utf-8")


def test_the_documented_events_are_ingested_by_the_documented_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The document and the line on the page land by the commands below them: read, landed and skipped as it says."""
    monkeypatch.setenv("RISKLOOM_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "riskloom").symlink_to(PROJECT_ROOT / "riskloom")
    for name, content in zip(
        ("delivery.json", "events.jsonl"), re.findall(r"```json\n(.*?)```", PAGE, flags=re.DOTALL), strict=True
    ):
        (tmp_path / name).write_text(content, encoding="utf-8")
    counts = []
    for command in re.findall(r"^\$ riskloom (ingest .*--mapping .*)$", PAGE, flags=re.MULTILINE):
        result = CliRunner().invoke(build_app(), [*shlex.split(command), "--json"])
        assert result.exit_code == 0, result.output
        content = json.loads(result.output)
        counts.append((content["read"], content["landed"], content["skipped"]))
    assert counts == [(3, 3, 1), (1, 1, 3), (1, 1, 0)]


def test_the_page_counts_features_as_they_are_declared() -> None:
    """Windowed features and features of the request, and every view by its name."""
    views = PROJECT_ROOT / "dbt_project/models/marts/logistics_abuse/_logistics_abuse__feature_views.yml"
    models = yaml.safe_load(views.read_text(encoding="utf-8"))["models"]
    windowed = sum(len(model["columns"]) - 3 for model in models)
    asked = len(load_domain("logistics_abuse").request_features)
    assert f"{windowed} windowed features of nine entities, and {asked} of the request" in PAGE
    assert all(f"`{model['name'].removeprefix('logistics_abuse__')}`" in PAGE for model in models)


def test_the_page_tells_the_scenarios_shares() -> None:
    """Each scenario's share of the abuse before and after a drift, as the simulator has it."""
    told = re.findall(r"\| (\d+) % → (\d+) % \|$", PAGE, flags=re.MULTILINE)
    mixes = [sorted(round(100 * share) for share in regime.mix.values()) for regime in (USUAL, DRIFTED)]
    assert [sorted(int(pair[place]) for pair in told) for place in (0, 1)] == mixes
