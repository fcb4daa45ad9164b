"""Versions beside the champion: a canary with a share of subjects, a shadow without a say."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from riskloom.cli import build_app
from riskloom.errors import MovedError, RegistryError, SignatureError
from riskloom.lifecycle.assignment import ensure_assignment_key, key_of_canary
from riskloom.registry import ModelStore, promote, read_record, rollback, save_model
from riskloom.registry.beside import end_canary, end_shadow, shadow_since, start_canary, start_shadow
from tests.registry.models import DOMAIN, PASSED, REFUSED, make_model, planned

AT = datetime(2026, 3, 1, tzinfo=UTC)
SAID: dict[str, Any] = {"by": "ana", "why": "to see how it does", "at": AT}
PROMOTED: dict[str, Any] = {"compile_plan": planned, **SAID}
CANARY: dict[str, Any] = {"share": 0.05, "key": b"k" * 32, **SAID}


@pytest.fixture
def folder(tmp_path: Path, store: ModelStore) -> Path:
    """Four versions, the first is champion; the gate refused the last."""
    for number in range(1, 5):
        manifest, payload = make_model(threshold=number / 10)
        save_model(store, manifest, payload, REFUSED if number == 4 else PASSED, documents={})
    promote(tmp_path / "registry", store, DOMAIN, "1", **PROMOTED)
    return tmp_path / "registry"


def test_a_canary_grows_and_is_promoted(folder: Path, store: ModelStore) -> None:
    """Each share is kept with who gave it and why; the order of subjects stays; as champion it is canary no more."""
    start_canary(folder, store, DOMAIN, "2", **CANARY)
    record = start_canary(folder, store, DOMAIN, "2", **{**CANARY, "share": 0.5})
    assert record.canary is not None
    assert (record.champion, record.canary.version, record.canary.share) == ("1", "2", 0.5)
    assert bytes.fromhex(record.canary.key) == CANARY["key"]
    assert [(change.what, change.version, change.share, change.by) for change in record.history[1:]] == [
        ("canary", "2", 0.05, "ana"),
        ("canary", "2", 0.5, "ana"),
    ]
    assert read_record(folder, DOMAIN) == record
    promoted = promote(folder, store, DOMAIN, "2", **PROMOTED)
    assert (promoted.champion, promoted.canary) == ("2", None)
    assert rollback(folder, store, DOMAIN, **SAID).champion == "1"


def test_a_canary_outlives_another_champion(folder: Path, store: ModelStore) -> None:
    """Who was in stays in while the others get a new champion."""
    before = start_canary(folder, store, DOMAIN, "2", **CANARY)
    assert promote(folder, store, DOMAIN, "3", **PROMOTED).canary == before.canary
    assert rollback(folder, store, DOMAIN, **SAID).canary == before.canary


def test_a_canary_is_taken_back_as_it_was_seen(folder: Path, store: ModelStore) -> None:
    """Once, and not where another one is canary by now."""
    start_canary(folder, store, DOMAIN, "2", **CANARY)
    with pytest.raises(MovedError, match=f"canary of {DOMAIN}"):
        end_canary(folder, DOMAIN, seen="3", **SAID)
    record = end_canary(folder, DOMAIN, seen="2", **SAID)
    assert (record.champion, record.canary) == ("1", None)
    assert (record.history[-1].what, record.history[-1].version) == ("end_canary", "2")
    assert record.champions == ("1",), "a rollback does not return to a canary"
    with pytest.raises(RegistryError, match="has no canary"):
        end_canary(folder, DOMAIN, **SAID)


@pytest.mark.parametrize(
    ("version", "changed", "message"),
    [
        ("1", {}, "champion already"),
        ("2", {"share": 0.05}, "share of 0.05 already"),
        ("3", {}, "version 2 of .* is canary"),
        ("4", {}, "refused by the gate"),
        ("9", {}, "no version 9"),
        ("2", {"share": 0.0}, "expected 0.0001 to 1"),
        ("2", {"share": 1.1}, "expected 0.0001 to 1"),
        ("2", {"share": 0.00015}, "in steps of 0.0001"),
        ("2", {"share": 0.1, "why": " "}, "say why"),
    ],
)
def test_what_cannot_be_canary_is_refused(
    folder: Path, store: ModelStore, version: str, changed: dict[str, Any], message: str
) -> None:
    """With the reason; the record stays as it is."""
    before = start_canary(folder, store, DOMAIN, "2", **CANARY)
    with pytest.raises(RegistryError, match=message):
        start_canary(folder, store, DOMAIN, version, **{**CANARY, **changed})
    assert read_record(folder, DOMAIN) == before


def test_the_gate_can_be_overruled_for_a_canary(folder: Path, store: ModelStore) -> None:
    """The history says so, as it does of a promotion."""
    assert start_canary(folder, store, DOMAIN, "4", force=True, **CANARY).history[-1].forced


def test_before_a_champion_nothing_stands_beside_it(tmp_path: Path, store: ModelStore) -> None:
    """Neither a canary nor a shadow."""
    save_model(store, *make_model(), PASSED, documents={})
    with pytest.raises(RegistryError, match="no champion"):
        start_canary(tmp_path, store, DOMAIN, "1", **CANARY)
    with pytest.raises(RegistryError, match="no champion"):
        start_shadow(tmp_path, store, DOMAIN, "1", **SAID)


def test_a_shadow_comes_and_goes(folder: Path, store: ModelStore) -> None:
    """Also one that the gate refused; a version has one part at a time."""
    assert start_shadow(folder, store, DOMAIN, "4", **SAID).shadow == "4"
    record = start_shadow(folder, store, DOMAIN, "2", **SAID)
    assert (record.shadow, record.history[-1].previous, shadow_since(record)) == ("2", "4", AT)
    with pytest.raises(RegistryError, match="in shadow already"):
        start_shadow(folder, store, DOMAIN, "2", **SAID)
    with pytest.raises(RegistryError, match="champion already"):
        start_shadow(folder, store, DOMAIN, "1", **SAID)
    record = start_canary(folder, store, DOMAIN, "2", **CANARY)
    assert (record.shadow, shadow_since(record)) == (None, None)
    with pytest.raises(RegistryError, match="is canary"):
        start_shadow(folder, store, DOMAIN, "2", **SAID)
    start_shadow(folder, store, DOMAIN, "3", **SAID)
    assert end_shadow(folder, DOMAIN, **SAID).shadow is None
    with pytest.raises(RegistryError, match="no version in shadow"):
        end_shadow(folder, DOMAIN, **SAID)


def test_a_promoted_shadow_is_champion_alone(folder: Path, store: ModelStore) -> None:
    """It does not go on to score beside itself."""
    start_shadow(folder, store, DOMAIN, "2", **SAID)
    record = promote(folder, store, DOMAIN, "2", **PROMOTED)
    assert (record.champion, record.shadow) == ("2", None)


def test_what_was_changed_does_not_open(folder: Path, store: ModelStore) -> None:
    """A version that would not load is neither canary nor shadow."""
    (store.folder(DOMAIN, "2") / "model.txt").write_bytes(b"tree")
    with pytest.raises(SignatureError):
        start_canary(folder, store, DOMAIN, "2", **CANARY)
    with pytest.raises(SignatureError):
        start_shadow(folder, store, DOMAIN, "2", **SAID)


def test_a_record_of_before_is_read(folder: Path) -> None:
    """What an earlier release wrote has neither."""
    path = folder / f"{DOMAIN}.json"
    old = read_record(folder, DOMAIN).model_dump_json(exclude={"canary": True, "shadow": True})
    path.write_text(old.replace(',"share":null', ""), encoding="utf-8")
    record = read_record(folder, DOMAIN)
    assert (record.champion, record.canary, record.shadow) == ("1", None, None)


def test_commands_begin_and_end_both(
    folder: Path, store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As people type them; a canary's key follows from the one that roll-outs of rules are assigned with."""
    monkeypatch.setenv("RISKLOOM_HOME", str(tmp_path))
    runner, app, said = CliRunner(), build_app(), ("--by", "ana", "--why", "to see")

    def run(*arguments: str) -> str:
        done = runner.invoke(app, [*arguments, *said], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    assert "version 2 is in shadow of version 1" in run("shadow", "start", DOMAIN, "2")
    assert "version 2 is in shadow no more" in run("shadow", "end", DOMAIN)
    assert "version 2 decides 5.00% of subjects, 1 the rest" in run("canary", "set-share", DOMAIN, "2", "0.05")
    canary = read_record(folder, DOMAIN).canary
    assert canary is not None
    assert bytes.fromhex(canary.key) == key_of_canary(ensure_assignment_key(store.keys), DOMAIN, "2")
    listed = json.loads(runner.invoke(app, ["models", DOMAIN, "--json"], catch_exceptions=False).output)
    assert listed["canary"] == {"version": "2", "share": 0.05}
    assert [row["role"] for row in listed["versions"]] == ["champion", "canary 5.00%", "", ""]
    assert "version 2 is taken back, 1 decides all" in run("canary", "take-back", DOMAIN)
    with pytest.raises(RegistryError, match="no version in shadow"):
        runner.invoke(app, ["shadow", "report", DOMAIN], catch_exceptions=False)
