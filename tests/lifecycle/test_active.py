"""Rules in force on one subject: who has effect, who is in shadow, and whom a roll-out reaches."""

from __future__ import annotations

from typing import Any

import pytest

from riskloom.errors import CatalogError
from riskloom.lifecycle.active import ActiveRules, Judgement, why
from riskloom.lifecycle.assignment import is_in_share, is_reached, key_of_canary, key_of_rule
from riskloom.lifecycle.publication import Publication, PublishedMember, PublishedRule
from riskloom.rules import Facts, Schema
from tests.lifecycle.world import DOMAIN, NOW, SCHEMA, source

KEY = key_of_rule(b"k" * 32, DOMAIN, "large_amount")
INSIDE = next(f"e-{n}" for n in range(1_000) if is_reached(f"e-{n}", 10, KEY))
OUTSIDE = next(f"e-{n}" for n in range(1_000) if not is_reached(f"e-{n}", 10, KEY))


def rule(version: int, stage: Any, *, percent: int | None = None, **text: Any) -> PublishedRule:
    """A published version."""
    written = source(**text)
    name = text.get("name", "large_amount")
    return PublishedRule(id=name, version=version, stage=stage, percent=percent, step=7, key=KEY.hex(), source=written)


def judge(*rules: PublishedRule, entity: str | None = OUTSIDE, stopped: Any = (), amount: float = 500) -> Judgement:
    """What rules say of an amount."""
    lists = {"watched": (PublishedMember(value="DE", added_at=NOW, expires_at=None),)}
    active = ActiveRules(Publication(domain=DOMAIN, published_at=NOW, rules=rules, lists=lists), SCHEMA)
    facts = Facts({"amount": amount, "country": "DE"}, {}, at=NOW, lists=active.lists)
    return active.judge(facts, entity, stopped)


def versions(judgement: Judgement) -> tuple[list[int], list[int]]:
    """Of those that hit: with effect, and in shadow."""
    return tuple([hit.active.published.version for hit in hits] for hits in (judgement.hits, judgement.shadow))  # type: ignore[return-value]


def test_a_canary_s_share_is_of_the_same_hash() -> None:
    """A share is what it says, who is in stays in as it grows, 1 is everybody; each version has an order of its own."""
    entities, key = [f"e-{number}" for number in range(20_000)], key_of_canary(b"k" * 32, DOMAIN, "7")
    inside = {share: {name for name in entities if is_in_share(name, share, key)} for share in (0.001, 0.05, 0.5, 1.0)}
    for share, names in inside.items():
        assert len(names) / len(entities) == pytest.approx(share, abs=0.01)
    assert inside[0.001] < inside[0.05] < inside[0.5] < inside[1.0] == set(entities)
    assert inside[0.05] == {name for name in entities if is_reached(name, 5, key)}
    other = key_of_canary(b"k" * 32, DOMAIN, "8")
    assert sum(is_in_share(name, 0.5, other) for name in inside[0.5]) / len(inside[0.5]) == pytest.approx(0.5, abs=0.03)


def test_who_is_reached_stays_reached() -> None:
    """As the percentage grows; close to that many of all are, and each rule has another order."""
    entities = [f"entity-{number}" for number in range(5_000)]
    reached = {percent: {name for name in entities if is_reached(name, percent, KEY)} for percent in (1, 5, 20, 50, 99)}
    assert reached[1] < reached[5] < reached[20] < reached[50] < reached[99] < set(entities)
    for percent, names in reached.items():
        assert abs(len(names) / len(entities) - percent / 100) < 0.025
    other = key_of_rule(b"k" * 32, DOMAIN, "another_rule")
    both = sum(is_reached(name, 20, other) for name in reached[20])
    assert abs(both / len(reached[20]) - 0.2) < 0.06
    assert key_of_rule(b"x" * 32, DOMAIN, "large_amount") != KEY


def test_live_rules_have_effect_and_shadows_none() -> None:
    """What is forced and forbidden comes from the live ones; with shadows one sees what would come."""
    found = judge(
        rule(1, "live"),
        rule(1, "shadow", name="second_rule", effect="outcome: {forbid: block}"),
        rule(1, "live", name="third_rule", effect="score: 40"),
        rule(1, "live", name="fourth_rule", bound=900),
    )
    assert (found.forced(), found.forbidden()) == ({"review": ["large_amount"]}, {})
    assert found.forced(with_shadow=True) == {"review": ["large_amount"]}
    assert found.forbidden(with_shadow=True) == {"block": ["second_rule"]}
    assert [hit.active.effect for hit in found.hits] == [("force", "review", None), ("score", None, 40.0)]
    assert found.spared == ()


@pytest.mark.parametrize(("entity", "expected"), [(INSIDE, ([2], [])), (OUTSIDE, ([1], [2])), (None, ([1], [2]))])
def test_a_rollout_stands_in_for_the_live_version(entity: str | None, expected: tuple[list[int], list[int]]) -> None:
    """For those it reaches; for the others, and for whom nobody knows, it is in shadow."""
    found = judge(rule(1, "live"), rule(2, "rollout", percent=10, bound=400), entity=entity)
    assert versions(found) == expected
    assert found.spared == (("large_amount", 1 if entity == INSIDE else 2, 7),)
    assert {hit.stage for hit in (*found.hits, *found.shadow)} <= {"live", "rollout", "shadow"}


def test_a_stopped_version_is_in_shadow() -> None:
    """Until it is moved again, which is another step; the live version holds in its place."""
    rules = (rule(1, "live"), rule(2, "rollout", percent=10, bound=400))
    assert versions(judge(*rules, entity=INSIDE, stopped={("large_amount", 2, 7)})) == ([1], [2])
    assert versions(judge(*rules, entity=INSIDE, stopped={("large_amount", 2, 6)})) == ([2], [])
    assert versions(judge(rule(1, "live"), stopped={("large_amount", 1, 7)})) == ([], [1])


def test_lists_come_with_the_rules() -> None:
    """And a hit says which comparisons made it."""
    found = judge(rule(1, "live", when="event.amount > 300 and event.country in list.watched"))
    facts = Facts({"amount": 500, "country": "DE"}, {}, at=NOW, lists={})
    assert versions(found) == ([1], [])
    assert why(found.hits[0], facts) == (), "without the lists it is not true"


def test_rules_that_do_not_fit_any_more_are_refused() -> None:
    """A feature or an outcome that is gone: nothing of the file is used, and the message says which rule."""
    publication = Publication(domain=DOMAIN, published_at=NOW, rules=(rule(3, "live"),))
    with pytest.raises(CatalogError, match="large_amount version 3"):
        ActiveRules(publication, Schema({"event.country": SCHEMA.fields["event.country"]}))
