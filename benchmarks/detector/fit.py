"""Fitting and scoring the outlier detector, against scikit-learn's isolation forest on the same rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from benchmarks.rows import Row
from benchmarks.workbench import Workbench, timed
from riskloom.detector import fit_detector

_FEATURES = 60
_SEED = 7
_TARGET = 60.0  # seconds for a million rows


def measure(bench: Workbench) -> Iterator[Row]:
    """Fit on a million rows of sixty features, a tenth of them skewed, some missing; then score a part of them."""
    rows = _make(bench.size(1_000_000, 20_000))
    peer = "scikit-learn: IsolationForest"
    with timed() as ours:
        detector = fit_detector(rows, seed=_SEED)
    forest = IsolationForest(random_state=_SEED)
    with timed() as theirs:
        forest.fit(rows)
    yield Row(
        name=f"fitting the detector on {len(rows):,} rows of {_FEATURES} features",
        value=ours.seconds,
        unit="s",
        better="lower",
        peer=peer,
        peer_value=theirs.seconds,
        target=_TARGET,
    )
    scored = rows[: bench.size(50_000, 5_000)]
    with timed() as ours:
        detector.score(scored)
    with timed() as theirs:
        forest.score_samples(scored)
    yield Row(
        name=f"scoring {len(scored):,} rows of {_FEATURES} features",
        value=len(scored) / ours.seconds,
        unit="rows/s",
        better="higher",
        peer=peer,
        peer_value=len(scored) / theirs.seconds,
    )


def _make(count: int) -> NDArray[np.float64]:
    random = np.random.default_rng(_SEED)
    rows = random.normal(0, 1, (count, _FEATURES))
    rows[:, : _FEATURES // 10] = np.exp(rows[:, : _FEATURES // 10])
    rows[random.random(count) < 0.1, -1] = np.nan  # noqa: PLR2004 - a tenth
    return rows
