"""What was chosen for one subject, and why, for programs to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from riskloom.policy.change import Change

#: Outcomes with the ids of the rules that say something of them.
Said = Mapping[str, Sequence[str]]
Basis = Literal["expected_cost", "rule", "threshold", "safe_outcome", "exploration"]


@dataclass(frozen=True, slots=True)
class Exploration:
    """That a subject was released at random."""

    would_be: Annotated[str, Field(description="The outcome it would have had.")]
    propensity: Annotated[float, Field(description="The probability with which such a subject is released.")]


@dataclass(frozen=True, slots=True)
class Choice:
    """
    One decision of the policy.

    Attributes:
        outcome: One of the domain's declared ones.
        basis: ``expected_cost``: it costs least; ``rule``: a rule forced it; ``threshold``: the score says how unusual
            the subject is, and was compared with the model's threshold; ``safe_outcome``: there was no score, or no
            amount, or nothing that was not forbidden; ``exploration``: released at random.
        is_mildest: Whether it is the first declared outcome.
        expected_costs: Of every outcome, forbidden ones too; none where there was no probability to expect with.
        forced_by: The rules that forced this outcome.
        forbidden_by: The rules that forbade others, by outcome.
        changed_by: What would have made it milder; none for the mildest.
        exploration: Where it was released.
    """

    outcome: str
    basis: Basis
    is_mildest: bool
    expected_costs: Mapping[str, float] | None = None
    forced_by: tuple[str, ...] = ()
    forbidden_by: Said = field(default_factory=dict)
    changed_by: Change | None = None
    exploration: Exploration | None = None
