"""What an outcome costs: a straight line in the amount at stake for a bad subject, and one for an honest subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar

from riskloom.catalog.declaration import AmountShare, Costs, Outcome

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: One row or many: the same arithmetic gives the same bits for floats and for arrays of float64.
Number = TypeVar("Number", float, "NDArray[np.float64]")


@dataclass(frozen=True, slots=True)
class CostTerms:
    """
    The declared costs of one outcome, in the domain's currency, ready to be computed with.

    Attributes:
        bad_fixed: Of a bad subject, whatever the amount.
        bad_share: Of a bad subject, for each unit of the amount.
        honest_fixed: Of an honest subject, whatever the amount.
        honest_share: Of an honest subject, for each unit of the amount.
    """

    bad_fixed: float
    bad_share: float
    honest_fixed: float
    honest_share: float

    @classmethod
    def of(cls, costs: Costs, outcome: Outcome) -> Self:
        """
        Take the terms from a declaration.

        A bad subject costs the loss that is not prevented, an honest one its friction and the margin of those who give
        up; the minutes of a person are spent on both.
        """
        time = outcome.minutes * costs.minute
        missed = 1 - outcome.prevents
        loss_fixed, loss_share = (0.0, 1.0) if costs.false_negative == "amount" else (costs.false_negative, 0.0)
        margin = costs.margin
        margin_fixed, margin_share = (0.0, margin.share_of_amount) if isinstance(margin, AmountShare) else (margin, 0.0)
        return cls(
            bad_fixed=loss_fixed * missed + time,
            bad_share=loss_share * missed,
            honest_fixed=outcome.friction * costs.friction + outcome.drop_out * margin_fixed + time,
            honest_share=outcome.drop_out * margin_share,
        )

    def bad(self, amount: Number) -> Number:
        """What it costs where the subject is bad."""
        return self.bad_fixed + self.bad_share * amount

    def honest(self, amount: Number) -> Number:
        """What it costs where the subject is honest."""
        return self.honest_fixed + self.honest_share * amount

    def expected(self, probability: Number, amount: Number) -> Number:
        """What it costs in expectation; with a probability of 0 or 1, what it costs once the truth is known."""
        return probability * self.bad(amount) + (1 - probability) * self.honest(amount)


def cheapest_between(terms: Sequence[CostTerms], amount: float) -> list[tuple[float, float] | None]:
    """
    Between which probabilities each outcome costs least, at one amount.

    At a given amount costs are straight lines in the probability, and the cheapest are their lower envelope.

    Args:
        terms: Of the outcomes, mildest first; of equal costs the milder is taken.
        amount: At stake, from 0 on.

    Returns:
        The two ends for each outcome; None where another one costs no more whatever the probability.
    """
    return [_cheapest(terms, index, amount) for index in range(len(terms))]


def _cheapest(terms: Sequence[CostTerms], index: int, amount: float) -> tuple[float, float] | None:
    low, high = 0.0, 1.0
    honest, bad = terms[index].honest(amount), terms[index].bad(amount)
    for other, rival in enumerate(terms):
        if other == index:
            continue
        # how much more it costs than the rival where the subject is surely honest, and where it is surely bad
        at_0, at_1 = honest - rival.honest(amount), bad - rival.bad(amount)
        if (at_0 > 0 and at_1 > 0) or (at_0 == at_1 == 0 and other < index):
            return None
        if at_0 > 0:
            low = max(low, at_0 / (at_0 - at_1))
        elif at_1 > 0:
            high = min(high, at_0 / (at_0 - at_1))
    return (low, high) if low < high else None
