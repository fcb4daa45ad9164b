"""Which decisions a rule hit: kept with the decision, counted by version and stage, set beside later labels."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from riskloom.ledger.audit import AuditTrail
from riskloom.ledger.database import reading, writing
from riskloom.ledger.desk import Desk
from riskloom.ledger.hits import HitCount, ShadowCount, count_hits, count_shadow_hits, newest_hits
from riskloom.ledger.labels import state_label
from tests.ledger.examples import DOMAIN, NOW
from tests.ledger.test_shipping import append, shipper


def hit(rule: str, version: int, stage: str) -> dict[str, Any]:
    """A hit as the outbox has it, as far as the ledger looks at it."""
    return {"rule": rule, "version": version, "stage": stage, "effect": "force", "outcome": "review"}


@pytest.fixture
def decided(ledger: Engine, tmp_path: Path) -> Engine:
    """
    Eight decisions: the new version of a rule hit each, three with effect, and one that another rule hit.

    Two of those in shadow would have been another outcome.
    """
    append(tmp_path, 0, 1, 2, rules_hit=[hit("r", 2, "rollout")], outcome="review")
    would = {"rules_hit": [hit("r", 2, "shadow")], "outcome": "review"}
    append(tmp_path, 3, 4, shadow=would, outcome="approve")
    append(tmp_path, 5, 6, 7, shadow=would, outcome="review", day="2026-03-02")
    append(tmp_path, 8, rules_hit=[hit("other", 1, "live"), "no hit"])
    for _ in range(2):
        shipper(ledger, tmp_path).ship()
    return ledger


def test_hits_are_counted_by_version_and_stage(decided: Engine) -> None:
    """From an instant on; what has effect apart from what is in shadow, and other rules not at all."""
    with reading(decided) as session:
        assert count_hits(session, DOMAIN, "r", since=NOW) == (HitCount(2, 3, 5),)
        assert count_hits(session, DOMAIN, "r", since=NOW + timedelta(hours=1)) == (HitCount(2, 0, 3),)
        assert count_hits(session, DOMAIN, "other", since=NOW) == (HitCount(1, 1, 0),)
        assert count_hits(session, DOMAIN, "nobody", since=NOW) == ()


def test_the_newest_hits_lead_to_their_decisions(decided: Engine) -> None:
    """With the stage that the version had for the subject."""
    with reading(decided) as session:
        found = newest_hits(session, DOMAIN, "r", limit=4)
    assert [one.decision_id for one in found] == ["d-7", "d-6", "d-5", "d-4"]
    assert {(one.version, one.stage) for one in found} == {(2, "shadow")}
    assert (found[-1].subject, found[-1].entity, found[-1].outcome) == ("s-4", "e-4", "approve")


def test_hits_have_the_points_and_the_level_that_their_decisions_say(ledger: Engine, tmp_path: Path) -> None:
    """In effect or in shadow; of a record that does not say them there are none."""
    reached = {"points": 45.0, "scenario": {"level": "alert", "threshold": 40.0, "rules": {"r": 45.0}}}
    append(tmp_path, 0, rules_hit=[hit("s", 1, "live") | reached], outcome="review")
    append(tmp_path, 1, shadow={"rules_hit": [hit("s", 1, "shadow") | {"points": 30.0}], "outcome": "review"})
    append(tmp_path, 2, rules_hit=[hit("s", 1, "live")], outcome="review")
    shipper(ledger, tmp_path).ship()
    with reading(ledger) as session:
        found = newest_hits(session, DOMAIN, "s", limit=4)
    assert {one.decision_id: (one.points, one.level) for one in found} == {
        "d-0": (45.0, "alert"), "d-1": (30.0, None), "d-2": (None, None),
    }  # fmt: skip


def test_shadow_hits_are_set_beside_the_latest_label(decided: Engine, tmp_path: Path) -> None:
    """A correction holds in place of what it corrects; hits with effect are none in shadow."""
    with writing(decided) as session:
        for minutes, (subject, value) in enumerate((("s-3", False), ("s-4", False), ("s-3", True), ("s-0", True))):
            desk = Desk(session, AuditTrail(b"k" * 32, tmp_path / "a.json"), "ana", NOW + timedelta(minutes=minutes))
            state_label(
                desk, DOMAIN, subject, value=value, provenance="import", effective_at=NOW, matured_at=None, details={}
            )
    with reading(decided) as session:
        assert count_shadow_hits(session, DOMAIN, "r", 2, since=NOW) == ShadowCount(5, 2, 2, 1)
        assert count_shadow_hits(session, DOMAIN, "r", 1, since=NOW) == ShadowCount(0, 0, 0, 0)
