"""The outcome of least expected cost, what rules may say of it, and what would have changed it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskloom.catalog import Domain
from riskloom.errors import PolicyError
from riskloom.policy import CostPolicy, policy_version
from tests.policy.declared import CATALOG, THREE, amounts, domains, probabilities

FEW = settings(max_examples=150, deadline=None)


def cost(domain: Domain, name: str, p: float, a: float) -> float:
    """The declared formula, written out once more."""
    costs = domain.costs
    outcome = next(outcome for outcome in domain.outcome if outcome.name == name)
    loss = a if costs.false_negative == "amount" else costs.false_negative
    margin = costs.margin if isinstance(costs.margin, float) else costs.margin.share_of_amount * a
    honest = costs.friction * outcome.friction + outcome.drop_out * margin
    return p * loss * (1 - outcome.prevents) + (1 - p) * honest + outcome.minutes * costs.minute


@FEW
@given(domains(), probabilities, amounts)
def test_the_chosen_outcome_costs_least(domain: Domain, p: float, a: float) -> None:
    """Nothing else would be cheaper in expectation, and every outcome's cost is the declared formula's."""
    choice = CostPolicy(domain).choose(p, a)
    assert choice.expected_costs is not None
    for name, expected in choice.expected_costs.items():
        assert expected == pytest.approx(cost(domain, name, p, a), abs=1e-9)
    assert choice.expected_costs[choice.outcome] == min(choice.expected_costs.values())


def test_of_equal_costs_the_mildest_is_chosen() -> None:
    """With nothing at stake and nobody to trouble all outcomes cost nothing."""
    free = THREE.model_copy(update={"costs": THREE.costs.model_copy(update={"minute": 0.0})})
    choice = CostPolicy(free).choose(1.0, 0.0)
    assert (choice.outcome, choice.is_mildest, choice.changed_by) == ("o0", True, None)


@FEW
@given(domains(), st.lists(st.tuples(probabilities, amounts), min_size=1, max_size=20))
def test_many_rows_are_decided_as_each_by_itself(domain: Domain, drawn: list[tuple[float, float]]) -> None:
    """What is measured in training is what is served: arrays and single floats give the same outcome, always."""
    policy = CostPolicy(domain)
    p, a = (np.array(column) for column in zip(*drawn, strict=True))
    together = [policy.names[index] for index in policy.choose_rows(p, a)]
    assert together == [policy.choose(*row).outcome for row in drawn]


@pytest.mark.parametrize("score", [None, math.nan, math.inf, 0.5])
@pytest.mark.parametrize("amount", [math.nan, -1.0, math.inf])
def test_without_score_or_amount_the_safe_outcome_holds(score: float | None, amount: float) -> None:
    """Where nothing can be weighed nothing is expected, neither of one row nor of many."""
    policy = CostPolicy(THREE)
    choice = policy.choose(score, amount)
    assert (choice.outcome, choice.basis, choice.expected_costs) == ("o1", "safe_outcome", None)
    row = policy.choose_rows(np.array([math.nan if score is None else score]), np.array([amount]))
    assert policy.names[row[0]] == "o1"
    assert policy.choose(None, 10.0).basis == "safe_outcome"


@pytest.mark.parametrize(("score", "outcome"), [(0.9989, "o0"), (0.999, "o1"), (1.0, "o1")])
def test_what_is_only_unusual_gets_the_outcome_for_it(score: float, outcome: str) -> None:
    """A score that is no probability is compared with the model's threshold, whatever the amount."""
    policy = CostPolicy(THREE)
    choice = policy.choose(score, 1e6, threshold=0.999)
    assert (choice.outcome, choice.basis, choice.expected_costs) == (outcome, "threshold", None)
    assert (choice.changed_by.score_below if choice.changed_by else None) == (None if outcome == "o0" else 0.999)
    row = policy.choose_rows(np.array([score]), np.array([1e6]), threshold=0.999)
    assert policy.names[row[0]] == outcome


@FEW
@given(domains(is_ordered=True), amounts, probabilities, probabilities)
def test_a_larger_probability_is_never_decided_milder(domain: Domain, a: float, one: float, two: float) -> None:
    """
    At the same amount, where what outcomes prevent and what honest subjects suffer do not fall with hardness.

    Minutes may fall: they cost the same at every probability. Costs that differ by rounding alone count as equal.
    """
    policy = CostPolicy(domain)
    low, high = policy.choose(min(one, two), a), policy.choose(max(one, two), a)
    assert high.expected_costs is not None
    costs = high.expected_costs
    is_milder = policy.names.index(high.outcome) < policy.names.index(low.outcome)
    assert not is_milder or costs[low.outcome] == pytest.approx(costs[high.outcome], rel=1e-9, abs=1e-9)


