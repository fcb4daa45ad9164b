"""What decisions cost in the domain's currency, and the threshold that costs least."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskloom.catalog import Costs
from riskloom.metrics import Ranking

FloatArray = NDArray[np.float64]
#: A threshold no calibrated probability reaches: nobody is flagged.
NOBODY = 1.0


@dataclass(frozen=True)
class RowCosts:
    """What each row costs, by what is done with it; shapes (rows,)."""

    approved: FloatArray
    flagged: FloatArray


def row_costs(costs: Costs, labels: NDArray[np.int8], amounts: FloatArray) -> RowCosts:
    """A missed positive costs its loss; a flagged row costs its review and, where it is honest, friction."""
    loss = amounts if costs.false_negative == "amount" else np.full(len(amounts), costs.false_negative)
    return RowCosts(approved=loss * labels, flagged=costs.review + costs.friction * (labels == 0))


def cost_curve(costs: RowCosts, probabilities: FloatArray) -> tuple[FloatArray, FloatArray]:
    """
    What each possible threshold would have cost.

    Returns:
        Thresholds, falling, the first of which flags nobody, and the total cost at each.
    """
    ranking = Ranking(np.zeros(len(probabilities)), probabilities)
    change = np.cumsum((costs.flagged - costs.approved)[ranking.order])[ranking.ends]
    lowest = ranking.scores[ranking.ends]
    # between two scores every threshold decides alike; the middle leaves most room on both sides
    middle = np.append((lowest[:-1] + lowest[1:]) / 2, lowest[-1])
    base = float(costs.approved.sum())
    return np.append(NOBODY, middle), base + np.append(0.0, change)


def cheapest_threshold(costs: RowCosts, probabilities: FloatArray) -> float:
    """The threshold that costs least; of several, the one that flags fewest."""
    thresholds, totals = cost_curve(costs, probabilities)
    return float(thresholds[np.argmin(totals)])
