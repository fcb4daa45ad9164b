"""A domain's rules on its own history: the same hits as row by row on what a training would see."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import duckdb
import pytest

from riskloom.features import decision_set
from riskloom.lifecycle.backtest import backtest
from riskloom.lifecycle.history import History
from riskloom.rules import Facts, Rule, RuleSet, load_lists, load_rules, schema_of
from riskloom.rules.tree import fields_of
from tests.features.conftest import Built


@pytest.fixture(scope="module")
def rules(built: Built) -> list[Rule]:
    """Those of the domain's rules that do not ask for a score."""
    features = [name for view in built.views for name in view.features]
    book = load_rules(built.domain.folder, schema_of(built.domain, features, load_lists(built.domain)))
    return [rule for rule in book.rules.values() if "score" not in fields_of(rule.condition)]


def test_every_rule_hits_the_same_decisions(built: Built, rules: list[Rule]) -> None:
    """With features of views and of the request, joined and computed as for a training."""
    decisions = decision_set(
        built.domain, built.views, built.store(), built.settings.marts, start=built.start, end=built.as_of
    )
    rows = decisions.frame.set_index(built.domain.subject.key)
    found = duckdb.execute("select * from read_parquet($path)", {"path": str(built.mart("subjects"))})
    columns = [column[0] for column in found.description or []]
    compiled, hits = RuleSet(rules), dict.fromkeys((rule.id for rule in rules), 0)
    for values in found.fetchall():
        row = dict(zip(columns, values, strict=True))
        features = rows.loc[row[built.domain.subject.key], list(decisions.features)]
        facts = Facts(event(built, row), features.to_dict(), at=aware(row["decision_at"]))
        for name in compiled.evaluate(facts).rules:
            hits[name] += 1
    history = History(
        built.domain, built.views, built.settings.marts, start=built.start, end=built.as_of, as_of=built.as_of
    )
    assert {rule.id: backtest(history, rule, 1).hits for rule in rules} == hits
    assert sum(hits.values()) > 0


def event(built: Built, row: dict[str, Any]) -> dict[str, Any]:
    """The event's columns, with the types that a service reads."""
    kinds = {name: column.type for name, column in built.domain.event_table.columns.items()}
    return {name: aware(row[name]) if kind == "timestamp" else row[name] for name, kind in kinds.items()}


def aware(moment: datetime | None) -> Any:
    """A mart's time, which is in UTC without saying so."""
    return None if moment is None else moment.replace(tzinfo=UTC)
