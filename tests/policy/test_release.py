"""A few would-be hardest outcomes are released, at random and by rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from scipy.stats import binom

from riskloom.catalog import Domain, Policy
from riskloom.policy import Choice, CostPolicy, Exploration, Releases
from tests.policy.declared import THREE

SECRET = b"a secret of a test".ljust(32, b".")
DAY = date(2026, 3, 1)
HARDEST = CostPolicy(THREE).choose(0.99, 40.0)


def releasing(share: float = 1.0, most: float = 50.0, a_day: int = 1_000_000, to: tuple[str, ...] = ("o0",)) -> Domain:
    """The domain with releases."""
    declared = Policy(release_share=share, release_max_amount=most, release_per_day=a_day, release_to=to)
    return THREE.model_copy(update={"policy": declared})


def considered(domain: Domain, choice: Choice = HARDEST, *, amount: float = 40.0, key: str = "k") -> Choice:
    return Releases(domain, secret=SECRET).consider(choice, key=key, amount=amount, day=DAY)


def test_a_release_is_marked() -> None:
    """It has the milder outcome, says what it would have been, and with which probability it was drawn."""
    assert HARDEST.outcome == "o2"
    released = considered(releasing())
    assert (released.outcome, released.basis, released.is_mildest) == ("o0", "exploration", True)
    assert released.exploration == Exploration(would_be="o2", propensity=1.0)
    assert released.expected_costs == HARDEST.expected_costs


def test_the_share_of_released_is_the_declared_one() -> None:
    """Of 20,000 events it lies within what chance does once in a million times, and other secrets draw others."""
    domain, keys = releasing(0.02), [f"event-{number}" for number in range(20_000)]
    releases, others = Releases(domain, secret=SECRET), Releases(domain, secret=SECRET[::-1])
    drawn = {key for key in keys if releases.is_drawn(key)}
    low, high = binom.ppf([5e-7, 1 - 5e-7], len(keys), 0.02)
    assert low <= len(drawn) <= high
    assert len(drawn & {key for key in keys if others.is_drawn(key)}) < len(drawn) / 4


def test_a_replay_draws_the_same() -> None:
    """Whatever else was decided before, in whatever order: the event's key decides."""
    domain, keys = releasing(0.3), [f"event-{number}" for number in range(200)]
    once = {key for key in keys if considered(domain, key=key).exploration}
    releases = Releases(domain, secret=SECRET)
    again = {key for key in keys[::-1] if releases.consider(HARDEST, key=key, amount=40.0, day=DAY).exploration}
    assert once == again
    assert 0 < len(once) < len(keys)


@pytest.mark.parametrize(
    "choice",
    [
        CostPolicy(THREE).choose(0.99, 40.0, forced={"o2": ["r"]}),
        CostPolicy(THREE).choose(0.0, 40.0),
        CostPolicy(THREE).choose(0.99, 40.0, forbidden={"o0": ["r"]}),
        replace(HARDEST, basis="safe_outcome"),
    ],
    ids=["forced by a rule", "not the hardest", "the milder one forbidden", "safe outcome"],
)
def test_what_is_not_released(choice: Choice) -> None:
    """What a rule forced, what would be milder anyway, what a rule forbids, and what nobody could weigh stays."""
    assert considered(releasing(), choice) is choice


def test_no_larger_amount_is_released() -> None:
    """The declared amount still is, and an unknown one is not."""
    assert considered(releasing(), amount=50.0).exploration
    assert not considered(releasing(), amount=50.01).exploration
    assert not considered(releasing(), amount=float("nan")).exploration


def test_a_forbidden_outcome_gives_way_to_the_next_that_is_declared() -> None:
    """Of those that are declared for releases the mildest that is not forbidden is given."""
    choice = CostPolicy(THREE).choose(0.99, 40.0, forbidden={"o0": ["r"]})
    assert considered(releasing(to=("o1", "o0")), choice).outcome == "o1"


def test_a_day_has_so_many_releases() -> None:
    """The same event again is no further one; a new day begins anew."""
    releases = Releases(releasing(a_day=2), secret=SECRET)

    def is_released(key: str, day: date = DAY) -> bool:
        return releases.consider(HARDEST, key=key, amount=1.0, day=day).exploration is not None

    assert [is_released(key) for key in ("a", "b", "b", "c", "a")] == [True, True, True, False, True]
    assert is_released("c", date(2026, 3, 2))


def test_without_a_declared_share_nobody_is_released() -> None:
    """A domain that declares no releases has none."""
    assert considered(THREE) is HARDEST
