"""What counts as wrong with the data of a window."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from riskloom.monitoring.quality import Quality, assess

VARIED = np.arange(1_000.0)


def quality(
    now: NDArray[np.float64], before: NDArray[np.float64] = VARIED, *, days: tuple[float, float] = (7, 7)
) -> Quality:
    return assess({"x": before}, {"x": now}, reference_days=days[0], current_days=days[1])


def with_missing(share: float) -> NDArray[np.float64]:
    values = VARIED.copy()
    values[: int(share * len(values))] = np.nan
    return values


def test_good_data_has_no_problem() -> None:
    """The same data again is no problem, and its figures are its own."""
    found = quality(with_missing(0.04))
    assert (found.rows, found.missing_share, found.problems) == (1_000, 0.04, ())


@pytest.mark.parametrize(
    ("now", "kind"),
    [
        (with_missing(0.2), "missing_rose"),
        (np.full(1_000, np.nan), "all_missing"),
        (np.full(1_000, 3.0), "constant"),
    ],
)
def test_a_column_gone_wrong_is_named(now: NDArray[np.float64], kind: str) -> None:
    """A column that lost its values, some or all, or its variety, is one problem with its name."""
    (problem,) = quality(now).problems
    assert (problem.kind, problem.column) == (kind, "x")


def test_rows_are_compared_by_the_day() -> None:
    """A shorter window with fewer rows is no problem; fewer than half the rows a day are."""
    assert quality(VARIED[:300], days=(7, 2)).problems == ()
    (problem,) = quality(VARIED[:300]).problems
    assert (problem.kind, problem.column) == ("rows_dropped", None)


def test_an_empty_window_is_one_problem() -> None:
    """Without rows there is nothing else to say."""
    found = quality(np.empty(0))
    assert [problem.kind for problem in found.problems] == ["no_rows"]
    assert found.rows == 0
