"""The page of the domain says what holds: its command ingests its example, its numbers are those declared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from riskloom.catalog import load_domain
from riskloom.domains.logistics_abuse.simulation.regime import DRIFTED, USUAL
from riskloom.settings import PROJECT_ROOT
from tests.documents import code_blocks, prompted_commands, run_command

DOCUMENT = PROJECT_ROOT / "docs" / "domains" / "logistics_abuse.md"
PAGE = DOCUMENT.read_text(encoding="utf-8")


@pytest.mark.usefixtures("_at_home")
def test_the_documented_events_are_ingested_by_the_documented_commands(tmp_path: Path) -> None:
    """The document and the line on the page land by the commands below them: read, landed and skipped as it says."""
    for name, content in zip(("delivery.json", "events.jsonl"), code_blocks(DOCUMENT, "json"), strict=True):
        (tmp_path / name).write_text(content, encoding="utf-8")
    reports = [run_command(command) for command in prompted_commands(DOCUMENT) if "--mapping" in command]
    assert [(one["read"], one["landed"], one["skipped"]) for one in reports] == [(3, 3, 1), (1, 1, 3), (1, 1, 0)]


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
