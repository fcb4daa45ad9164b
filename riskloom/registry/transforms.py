"""Transformations that are part of saved models: pure, and named on the allow list of what a model may contain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def signed_log(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithm of one plus the size, with the sign kept: tames long tails of either sign; missing stays missing."""
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)), dtype=np.float64)