@FEW
@given(domains(), probabilities, amounts, st.data())
def test_rules_force_and_forbid(domain: Domain, p: float, a: float, data: st.DataObject) -> None:
    """What is forbidden is left out; of what is forced and not forbidden the hardest holds; else the cheapest left."""
    policy = CostPolicy(domain)
    names = st.lists(st.sampled_from(policy.names), unique=True)
    forced, forbidden = ({name: [f"rule-{name}"] for name in data.draw(names)} for _ in range(2))
    choice = policy.choose(p, a, forced=forced, forbidden=forbidden)
    allowed = [name for name in policy.names if name not in forbidden]
    imposed = [name for name in allowed if name in forced]
    assert choice.expected_costs is None or set(choice.expected_costs) == set(policy.names)
    assert {name: list(ids) for name, ids in choice.forbidden_by.items()} == forbidden
    if not allowed:
        assert (choice.outcome, choice.basis) == ("o1", "safe_outcome")
    elif imposed:
        assert (choice.outcome, choice.basis) == (imposed[-1], "rule")
        assert choice.forced_by == (f"rule-{imposed[-1]}",)
    else:
        assert choice.expected_costs is not None
        assert choice.basis == "expected_cost"
        assert choice.outcome == min(allowed, key=choice.expected_costs.__getitem__)
    if choice.changed_by is not None:
        unruled = policy.choose(p, a).outcome
        assert choice.changed_by.without_rules == (None if unruled == choice.outcome else unruled)


@pytest.mark.parametrize(
    ("forbidden", "outcome"), [({"o1"}, "o2"), ({"o1", "o2"}, "o0"), ({"o0"}, "o1"), ({"o0", "o1", "o2"}, "o1")]
)
def test_a_forbidden_safe_outcome_gives_way_to_the_next_harder(forbidden: set[str], outcome: str) -> None:
    """Or to the next milder where there is none; where all are forbidden it holds after all."""
    choice = CostPolicy(THREE).choose(None, 5.0, forbidden={name: ["r"] for name in forbidden})
    assert (choice.outcome, choice.basis) == (outcome, "safe_outcome")


def test_a_rule_about_an_unknown_outcome_is_an_error() -> None:
    """The message names the domain's outcomes and what was found."""
    with pytest.raises(PolicyError, match="expected one of o0, o1, o2, found 'freeze'"):
        CostPolicy(THREE).choose(0.5, 5.0, forced={"freeze": ["r"]})


@FEW
@given(domains(), probabilities, amounts, st.sampled_from(["probability", "amount"]))
def test_what_would_have_changed_it_is_what_brute_force_finds(domain: Domain, p: float, a: float, which: str) -> None:
    """Just below the stated value a milder outcome is chosen; from there up to the real one none is."""
    policy = CostPolicy(domain)
    choice = policy.choose(p, a)
    if choice.is_mildest:
        return
    assert choice.changed_by is not None
    bound = getattr(choice.changed_by, f"{which}_below")
    end = p if which == "probability" else a
    hardness = policy.names.index(choice.outcome)

    def milder_by(x: float) -> float:
        """By how much the best milder outcome is cheaper than every other at x."""
        costs = [terms.expected(*((x, a) if which == "probability" else (p, x))) for terms in policy.terms]
        return min(costs[hardness:]) - min(costs[:hardness])

    rounding = 1e-9 * (1 + max(abs(cost) for cost in (choice.expected_costs or {}).values()))
    start = 0.0 if bound is None else bound
    assert bound is None or 0 < bound <= end
    assert all(milder_by(x) <= rounding for x in np.linspace(start, end, 101))
    if bound is not None:
        nearby = [milder_by(bound * (1 - step)) for step in np.geomspace(1e-12, 0.5, 100)]
        assert max(nearby) >= -rounding
        assert milder_by(bound) == pytest.approx(0, abs=1e3 * rounding)


def test_what_would_have_changed_it_by_hand() -> None:
    """A likely fraud over 100: the costs and both bounds, computed on paper."""
    choice = CostPolicy(THREE).choose(0.9, 100.0)
    assert choice.outcome == "o2"
    assert choice.expected_costs == pytest.approx({"o0": 90.0, "o1": 21.2, "o2": 4.0})
    assert choice.changed_by is not None
    # looking: 20p + 2(1-p) + 3; blocking: 40(1-p); equal at p = 35/58
    assert choice.changed_by.probability_below == pytest.approx(35 / 58)
    # looking: 0.18a + 0.2 + 3; blocking: 2 + 0.02a; blocking is cheaper at every amount; approving: 0.9a
    assert choice.changed_by.amount_below == pytest.approx(2 / 0.88)


def test_the_version_names_everything_that_decides() -> None:
    """Another cost, outcome, release or safe outcome is another version; another wording is the same one."""
    worded = [outcome.model_copy(update={"description": "In other words."}) for outcome in THREE.outcome]
    assert policy_version(THREE.model_copy(update={"outcome": tuple(worded)})) == policy_version(THREE)
    others: list[dict[str, object]] = [
        {"costs": THREE.costs.model_copy(update={"minute": 1.01})},
        {"outcome": THREE.outcome[:2]},
        {"policy": THREE.policy.model_copy(update={"release_share": 0.1})},
        {"serving": THREE.serving.model_copy(update={"safe_outcome": "o2"})},
    ]
    versions = {policy_version(THREE.model_copy(update=update)) for update in others}
    assert len(versions) == len(others)
    assert policy_version(THREE) not in versions


@pytest.mark.parametrize("domain", CATALOG.values(), ids=CATALOG)
def test_every_declared_outcome_is_chosen_somewhere(domain: Domain) -> None:
    """On a fine grid of probabilities and amounts each outcome of each domain is the cheapest at least once."""
    policy = CostPolicy(domain)
    p, a = np.meshgrid(np.linspace(0, 1, 401), np.geomspace(1, 1e5, 101))
    assert set(policy.choose_rows(p.ravel(), a.ravel()).tolist()) == set(range(len(policy.names)))
