"""What the rules of every declared domain keep."""

from __future__ import annotations

from riskloom.catalog import Domain
from riskloom.rules import RuleBook, Schema, declared_lists, facts_of, read_condition, reasons, render
from riskloom.rules.tree import Field, InList, lists_of, walk


def test_every_domain_has_rules_whose_examples_hold(book: RuleBook) -> None:
    """Loading them is the check: an example that does not hold refuses its rule."""
    assert len(book.rules) >= 4
    assert book.scenarios


def test_together_they_hit_what_they_hit_alone(book: RuleBook) -> None:
    """Sharing what several rules compute changes no answer."""
    compiled = book.compiled()
    for rule in book.rules.values():
        for is_positive, examples in (
            (True, rule.declaration.examples.positive),
            (False, rule.declaration.examples.negative),
        ):
            for example in examples:
                assert (rule.id in compiled.evaluate(facts_of(example)).rules) is is_positive, (rule.id, example.name)


def test_every_hit_has_reasons(book: RuleBook) -> None:
    """Each positive example names at least one comparison that made it so; negative ones name none."""
    for rule in book.rules.values():
        examples = rule.declaration.examples
        assert all(reasons(rule.condition, facts_of(example)) for example in examples.positive)
        assert not any(reasons(rule.condition, facts_of(example)) for example in examples.negative)


def test_a_condition_as_text_is_the_same_condition(book: RuleBook, schema: Schema) -> None:
    """What people are shown is what is evaluated."""
    for rule in book.rules.values():
        assert read_condition(render(rule.condition), schema) == rule.condition


def test_every_list_is_asked(domain: Domain, book: RuleBook, schema: Schema) -> None:
    """A declared list that no rule asks would be filled for nothing."""
    asked = {name for rule in book.rules.values() for name in lists_of(rule.condition)}
    assert asked == set(schema.lists), domain.name


def test_lists_that_are_asked_about_people_say_so(domain: Domain, book: RuleBook) -> None:
    """Otherwise members were kept as they are typed, and would meet no event's pseudonym."""
    lists, people = declared_lists(domain), domain.event_table.pseudonyms
    asked = (node for rule in book.rules.values() for node in walk(rule.condition) if isinstance(node, InList))
    for node in asked:
        if isinstance(node.item, Field) and node.item.name.removeprefix("event.") in people:
            assert f"event.{lists[node.list_name].of}" == node.item.name, node.list_name


def test_every_rule_with_points_is_in_a_scenario(book: RuleBook) -> None:
    """Points that nothing adds up would never matter."""
    scored = {rule.id for rule in book.rules.values() if rule.declaration.score is not None}
    assert scored == {name for scenario in book.scenarios.values() for name in scenario.declaration.rules}
