"""What the rules of every declared domain keep."""

from __future__ import annotations

from riskloom.catalog import Domain
from riskloom.rules import RuleBook, Schema, facts_of, read_condition, reasons, render
from riskloom.rules.tree import lists_of


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


def test_every_rule_with_points_is_in_a_scenario(book: RuleBook) -> None:
    """Points that nothing adds up would never matter."""
    scored = {rule.id for rule in book.rules.values() if rule.declaration.score is not None}
    assert scored == {name for scenario in book.scenarios.values() for name in scenario.declaration.rules}
