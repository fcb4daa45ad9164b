"""Windows of decisions as the monitor sees them: features and scores as columns of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

    from riskloom.registry import LoadedModel

#: Name of the score among the compared columns; a feature may not have it.
SCORE = "score"
#: Name of the label in a frame of matured decisions: 1 positive, 0 not.
LABEL = "label"

Columns = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Decisions:
    """
    The decisions of a window.

    Attributes:
        source: What the window is, in words for people.
        start: Its first instant, timezone-aware.
        end: The first instant after it.
        frame: One row a decision; features as float64, NaN where missing.
    """

    source: str
    start: datetime
    end: datetime
    frame: pd.DataFrame

    @property
    def days(self) -> float:
        """Length of the window in days."""
        return (self.end - self.start).total_seconds() / 86_400


@dataclass(frozen=True)
class MonitoredWindows:
    """
    What one run looks at.

    Attributes:
        features: The columns to compare.
        reference: What is normal.
        current: What is judged.
        matured: Decisions with labels that the champion did not learn from; none without a champion.
    """

    features: tuple[str, ...]
    reference: Decisions
    current: Decisions
    matured: Decisions | None


def score_of(model: LoadedModel, frame: pd.DataFrame) -> NDArray[np.float64]:
    """Calibrated probabilities of the rows of a frame that has the model's features, shape (rows,)."""
    matrix = frame[list(model.manifest.feature_names)].to_numpy(dtype=np.float64)
    return model.predict(matrix) if len(matrix) else np.empty(0)


def columns_of(frame: pd.DataFrame, features: tuple[str, ...], model: LoadedModel | None) -> Columns:
    """The features of a frame, and its scores where there is a model."""
    columns: Columns = {name: frame[name].to_numpy(dtype=np.float64) for name in features}
    return {**columns, SCORE: score_of(model, frame)} if model else columns


def sample(columns: Mapping[str, NDArray[np.float64]], size: int, seed: int) -> Columns:
    """The same ``size`` rows of every column, drawn without replacement; all of them where there are no more."""
    rows = len(next(iter(columns.values()), ()))
    if rows <= size:
        return dict(columns)
    drawn = np.sort(np.random.default_rng(seed).choice(rows, size, replace=False))
    return {name: values[drawn] for name, values in columns.items()}
