"""The large ledger that benchmarks ask: it holds together as one that was filled by decisions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from benchmarks.ledger.filled import ASSIGNEE, Filling, decision_id, fill
from riskloom.ledger.database import reading
from riskloom.ledger.queries import (
    case_file,
    case_queue,
    case_timeline,
    cases_of,
    count_by_day,
    find_decisions,
    get_decision,
    labels_of,
    workload,
)

END = datetime(2026, 3, 1, tzinfo=UTC)
START = END - timedelta(days=90)
SHOP, CLOUD = "shop", "cloud"


@pytest.fixture
def filling() -> Filling:
    """Two thousand decisions of two domains."""
    return Filling({SHOP: ["pass", "look", "stop"], CLOUD: ["pass", "stop"]}, START, END, decisions=2_000, cases=60)


@pytest.fixture
def filled(ledger: Engine, filling: Filling) -> Engine:
    """They are in a ledger."""
    fill(ledger, filling)
    return ledger


def test_decisions_can_be_read(filled: Engine, filling: Filling) -> None:
    """From first to last within the period, with documents, by every outcome."""
    with reading(filled) as session:
        newest = find_decisions(session, SHOP, limit=1).rows[0]
        whole = get_decision(session, decision_id(1_999))
        for outcome in filling.outcomes[SHOP]:
            assert find_decisions(session, SHOP, outcome=outcome).rows
    assert START <= newest.decided_at < END
    assert END - whole.decided_at < timedelta(days=1)
    assert (len(whole.features), len(whole.reasons)) == (30, 5)
    assert whole.reasons[0]["feature"] in whole.features


def test_cases_have_what_their_entities_did(filled: Engine, filling: Filling) -> None:
    """One is busier than all others; states, links, notes and labels are there, and the sums add up."""
    with reading(filled) as session:
        busy, other = case_file(session, "c-0"), case_file(session, "c-7")
        assert busy.alert_count >= 8 > other.alert_count >= 4
        assert (len(busy.links), len(busy.notes)) == (5, 50)
        assert {alert.entity for alert in other.alerts} == {filling.entity_name(7)}
        assert len(case_timeline(session, "c-0", limit=500).rows) == busy.case.version == 400
        work = [workload(session, name, at=END) for name in filling.outcomes]
        assert sum(one.open_cases for one in work) == filling.cases
        assert all(0 < one.overdue < one.open_cases for one in work)
        assert [case.case_id for case in cases_of(session, ASSIGNEE).rows] == ["c-0"]
        assert case_queue(session, SHOP, at=END, state="snoozed").rows
        assert len(labels_of(session, SHOP, "s-3")) == 1
        assert len(count_by_day(session, CLOUD, first=END.date(), last=END.date())) == 2
