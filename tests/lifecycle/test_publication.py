"""What services read: signed, whole, and only what is in force."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from riskloom.errors import SignatureError
from riskloom.lifecycle.lists import add_member, open_list
from riskloom.lifecycle.publication import Publication, publication_path, read_publication
from riskloom.lifecycle.transitions import Placement
from riskloom.registry import load_public_key
from tests.lifecycle.world import DOMAIN, SCHEMA, Office, source


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """Where the office's keys are."""
    return tmp_path / "keys"


@pytest.fixture
def office(sqlite_ledger: Engine, tmp_path: Path) -> Office:
    """An office on SQLite."""
    return Office.over(sqlite_ledger, tmp_path)


def published(office: Office, keys: Path) -> Publication:
    """What a service would read now."""
    found = read_publication(office.controls.folder, DOMAIN, load_public_key(keys))
    assert found is not None
    return found


def test_every_command_publishes_what_is_in_force(office: Office, keys: Path) -> None:
    """Drafts and what was retired are not in it; the version's name follows from the content alone."""
    assert read_publication(office.controls.folder, DOMAIN, office.controls.signing_key.public_key()) is None
    office.write(source("first_rule"))
    nothing = published(office, keys)
    assert nothing.rules == ()
    office.move("first_rule", 1, Placement("shadow"))
    shadow = published(office, keys)
    office.agree("first_rule", 1, Placement("rollout", 5))
    (rule,) = published(office, keys).rules
    assert (rule.stage, rule.percent, rule.step, rule.source) == ("rollout", 5, 3, source("first_rule"))
    office.move("first_rule", 1, Placement("shadow"))
    again = published(office, keys)
    assert again.version != shadow.version, "it came to the shadow in another step"
    assert office.controls.publish(DOMAIN).version == again.version
    office.move("first_rule", 1, Placement("retired"))
    assert published(office, keys).version == nothing.version


def test_members_who_can_still_count_are_in_it(office: Office, keys: Path) -> None:
    """With their times, so that a service needs no other clock to know who has expired."""
    with office.controls.commanding(DOMAIN, "lead") as desk:
        open_list(desk, DOMAIN, "watched", kind="watch", owner="payments", reason="it", declared=SCHEMA.lists)
        end = desk.at + timedelta(hours=1)
        add_member(desk, DOMAIN, "watched", "DE", entry_id="1", reason="seen", expires_at=end)
        add_member(desk, DOMAIN, "watched", "FR", entry_id="2", reason="seen", expires_at=None)
    assert [member.value for member in published(office, keys).lists["watched"]] == ["DE", "FR"]
    office.now = end
    office.controls.publish(DOMAIN)
    assert [member.value for member in published(office, keys).lists["watched"]] == ["FR"]


def test_what_other_hands_changed_is_refused(office: Office, keys: Path) -> None:
    """One character, a rule more, another domain's file, no JSON; only the owner can read it."""
    office.write(source())
    office.move("large_amount", 1, Placement("shadow"))
    path = publication_path(office.controls.folder, DOMAIN)
    assert path.parent.stat().st_mode & 0o077 == 0
    whole = path.read_text(encoding="utf-8")
    changed = json.loads(whole)
    changed["content"]["rules"][0]["stage"] = "live"
    elsewhere = json.loads(whole)
    elsewhere["content"]["domain"] = "another_domain"
    for text in (whole.replace("300", "900"), json.dumps(changed), json.dumps(elsewhere), "{", "[]"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(SignatureError):
            published(office, keys)
    path.write_text(whole, encoding="utf-8")
    assert len(published(office, keys).rules) == 1
    other = publication_path(office.controls.folder, "another_domain")
    other.parent.mkdir()
    other.write_text(whole, encoding="utf-8")
    with pytest.raises(SignatureError, match="found those of"):
        read_publication(office.controls.folder, "another_domain", load_public_key(keys))
