"""The distance of a column, and what chance alone reaches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from riskloom.monitoring.drift import MIN_VALUES, compare

THRESHOLD = 0.1


def draw(rng: Generator, kind: str, rows: int) -> NDArray[np.float64]:
    kinds: dict[str, Callable[[], Any]] = {
        "normal": lambda: rng.normal(size=rows),
        "heavy-tailed": lambda: rng.lognormal(0, 1.5, rows),
        "counts": lambda: rng.poisson(0.3, rows).astype(float),
        "yes-or-no": lambda: (rng.random(rows) < 0.05).astype(float),
    }
    drawn: NDArray[np.float64] = kinds[kind]()
    return drawn


@pytest.mark.parametrize("kind", ["normal", "heavy-tailed", "counts", "yes-or-no"])
def test_the_distance_is_evidentlys(kind: str) -> None:
    """It is the Wasserstein distance in standard deviations of the reference, as Evidently's normed one."""
    rng = np.random.default_rng(1)
    before, after = draw(rng, kind, 900), draw(rng, kind, 700) + 0.3
    (found,) = compare({"x": before}, {"x": after}, THRESHOLD)
    assert found.distance == pytest.approx(wasserstein_distance(before, after) / before.std(), rel=1e-9)


@pytest.mark.parametrize("rows", [100, 1_000, 10_000])
@pytest.mark.parametrize("kind", ["normal", "heavy-tailed", "counts", "yes-or-no"])
def test_chance_is_no_drift(kind: str, rows: int) -> None:
    """Of 200 comparisons of two samples from one distribution at most six count as drift, whatever the size."""
    rng = np.random.default_rng(rows)
    drifted = sum(
        compare({"x": draw(rng, kind, rows)}, {"x": draw(rng, kind, rows)}, THRESHOLD)[0].is_drifted for _ in range(200)
    )
    assert drifted <= 6


@pytest.mark.parametrize("seed", range(10))
def test_drift_is_found(seed: int) -> None:
    """A move of a third of a standard deviation is drift in two thousand rows, with any seed."""
    rng = np.random.default_rng(seed)
    (found,) = compare({"x": rng.normal(size=2_000)}, {"x": rng.normal(size=2_000) + 0.33}, THRESHOLD)
    assert found.is_drifted
    assert found.distance == pytest.approx(0.33, abs=0.12)


def test_more_rows_make_no_more_drift() -> None:
    """A move too small to matter stays no drift where a test's p-value would be zero."""
    rng = np.random.default_rng(0)
    (found,) = compare({"x": rng.normal(size=200_000)}, {"x": rng.normal(size=200_000) + 0.03}, THRESHOLD)
    assert not found.is_drifted


def test_a_column_with_too_few_values_is_left_out() -> None:
    """Missing values are no values; below the least number a column is not compared."""
    full, sparse = np.arange(200.0), np.full(200, np.nan)
    sparse[: MIN_VALUES - 1] = 1.0
    found = compare({"full": full, "sparse": sparse}, {"full": full, "sparse": full}, THRESHOLD)
    assert [drift.column for drift in found] == ["full"]
    assert found[0].distance == 0


def test_a_constant_that_moved_is_drift() -> None:
    """A column that was constant and has another value now has drifted."""
    (found,) = compare({"x": np.ones(500)}, {"x": np.full(500, 2.0)}, THRESHOLD)
    assert found.is_drifted


def test_the_furthest_comes_first() -> None:
    """Columns are ordered by distance, equal ones by name."""
    same, far = np.arange(300.0), np.arange(300.0) + 500
    found = compare({"b": same, "a": same, "c": same}, {"b": same, "a": same, "c": far}, THRESHOLD)
    assert [drift.column for drift in found] == ["c", "a", "b"]
