"""Tables of mixed types as a matrix: numbers as they are, each level of a text column as a column of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from riskloom.errors import DetectorError

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]
_MOST_LEVELS = 64


@dataclass(frozen=True)
class MixedColumns:
    """
    How a table becomes a matrix.

    A text column has a column for each of its most frequent levels in training and one more for every other level, so
    a level that was never seen deviates in a column that never varied. Missing text is a level, a missing number NaN.

    Attributes:
        levels: Column name to its levels, most frequent first; None for numbers.
    """

    levels: dict[str, tuple[str, ...] | None]

    @property
    def feature_of(self) -> list[int]:
        """The position of the table's column that each column of the matrix comes from."""
        widths = [1 if known is None else len(known) + 1 for known in self.levels.values()]
        return [number for number, width in enumerate(widths) for _ in range(width)]

    def matrix(self, table: pd.DataFrame) -> FloatArray:
        """
        The table as a matrix, shape (rows, columns).

        Raises:
            DetectorError: A column is missing, or holds text where training had numbers.
        """
        lacking = [name for name in self.levels if name not in table.columns]
        if lacking:
            raise DetectorError(f"expected the columns {', '.join(self.levels)}; {', '.join(lacking)} not found")
        blocks = [
            _number(table[name])[:, np.newaxis] if known is None else _one_hot(table[name], known)
            for name, known in self.levels.items()
        ]
        return np.hstack(blocks)


def learn_columns(table: pd.DataFrame) -> MixedColumns:
    """Learn which columns hold numbers and which levels the others have; booleans are numbers."""
    levels: dict[str, tuple[str, ...] | None] = {}
    for name in table.columns:
        if table[name].dtype.kind in "biuf":
            levels[name] = None
            continue
        counts = _text(table[name]).value_counts()
        order = sorted(counts.index, key=lambda level: (-int(counts[level]), level))
        levels[name] = tuple(order[:_MOST_LEVELS])
    return MixedColumns(levels)


def _text(column: pd.Series) -> pd.Series:
    return column.astype(object).where(column.notna(), "").astype(str)


def _number(column: pd.Series) -> FloatArray:
    try:
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DetectorError(f"column {column.name}: expected numbers as in training, found {error}") from error


def _one_hot(column: pd.Series, known: tuple[str, ...]) -> FloatArray:
    codes = _text(column).map({level: code for code, level in enumerate(known)}).fillna(len(known))
    return np.eye(len(known) + 1)[codes.to_numpy(dtype=np.int64)]
