"""Models are shown with their card, and with the gate's verdict where its signature fits."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import select

from riskloom.ledger.database import reading, writing
from riskloom.ledger.schema import AuditEvent, ShadowScore
from riskloom.registry import ModelStore, ModelVersion, challenge, promote, read_record, save_model
from riskloom.registry.beside import start_canary, start_shadow
from tests.console.world import NOW, World, forms, send
from tests.registry.models import DOMAIN, PASSED, REFUSED, make_model, planned

CARD = b"# Title\n\n## Figures\n\n| what | value |\n|---|---:|\n| precision | 0.5 |\n\n![curve](plots/curve.png)\n"


@pytest.fixture
def saved(world: World) -> ModelVersion:
    """A champion, and a challenger that the gate refused."""
    store = ModelStore(world.home / "bentoml", world.home / "keys")
    documents = {"card.md": CARD, "plots/curve.png": b"\x89PNG"}
    first = save_model(store, *make_model(), PASSED, documents=documents)
    second = save_model(store, *make_model(threshold=0.6), REFUSED, documents={})
    records = world.home / "registry"
    promote(records, store, DOMAIN, first.version, compile_plan=planned, by="mila", why="first model", at=NOW)
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


def test_a_champion_is_rolled_back_with_a_reason(world: World, saved: ModelVersion) -> None:
    """By a lead or an engineer; kept in the record and in the audit chain; a page that is out of date does nothing."""
    store, records = ModelStore(world.home / "bentoml", world.home / "keys"), world.home / "registry"
    path = f"/models/{DOMAIN}/rollback"
    with world.visitor("eve") as client, world.visitor("ana") as ana:
        assert path not in client.get("/models").text, "there is nothing to return to"
        promote(records, store, DOMAIN, "2", compile_plan=planned, by="mila", why="newer", at=NOW, force=True)
        assert path not in ana.get("/models").text
        fields = forms(client.get("/models").text)[path]
        missing = send(client, "POST", path, {**fields, "reason": " "})
        assert (missing.status_code, "Say why" in missing.text) == (422, True)
        sent = {**fields, "reason": "it blocks half of the customers"}
        assert [send(client, "POST", path, sent).status_code for _ in range(2)] == [303, 409]
        assert read_record(records, DOMAIN).champion == saved.version
        assert "<strong>eve</strong> rollback 1: it blocks half" in re.sub(r"\s+", " ", ana.get("/models").text)
    with reading(world.engine) as session:
        events = session.scalars(select(AuditEvent).where(AuditEvent.action == "model.rolled_back")).all()
    assert [(event.actor, event.object_id) for event in events] == [("eve", DOMAIN)]


def keep_shadow(world: World, number: int, would_be: str) -> None:
    """Keep what version 2 said of a decision that let its subject go."""
    score = ShadowScore(
        domain=DOMAIN, version="2", decided_at=NOW, decision_id=f"d-{number}", model_version="1", score=0.25,
        shadow_score=0.5, outcome="approve", would_be=would_be,
    )  # fmt: skip
    with writing(world.engine) as session:
        session.add(score)


def test_without_an_earlier_champion_nothing_is_rolled_back(world: World, saved: ModelVersion) -> None:
    """It says so, and the audit chain has no step that was not taken."""
    with world.visitor("lea") as client:
        csrf = forms(client.get("/models").text)["/logout"]["csrf"]
        sent = {"csrf": csrf, "champion": saved.version, "reason": "x"}
        answer = send(client, "POST", f"/models/{DOMAIN}/rollback", sent)
        assert answer.status_code == 409
        assert "no earlier champion" in answer.text
    with reading(world.engine) as session:
        assert session.scalars(select(AuditEvent).where(AuditEvent.action == "model.rolled_back")).all() == []


def test_a_canary_is_taken_back_with_a_reason(world: World, saved: ModelVersion) -> None:
    """It is shown with its share; taken back once, by who may, and kept in the record and in the audit chain."""
    store, records = ModelStore(world.home / "bentoml", world.home / "keys"), world.home / "registry"
    start_canary(
        records, store, DOMAIN, "2", share=0.05, key=b"k", by="mila", why="to see how it does", at=NOW, force=True
    )
    path = f"/models/{DOMAIN}/canary/take-back"
    with world.visitor("eve") as client, world.visitor("ana") as ana:
        text = re.sub(r"\s+", " ", ana.get("/models").text)
        assert "decides 5 % of subjects" in text
        assert "<strong>mila</strong> canary 2 at 5 %" in text
        assert "canary, 5 %" in ana.get(f"/models/{DOMAIN}/2").text
        assert path not in text
        fields = forms(client.get("/models").text)[path]
        missing = send(client, "POST", path, {**fields, "reason": " "})
        assert (missing.status_code, "Say why" in missing.text) == (422, True)
        sent = {**fields, "reason": "it blocks half of the customers"}
        assert [send(client, "POST", path, sent).status_code for _ in range(2)] == [303, 409]
        record = read_record(records, DOMAIN)
        assert (record.champion, record.canary, record.history[-1].by) == (saved.version, None, "eve")
        start_shadow(records, store, DOMAIN, "2", by="mila", why="it learns", at=NOW)
        assert "In shadow" in ana.get("/models").text
        for number, would_be in enumerate(("approve", "approve", "review", "approve")):
            keep_shadow(world, number, would_be)
        shown = re.sub(r"\s+", " ", ana.get(f"/models/{DOMAIN}/2").text)
        assert "4 decisions" in shown
        assert '1 <span class="quiet">(25.0%)' in shown
        assert "approve would be review: 1" in shown
        assert "+0.2500" in shown
    with reading(world.engine) as session:
        events = session.scalars(select(AuditEvent).where(AuditEvent.action == "model.canary_taken_back")).all()
    assert [(event.actor, event.object_id) for event in events] == [("eve", DOMAIN)]
