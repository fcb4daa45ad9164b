"""From a score to a declared outcome."""

from __future__ import annotations

import math

import pytest

from riskloom.catalog import Domain, load_catalog
from riskloom.policy import choose_outcome

DOMAINS = load_catalog()


def at(domain: Domain, *from_scores: float | str) -> Domain:
    """The domain with outcomes ``o0``, ``o1``, … from these scores, ``o1`` being the safe one."""
    return domain.model_copy(
        update={
            "outcome": tuple(
                domain.outcome[0].model_copy(update={"name": f"o{n}", "from_score": from_score})
                for n, from_score in enumerate(from_scores)
            ),
            "serving": domain.serving.model_copy(update={"safe_outcome": "o1"}),
        }
    )


@pytest.mark.parametrize("domain", DOMAINS.values(), ids=DOMAINS)
@pytest.mark.parametrize(
    ("score", "outcome"), [(0.0, "o0"), (0.199, "o0"), (0.2, "o1"), (0.899, "o1"), (0.9, "o2"), (1.0, "o2")]
)
def test_last_reached_outcome_applies(domain: Domain, score: float, outcome: str) -> None:
    """An outcome begins exactly at its score; the one from «threshold» begins where the model says."""
    assert choose_outcome(at(domain, 0, "threshold", 0.9), score, threshold=0.2).name == outcome


@pytest.mark.parametrize("domain", DOMAINS.values(), ids=DOMAINS)
@pytest.mark.parametrize("score", [None, math.nan, math.inf])
def test_no_score_is_the_safe_outcome(domain: Domain, score: float | None) -> None:
    """Where no score can be trusted the declared safe outcome holds, neither the mildest nor the hardest."""
    assert choose_outcome(at(domain, 0, "threshold", 0.9), score, threshold=0.2).name == "o1"


@pytest.mark.parametrize("domain", DOMAINS.values(), ids=DOMAINS)
@pytest.mark.parametrize(("score", "outcome"), [(0.9989, "o0"), (0.999, "o1"), (1.0, "o1")])
def test_what_is_only_unusual_is_flagged_and_no_more(domain: Domain, score: float, outcome: str) -> None:
    """A score that is no probability reaches the outcome from «threshold», and none that is meant for likely abuse."""
    declared = at(domain, 0, "threshold", 0.9)
    assert choose_outcome(declared, score, threshold=0.999, is_probability=False).name == outcome


@pytest.mark.parametrize("domain", DOMAINS.values(), ids=DOMAINS)
def test_threshold_above_a_fixed_score(domain: Domain) -> None:
    """A threshold that training put above a harder outcome's score does not soften that outcome."""
    assert choose_outcome(at(domain, 0, "threshold", 0.9), 0.92, threshold=0.95).name == "o2"
