"""What outcomes cost once the truth is known, part by part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskloom.catalog import AmountShare, Domain

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Realised:
    """
    What each decided row cost, in the domain's currency; shapes (rows,).

    Attributes:
        lost: The loss of bad subjects that was not prevented.
        review: The minutes of whoever looked.
        friction: What honest subjects felt, and the margin of those who gave up.
    """

    lost: FloatArray
    review: FloatArray
    friction: FloatArray

    @property
    def total(self) -> FloatArray:
        """All of it."""
        return self.lost + self.review + self.friction


def realised_costs(
    domain: Domain, chosen: NDArray[np.intp], *, is_positive: NDArray[np.bool_], amounts: FloatArray
) -> Realised:
    """
    What each row cost by its outcome and its truth.

    Args:
        domain: Declares costs and outcomes.
        chosen: The position of each row's outcome, shape (rows,).
        is_positive: Whether the subject turned out to be bad, shape (rows,).
        amounts: At stake, shape (rows,).
    """
    costs = domain.costs
    prevents, minutes, friction, drop_out = (
        np.array([getattr(outcome, name) for outcome in domain.outcome])[chosen]
        for name in ("prevents", "minutes", "friction", "drop_out")
    )
    loss = amounts if costs.false_negative == "amount" else np.full(len(amounts), costs.false_negative)
    margin = costs.margin
    given_up = margin.share_of_amount * amounts if isinstance(margin, AmountShare) else np.full(len(amounts), margin)
    return Realised(
        lost=np.where(is_positive, (1 - prevents) * loss, 0.0),
        review=minutes * costs.minute,
        friction=np.where(is_positive, 0.0, friction * costs.friction + drop_out * given_up),
    )
