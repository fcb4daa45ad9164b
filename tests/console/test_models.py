"""Models are shown with their card, and with the gate's verdict where its signature fits."""

from __future__ import annotations

from pathlib import Path

import pytest

from riskloom.registry import ModelStore, ModelVersion, challenge, promote, save_model
from tests.console.world import NOW, World
from tests.registry.models import DOMAIN, PASSED, REFUSED, make_model

CARD = b"# Title\n\n## Figures\n\n| what | value |\n|---|---:|\n| precision | 0.5 |\n\n![curve](plots/curve.png)\n"


@pytest.fixture
def saved(world: World) -> ModelVersion:
    """A champion, and a challenger that the gate refused."""
    store = ModelStore(world.home / "bentoml", world.home / "keys")
    documents = {"card.md": CARD, "plots/curve.png": b"\x89PNG"}
    first = save_model(store, *make_model(), PASSED, documents=documents)
    second = save_model(store, *make_model(threshold=0.6), REFUSED, documents={})
    records = world.home / "registry"
    promote(records, store, DOMAIN, first.version, by="mila", why="first model", at=NOW)
    challenge(records, DOMAIN, second.version, by="training", why="newest", at=NOW)
    return first


def test_champion_and_challenger_are_named(world: World, saved: ModelVersion) -> None:
    """With who promoted which and why; each version has its page."""
    with world.visitor("eve") as client:
        text = client.get("/models").text
        assert "<strong>mila</strong> promote 1" in text
        assert f"/models/{DOMAIN}/2" in text
        assert f"model {saved.version}" in client.get("/").text
        assert "refused: it flags nobody" in client.get(f"/models/{DOMAIN}/2").text
        assert "has no card" in client.get(f"/models/{DOMAIN}/2").text


def test_a_version_has_its_card_and_pictures(world: World, saved: ModelVersion) -> None:
    """Tables and plots are there; nothing but the plots can be had from the version's folder."""
    folder = f"/models/{DOMAIN}/{saved.version}"
    with world.visitor("ana") as client:
        text = client.get(folder).text
        assert ">passed</span>" in text
        assert "<td" in text
        assert "precision" in text
        assert f'src="{folder}/plots/curve.png"' in text
        assert client.get(f"{folder}/plots/curve.png").headers["content-type"] == "image/png"
        for name in ("other.png", "card.md", "..%2fmanifest.json"):
            assert client.get(f"{folder}/plots/{name}").status_code == 404


def test_a_verdict_that_was_changed_is_not_shown(world: World, saved: ModelVersion) -> None:
    """The page says what is wrong instead."""
    path: Path = saved.folder / "verdict.json"
    path.write_bytes(path.read_bytes().replace(b'"passed":true', b'"passed":false'))
    with world.visitor("ana") as client:
        text = client.get(f"/models/{DOMAIN}/{saved.version}").text
        assert ">passed</span>" not in text
        assert ">refused</span>" not in text
        assert 'class="notice bad" role="alert"' in text
