"""
The sum of a boosted ensemble's trees for one row, as machine code; the decisions are those of LightGBM's ``tree.h``.

Compiled code is kept on disk for as long as this file does not change, so whatever it is made of stands in this file.
"""

from __future__ import annotations

import numpy as np
from numba import njit

#: A node: the feature times eight with how a missing value is treated, then where to go; a leaf is minus its place.
FEATURE, LEFT, RIGHT, NODE = range(4)
#: Of how a missing value is treated: it goes left; nought is missing; NaN is missing.
GOES_LEFT, ZERO_IS_MISSING, NAN_IS_MISSING = 1, 2, 4
BITS = 3
#: LightGBM takes what is no farther from nought for nought: 1e-35 in single precision.
ZERO = 1.0000000180025095e-35


@njit(cache=True, error_model="numpy")
def total(row, nodes, thresholds, roots, leaves):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - compiled
    """
    The sum over all trees, in their order.

    Args:
        row: The features, float64, shape (features,).
        nodes: All trees' nodes, int32, shape (nodes * NODE,); where to go is a node's place or, of a leaf, minus one
            minus its place.
        thresholds: Up to which value a node goes left, float64, shape (nodes,).
        roots: Where each tree begins, int32, shape (trees,); written like where a node goes.
        leaves: All trees' leaves, float64.
    """
    values = np.where(np.abs(row) <= ZERO, 0.0, row)
    result = 0.0
    for root in roots:
        place = root
        while place >= 0:
            at = place * NODE
            how = nodes[at + FEATURE]
            value = values[how >> BITS]
            is_nan = value != value  # noqa: PLR0124 - what NaN is known by
            if is_nan and not how & NAN_IS_MISSING:
                value = 0.0
            is_missing = (how & NAN_IS_MISSING and is_nan) or (how & ZERO_IS_MISSING and value == 0.0)
            goes_left = bool(how & GOES_LEFT) if is_missing else value <= thresholds[place]
            place = nodes[at + LEFT] if goes_left else nodes[at + RIGHT]
        result += leaves[-1 - place]
    return result
