"""Rules, scenarios and books: what is read, what is refused and where the mistake is said to stand."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from riskloom.errors import CatalogError, ConfigError
from riskloom.rules import (
    Facts,
    Hits,
    RuleSet,
    load_rules,
    parse_rule,
    parse_scenario,
    read_condition,
    reasons,
)
from riskloom.rules.declaration import RuleDeclaration
from riskloom.rules.rule import Rule
from tests.rules.conditions import MOMENT, SCHEMA
from tests.rules.conftest import RULE, SCENARIO


def mistakes_of(text: str) -> list[str]:
    """The mistakes for which a rule is refused."""
    with pytest.raises(CatalogError) as caught:
        parse_rule(text, file="a.yml", schema=SCHEMA)
    return [str(mistake) for mistake in caught.value.mistakes]


def a_rule(name: str, when: str, effect: str) -> Rule:
    """A rule of amounts: 500 hits it, nothing does not."""
    head, _ = RULE.split("when:")
    examples = "  positive: [{name: much, event: {amount: 500}}]\n  negative: [{name: nothing}]\n"
    text = f"{head}when: {when}\n{effect}\nfalse_positives: [nobody]\nexamples:\n{examples}"
    return parse_rule(text.replace("large_amount", name), file="a.yml", schema=SCHEMA)


def hits(rules: RuleSet, amount: float) -> Hits:
    """What a set of rules says of an amount."""
    return rules.evaluate(Facts({"amount": amount}, {}, MOMENT))


def test_a_rule_is_read() -> None:
    """Its examples hold, so it may be used."""
    rule = parse_rule(RULE, file="large_amount.yml", schema=SCHEMA)
    assert rule.id == "large_amount"
    assert rule.declaration.outcome is not None
    assert rule.declaration.outcome.force == "review"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            ("event.amount > 300", "event.amonut > 300"),
            "a.yml:8:3: when: expected a known name, nearest is 'event.amount'",
        ),
        (("of_day(event.effective_at) < 6", "of_day(event.note) < 6"), "a.yml:9:7: when: expected hour_of_day to take"),
        (("severity: medium", "severity: awful"), "a.yml:4:11: severity: expected 'low', 'medium'"),
        (("owner:", "ownr:"), "a.yml:6:7: ownr: expected a known key, nearest is 'owner', found 'payments-fraud'"),
        (
            ("{force: review}", "{force: reviw}"),
            "a.yml:10:18: outcome.force: expected a known name, nearest is 'review'",
        ),
        (("{force: review}", "{force: review, forbid: block}"), "expected either force or forbid"),
        (("false_positives:", "score: 3\nfalse_positives:"), "expected exactly one effect"),
        (("outcome: {force: review}\n", ""), "expected exactly one effect"),
        (("outcome: {force: review}", "score: 0"), "expected a score that is not 0"),
        (
            ("300.01", "300"),
            "a.yml:14:7: examples.positive.0: expected a row that the rule hits, found no hit",
        ),
        (
            ("{amount: 300,", "{amount: 301,"),
            "a.yml:17:7: examples.negative.0: expected a row that the rule does not hit",
        ),
        (("{amount: 300.01, ", "{"), "found no hit: the condition is unknown (event.amount missing)"),
        (("{amount: 300,", "{amuont: 300,"), "a.yml:18:23: examples.negative.0.event.amuont: expected a known name"),
        (("{amount: 300,", "{amount: much,"), "examples.negative.0.event.amount: expected a number, found 'much'"),
        (("T03:00:00Z}\n  neg", "T03:00:00}\n  neg"), "examples.positive.0.event.effective_at: expected a time"),
        (("owner:", "title: Again\nowner:"), "a.yml:6:1: title: expected each key once"),
        (("severity: medium", "severity: &x medium\nreferences: [*x]"), "expected each value written out"),
        (("severity: medium", "severity: [" + "[" * 40), "expected at most 12 levels"),
        (("severity: medium", "severity: !!python/name:os.system"), "expected YAML, found could not determine"),
        (("severity: medium", "severity: ["), "expected YAML"),
        ((RULE, "- a\n- b\n"), "a.yml:1:1: (whole file): expected keys with values"),
        ((RULE, ""), "expected keys with values, found nothing"),
    ],
)
def test_a_mistake_names_its_line(change: tuple[str, str], expected: str) -> None:
    """Line and column are those of the file, also within a block of text."""
    assert change[0] in RULE
    assert any(expected in mistake for mistake in mistakes_of(RULE.replace(*change, 1))), mistakes_of(
        RULE.replace(*change, 1)
    )


@pytest.mark.parametrize(
    "when",
    [
        "when: event.amount > 300 and event.cuntry == 'x'",
        "when: 'event.amount > 300 and event.cuntry == \"x\"'",
        "when: >-\n  event.amount > 300\n  and event.cuntry == 'x'",
        "when: |-  # a comment\n\n    event.amount > 300\n      and event.cuntry == 'x'",
        "when: event.amount > 300\n   and event.cuntry == 'x'",
    ],
)
def test_however_yaml_writes_a_condition_its_mistake_is_found(when: str) -> None:
    """The place that is told is where the wrong name stands."""
    head, rest = RULE.split("when: |")
    text = f"{head}{when}\noutcome:{rest.split('outcome:')[1]}"
    (mistake,) = mistakes_of(text)
    _, line, column, *_ = mistake.split(":")
    assert text.splitlines()[int(line) - 1][int(column) - 1 :].startswith("event.cuntry")


def test_all_mistakes_of_all_files_are_told_at_once(folder: Callable[..., Path]) -> None:
    """So that they can be mended in one go."""
    wrong = RULE.replace("event.amount > 300", "event.amonut > 300").replace("medium", "awful")
    path = folder({"large_amount.yml": wrong, "other.yml": RULE, "notes.txt": ""})
    with pytest.raises(CatalogError) as caught:
        load_rules(path, SCHEMA)
    told = [str(mistake).replace(path.name, "x") for mistake in caught.value.mistakes]
    assert [line.split(" expected")[0] for line in told] == [
        "x/rules/large_amount.yml:4:11: severity:",
        "x/rules/large_amount.yml:8:3: when:",
        "x/rules/notes.txt: (file name):",
        "x/rules/other.yml: id:",
    ]


def test_two_files_with_one_id_are_refused(folder: Callable[..., Path]) -> None:
    """The second is told which the first is."""
    path = folder({"large_amount.yml": RULE, "large_amount_again.yml": RULE})
    with pytest.raises(CatalogError, match=r"an id that no other file has, found 'large_amount', as in .*large"):
        load_rules(path, SCHEMA)


def test_an_unknown_rule_is_asked_for_with_its_nearest(folder: Callable[..., Path]) -> None:
    """Whoever types a name wrongly is told the right one."""
    book = load_rules(folder({"large_amount.yml": RULE}), SCHEMA)
    assert book.find("large_amount").id == "large_amount"
    with pytest.raises(ConfigError, match="nearest is 'large_amount'"):
        book.find("large_amounts")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("second: 0.5", "secnd: 0.5"), "a.yml:6:26: rules.secnd: expected a known name, nearest is 'second'"),
        (("second: 0.5", "third: 1"), "expected a rule with a score, found 'third', which decides the outcome itself"),
        (("second: 0.5", "second: -1"), "rules.second: expected greater than 0"),
        (("from: 45", "from: 46"), "a.yml:8:22: interdiction.from: expected at most the 45 points of all its rules"),
        (("from: 45", "from: 20"), "expected interdiction from more points than alert"),
        (("force: block", "force: approve"), "expected an outcome that is no milder than the alert's 'review'"),
        (("force: block", "force: blok"), "interdiction.force: expected a known name, nearest is 'block'"),
    ],
)
def test_a_scenario_that_cannot_be_meant_is_refused(change: tuple[str, str], expected: str) -> None:
    """Unknown rules, rules without points, and thresholds that nothing reaches."""
    with pytest.raises(CatalogError) as caught:
        parse_scenario(SCENARIO.replace(*change), file="a.yml", schema=SCHEMA, rules=declared(_three()))
    assert any(expected in str(mistake) for mistake in caught.value.mistakes), str(caught.value)


def declared(rules: dict[str, Rule]) -> dict[str, RuleDeclaration]:
    """What the rules' files say."""
    return {name: rule.declaration for name, rule in rules.items()}


