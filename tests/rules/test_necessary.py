"""What must hold wherever a condition does, of the fields that are known."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from riskloom.rules import Evaluation, necessary, read_condition, render
from riskloom.rules.tree import fields_of
from tests.rules.conditions import SCHEMA, conditions, rows
from tests.rules.test_agreement import facts_of


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    text=conditions(), known=st.sets(st.sampled_from(sorted(SCHEMA.fields))), given_rows=st.lists(rows(), min_size=1)
)
def test_it_is_true_wherever_the_condition_is(text: str, known: set[str], given_rows: list[dict[str, Any]]) -> None:
    """And it reads nothing else than what is known."""
    condition = read_condition(text, SCHEMA)
    found = necessary(condition, known.__contains__)
    if found is None:
        return
    assert fields_of(found).keys() <= known
    whole, part = Evaluation(condition), Evaluation(found)
    for row in given_rows:
        assert whole.answer(facts_of(row)) is not True or part.answer(facts_of(row)) is True


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("event.amount > 3 and feature.mean > 2", "event.amount > 3.0"),
        ("event.amount > 3 and feature.mean > 2 and score > 1", "event.amount > 3.0"),
        ("event.amount > 3 or feature.mean > 2", None),
        (
            "(event.amount > 3 and score > 1) or (event.items > 2 and feature.mean > 2)",
            "(event.amount > 3.0) or (event.items > 2.0)",
        ),
        ("event.amount > feature.mean", None),
        ("not (event.amount > 3 and feature.mean > 2)", None),
        ("event.amount > 3 and not event.is_online", "(event.amount > 3.0) and (not event.is_online)"),
    ],
)
def test_what_the_event_alone_tells(text: str, expected: str | None) -> None:
    """Terms that it cannot tell are left out of ``and``; ``or`` needs all of its own."""
    found = necessary(read_condition(text, SCHEMA), lambda name: name.startswith("event."))
    assert (None if found is None else render(found)) == expected
