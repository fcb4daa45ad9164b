"""What is wrong with the data itself: too few rows, columns that went missing or stopped changing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

#: A column's share of missing values may rise by this much before it is a problem.
MISSING_RISE = 0.05
#: Rows per day may fall to this share of the reference's before it is a problem.
ROWS_KEPT = 0.5

ProblemKind = Literal["no_rows", "rows_dropped", "missing_rose", "all_missing", "constant"]


@dataclass(frozen=True, slots=True)
class QualityProblem:
    """One thing wrong with the current window: its kind, the column if it has one, and the figures in words."""

    kind: ProblemKind
    column: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Quality:
    """The current window's data quality."""

    rows: int
    missing_share: float
    problems: tuple[QualityProblem, ...]


def assess(
    reference: Mapping[str, NDArray[np.float64]],
    current: Mapping[str, NDArray[np.float64]],
    *,
    reference_days: float,
    current_days: float,
) -> Quality:
    """
    Find what is wrong with the current window beside its reference.

    Args:
        reference: Column to values, NaN where missing.
        current: The same columns.
        reference_days: Length of the reference's window in days, to compare rows a day.
        current_days: Length of the current window in days.
    """
    rows, before = _rows(current), _rows(reference)
    if rows == 0:
        problem = QualityProblem("no_rows", None, "no decision in the window")
        return Quality(rows=0, missing_share=0.0, problems=(problem,))
    problems = [*_dropped_rows(before / reference_days, rows / current_days)]
    for column, values in current.items():
        problems.extend(_column_problems(column, reference[column], values))
    missing = float(np.mean([_missing_share(values) for values in current.values()])) if current else 0.0
    return Quality(rows=rows, missing_share=missing, problems=tuple(problems))


def _rows(columns: Mapping[str, NDArray[np.float64]]) -> int:
    return max((len(values) for values in columns.values()), default=0)


def _dropped_rows(before: float, now: float) -> Iterator[QualityProblem]:
    if now < before * ROWS_KEPT:
        yield QualityProblem("rows_dropped", None, f"{now:,.0f} rows a day, {before:,.0f} in the reference")


def _column_problems(column: str, before: NDArray[np.float64], now: NDArray[np.float64]) -> Iterator[QualityProblem]:
    missing, missing_before = _missing_share(now), _missing_share(before)
    if missing == 1 and missing_before < 1:
        yield QualityProblem(
            "all_missing", column, f"no value at all, {1 - missing_before:.0%} present in the reference"
        )
    elif missing > missing_before + MISSING_RISE:
        yield QualityProblem("missing_rose", column, f"{missing:.1%} missing, {missing_before:.1%} in the reference")
    elif _is_constant(now) and not _is_constant(before):
        yield QualityProblem("constant", column, f"one value only in {len(now):,} rows, several in the reference")


def _missing_share(values: NDArray[np.float64]) -> float:
    return float(np.mean(~np.isfinite(values))) if len(values) else 0.0


def _is_constant(values: NDArray[np.float64]) -> bool:
    finite = values[np.isfinite(values)]
    return len(finite) > 0 and bool(np.all(finite == finite[0]))
