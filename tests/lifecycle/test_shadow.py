"""From what rules in shadow would have done to proposals."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from riskloom.ledger.database import reading, writing
from riskloom.ledger.desk import Desk
from riskloom.ledger.labels import state_label
from riskloom.ledger.records import decision_row, hit_rows
from riskloom.ledger.schema import Decision, RuleHit
from riskloom.lifecycle.approvals import open_proposals
from riskloom.lifecycle.shadow import PROPOSER, Criteria, propose_rollouts, shadow_results
from riskloom.lifecycle.transitions import Placement
from tests.ledger.examples import record
from tests.lifecycle.world import DOMAIN, NOW, Office, source

RULE = "large_amount"
LOW = Criteria(time=timedelta(days=1), decisions=20, percent=5)


@pytest.fixture
def office(sqlite_ledger: Engine, tmp_path: Path) -> Office:
    """An office with a rule in shadow, and 24 decisions of a day after: four of them were hit."""
    return _office(sqlite_ledger, tmp_path, source())


def _office(ledger: Engine, folder: Path, text: str) -> Office:
    office = Office.over(ledger, folder)
    office.write(text)
    office.move(RULE, 1, Placement("shadow"))
    rows = [decision(number) for number in range(25)]
    with writing(ledger) as session:
        session.execute(insert(Decision), rows)
        session.execute(insert(RuleHit), [hit for row in rows for hit in hit_rows(row)])
        desk = Desk(session, office.controls.trail, "analyst", NOW + timedelta(hours=6))
        for subject, value in (("s-5", True), ("s-10", False), ("s-11", True)):
            state_label(
                desk, DOMAIN, subject, value=value, provenance="import", effective_at=NOW, matured_at=None, details={}
            )
    office.now = NOW + timedelta(days=2)
    return office


def decision(number: int) -> dict[str, Any]:
    """One of 25: the first came before the shadow, and each fifth after it was hit."""
    hit = {"rule": RULE, "version": 1, "stage": "shadow", "effect": "force", "outcome": "review"}
    shadow = {"rules_hit": [hit], "outcome": "review"} if number % 5 == 0 else None
    at = NOW - timedelta(hours=1) if number == 0 else NOW + timedelta(hours=1, minutes=number)
    outcome = "review" if number == 20 else "approve"
    line = record(number, decided_at=at.isoformat(), outcome=outcome, shadow=shadow)
    return decision_row(json.dumps(line).encode(), DOMAIN)


def test_what_a_version_would_have_done(office: Office) -> None:
    """Since it came to the shadow; of hits that have a label, how many were bad."""
    with reading(office.controls.engine) as session:
        (result,) = shadow_results(session, DOMAIN)
    assert (result.rule_id, result.version, result.decisions, result.hits) == (RULE, 1, 24, 4)
    assert (result.changed, result.labelled, result.bad) == (3, 2, 1)


def test_enough_of_it_is_proposed_once(office: Office) -> None:
    """With figures and in words; people decide, and what waits is not asked again."""
    ids = iter(["p-1", "p-2", "p-3"])
    made = [propose_rollouts(office.controls, DOMAIN, LOW, new_id=lambda: next(ids)) for _ in range(2)]
    assert [[each.approval.approval_id for each in each_time] for each_time in made] == [["p-1"], []]
    with reading(office.controls.engine) as session:
        (waiting,) = open_proposals(session, DOMAIN)
    assert waiting.to == Placement("rollout", 5)
    assert waiting.approval.requested_by == PROPOSER
    assert waiting.proposal.evidence["hits"] == 4
    assert waiting.proposal.evidence["precision"]["of"] == 2
    assert "hit 4 of 24 decisions and would have changed 3; 1 of 2 labelled ones were bad" in waiting.approval.reason


@pytest.mark.parametrize(
    "criteria",
    [
        Criteria(time=timedelta(days=9), decisions=20),
        Criteria(time=timedelta(days=1), decisions=30),
    ],
)
def test_too_little_is_not(office: Office, criteria: Criteria) -> None:
    """Too short a time, too few decisions."""
    assert propose_rollouts(office.controls, DOMAIN, criteria, new_id=lambda: "p") == ()


@pytest.mark.parametrize(("max_share", "proposed"), [(0.1, 0), (0.17, 1)])
def test_how_much_is_too_much_says_the_rule(
    sqlite_ledger: Engine, tmp_path: Path, max_share: float, proposed: int
) -> None:
    """Four of 24 are more than a tenth, and less than 17 percent."""
    text = source().replace("severity", f"max_share: {max_share}\nseverity")
    office = _office(sqlite_ledger, tmp_path, text)
    assert len(propose_rollouts(office.controls, DOMAIN, LOW, new_id=lambda: "p")) == proposed