def _three() -> dict[str, Rule]:
    return {
        "first": a_rule("first", "event.amount > 100", "score: 30"),
        "second": a_rule("second", "event.amount > 200", "score: 30"),
        "third": a_rule("third", "event.amount >= 400", "outcome: {forbid: approve}"),
    }


def test_a_set_says_what_hit_and_what_follows() -> None:
    """Ids in order, outcomes once, points by scenario with the level that was reached."""
    rules = _three()
    scenario = parse_scenario(SCENARIO, file="a.yml", schema=SCHEMA, rules=declared(rules))
    compiled = RuleSet(rules.values(), [scenario])
    assert hits(compiled, 50) == Hits((), (), (), {"takeover": 0.0}, (), ())
    assert hits(compiled, 150) == Hits(("first",), ("review",), (), {"takeover": 30.0}, ("takeover",), ())
    assert hits(compiled, 400) == Hits(
        ("first", "second", "third"), ("block",), ("approve",), {"takeover": 45.0}, (), ("takeover",)
    )


def test_an_alert_may_force_nothing() -> None:
    """Then somebody looks, and the outcome is whatever the policy chooses."""
    rules = _three()
    text = SCENARIO.replace("alert: {from: 20, force: review}", "alert: {from: 20}")
    scenario = parse_scenario(text, file="a.yml", schema=SCHEMA, rules=declared(rules))
    found = hits(RuleSet(rules.values(), [scenario]), 150)
    assert (found.forced, found.alerts, found.points) == ((), ("takeover",), {"takeover": 30.0})


