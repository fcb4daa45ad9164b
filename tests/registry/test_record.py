"""Champions come and go; the history keeps everything."""

from __future__ import annotations

import multiprocessing
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TypedDict

import pytest

from riskloom.errors import RegistryError, SignatureError
from riskloom.registry import ModelStore, challenge, promote, read_record, rollback, save_model
from tests.registry.models import DOMAIN, PASSED, REFUSED, make_model, planned

AT = datetime(2026, 3, 1, tzinfo=UTC)


class Said(TypedDict):
    """Who decided, why and when."""

    by: str
    why: str
    at: datetime


SAID = Said(by="ana", why="better", at=AT)


@pytest.fixture
def folder(tmp_path: Path, store: ModelStore) -> Path:
    """Four versions; the gate refused the last."""
    for number in range(1, 5):
        manifest, payload = make_model(threshold=number / 10)
        save_model(store, manifest, payload, REFUSED if number == 4 else PASSED, documents={})
    return tmp_path / "registry"


def test_before_anything_was_saved_there_is_no_champion(tmp_path: Path) -> None:
    """No file is no champion, not an error."""
    record = read_record(tmp_path, DOMAIN)
    assert (record.champion, record.challenger, record.history) == (None, None, ())


def test_promotion_replaces_the_champion(folder: Path, store: ModelStore) -> None:
    """The promoted challenger is champion, and the history says who, why and when."""
    challenge(folder, DOMAIN, "1", by="training", why="trained", at=AT)
    record = promote(folder, store, DOMAIN, "1", compile_plan=planned, by="ana", why="better", at=AT)
    assert (record.champion, record.challenger) == ("1", None)
    assert [(change.what, change.by, change.at) for change in record.history] == [
        ("challenge", "training", AT),
        ("promote", "ana", AT),
    ]
    assert read_record(folder, DOMAIN) == record


def test_refused_version_is_not_promoted(folder: Path, store: ModelStore) -> None:
    """The gate's word holds, and the refusal repeats its reasons."""
    with pytest.raises(RegistryError, match=r"refused by the gate: it flags nobody"):
        promote(folder, store, DOMAIN, "4", compile_plan=planned, **SAID)
    assert read_record(folder, DOMAIN).champion is None


def test_force_is_possible_and_recorded(folder: Path, store: ModelStore) -> None:
    """A person can overrule the gate, with a reason that stays."""
    record = promote(folder, store, DOMAIN, "4", compile_plan=planned, force=True, **SAID)
    assert record.champion == "4"
    assert record.history[-1].forced
    with pytest.raises(RegistryError, match="say why"):
        promote(folder, store, DOMAIN, "1", compile_plan=planned, by="ana", why=" ", at=AT)


def test_unknown_and_repeated_versions_are_refused(folder: Path, store: ModelStore) -> None:
    """Only what is there and not champion yet can be promoted."""
    with pytest.raises(RegistryError, match="no version 9"):
        promote(folder, store, DOMAIN, "9", compile_plan=planned, **SAID)
    promote(folder, store, DOMAIN, "1", compile_plan=planned, **SAID)
    with pytest.raises(RegistryError, match="champion already"):
        promote(folder, store, DOMAIN, "1", compile_plan=planned, **SAID)


def test_tampered_version_is_not_promoted(folder: Path, store: ModelStore) -> None:
    """A model that would not open cannot become champion."""
    (store.folder(DOMAIN, "2") / "model.txt").write_bytes(b"tree")
    with pytest.raises(SignatureError):
        promote(folder, store, DOMAIN, "2", compile_plan=planned, **SAID)


def test_rollback_goes_back_step_by_step(folder: Path, store: ModelStore) -> None:
    """Two rollbacks undo two promotions; a third has nowhere to go."""
    for version in ("1", "2", "3"):
        promote(folder, store, DOMAIN, version, compile_plan=planned, **SAID)
    assert rollback(folder, store, DOMAIN, **SAID).champion == "2"
    assert rollback(folder, store, DOMAIN, **SAID).champion == "1"
    with pytest.raises(RegistryError, match="no earlier champion"):
        rollback(folder, store, DOMAIN, **SAID)
    assert len(read_record(folder, DOMAIN).history) == 5


def test_promotion_after_rollback_returns_to_the_one_before(folder: Path, store: ModelStore) -> None:
    """What was rolled back from is not come back to by a later rollback."""
    for version in ("1", "2"):
        promote(folder, store, DOMAIN, version, compile_plan=planned, **SAID)
    rollback(folder, store, DOMAIN, **SAID)
    promote(folder, store, DOMAIN, "3", compile_plan=planned, **SAID)
    assert rollback(folder, store, DOMAIN, **SAID).champion == "1"


def test_time_without_zone_is_refused(folder: Path, store: ModelStore) -> None:
    """A record never guesses what a time means."""
    with pytest.raises(RegistryError, match="time zone"):
        promote(folder, store, DOMAIN, "1", compile_plan=planned, by="ana", why="better", at=datetime(2026, 3, 1))  # noqa: DTZ001


@pytest.mark.parametrize("content", ["", "{", '{"domain": "another_domain"}'])
def test_damaged_record_is_refused(tmp_path: Path, content: str) -> None:
    """A record that cannot be read stops everything; it never counts as «no champion»."""
    (tmp_path / f"{DOMAIN}.json").write_text(content)
    with pytest.raises(RegistryError, match="record of"):
        read_record(tmp_path, DOMAIN)


def _challenge_often(folder: Path, worker: int) -> None:
    for number in range(20):
        challenge(folder, DOMAIN, str(worker * 100 + number + 1), by=f"worker-{worker}", why="load", at=AT)


def test_processes_at_once_lose_no_history(tmp_path: Path) -> None:
    """Four processes that write at the same time leave every one of their entries, each in its own order."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_challenge_often, args=(tmp_path, number)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]
    history = read_record(tmp_path, DOMAIN).history
    assert len(history) == 80
    for number in range(4):
        mine = [int(change.version) for change in history if change.by == f"worker-{number}"]
        assert mine == sorted(mine)
        assert len(mine) == 20
    assert all(later.previous == earlier.version for earlier, later in pairwise(history))