def test_a_rule_against_nothing_only_forbids() -> None:
    """It protects honest subjects; whatever forces an outcome or brings points says which abuse it is about."""
    text = RULE.replace("abuse_vector: stolen_card\n", "")
    assert "expected an abuse_vector, as it does more than forbid an outcome" in mistakes_of(text)[0]
    mild = parse_rule(text.replace("force: review", "forbid: block"), file="a.yml", schema=SCHEMA)
    assert mild.declaration.abuse_vector is None


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("event.amount > 300", ["event.amount 420.0 > 300.0"]),
        (
            "event.amount > 300 or event.amount < 500 or event.amount < 1",
            ["event.amount 420.0 > 300.0", "event.amount 420.0 < 500.0"],
        ),
        (
            "not (event.amount <= 300 or event.is_online)",
            ["event.amount 420.0 > 300.0", "event.is_online false == false"],
        ),
        ("event.amount > 2 * feature.mean", ["event.amount 420.0 > 2.0 * feature.mean 200.0"]),
        ("event.country in ['DE', 'FR']", ['event.country DE in ["DE", "FR"]']),
        ("event.country not in list.blocked", ["event.country DE not in list.blocked"]),
        ("starts_with(event.country, 'D')", ['event.country DE starts_with "D"']),
        ("is_missing(event.opened_at)", ["event.opened_at missing is_missing"]),
        ("event.effective_at - event.opened_at > 7d", []),
        ("event.amount > 500", []),
    ],
)
def test_reasons_are_the_comparisons_that_made_it_so(when: str, expected: list[str]) -> None:
    """With the actual value and the bound; under a ``not`` as the opposite; none where the condition is not true."""
    event = {"amount": Decimal("420.00"), "country": "DE", "is_online": False, "effective_at": MOMENT}
    found = reasons(read_condition(when, SCHEMA), Facts(event, {"mean": 100.0}, MOMENT))
    assert [str(reason) for reason in found] == expected
