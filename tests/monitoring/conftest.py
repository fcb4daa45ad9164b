"""Made-up decisions and a real model object whose scoring is a formula, for any declared domain."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from riskloom.catalog import Domain, load_catalog
from riskloom.monitoring.frames import LABEL, Decisions
from riskloom.registry import Calibration, Estimate, FeatureSpec, LoadedModel, ModelManifest, Windows
from riskloom.registry.scorers import ByMatrix

AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
FEATURES = tuple(f"feature_{number}" for number in range(5))
CATALOG = load_catalog()


class Formula(ByMatrix):
    """A scorer that adds the first three features."""

    def raw(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores in [0, 1]."""
        scores: NDArray[np.float64] = 1 / (1 + np.exp(3.5 - np.nan_to_num(matrix[:, :3]).sum(axis=1)))
        return scores

    def contributions(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Each feature itself."""
        return matrix


@pytest.fixture(scope="session", params=sorted(CATALOG))
def domain(request: pytest.FixtureRequest) -> Domain:
    """A declared domain, with a sample small enough for a test."""
    declared = CATALOG[request.param]
    monitoring = declared.monitoring.model_copy(update={"sample": 2_000})
    return declared.model_copy(update={"monitoring": monitoring})


@pytest.fixture(scope="session")
def model() -> LoadedModel:
    """A model whose probabilities are the true ones of :func:`make_frame`."""
    manifest = ModelManifest(
        domain="any",
        kind="lightgbm",
        params={},
        features=tuple(FeatureSpec(name=name, reference=0.0, missing=0.0, importance=0.0) for name in FEATURES),
        request_features=(),
        calibration=Calibration(method="none", raw=(0.0, 1.0), probability=(0.0, 1.0)),
        windows=Windows(
            fit_start="2025-12-01T00:00:00Z",
            fit_end="2026-02-08T00:00:00Z",
            holdout_start="2026-02-08T00:00:00Z",
            holdout_end="2026-02-15T00:00:00Z",
        ),
        as_of="2026-02-22T00:00:00Z",
        seed=0,
        rows=1_000,
        positives=50,
        metrics={"average_precision": Estimate(value=0.2, low=0.1, high=0.3)},
        data_fingerprint="0" * 64,
        commit="unknown",
        libraries={},
        files={"model.txt": "0" * 64},
    )
    return LoadedModel(manifest, Formula(), "1")


@pytest.fixture(scope="session")
def make_frame(domain: Domain) -> Callable[..., pd.DataFrame]:
    """Draws decisions: features around ``shift``, labels with the model's own probability."""

    def make(rows: int, *, seed: int, shift: float = 0.0) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        matrix = rng.normal(size=(rows, len(FEATURES))) + shift
        return pd.DataFrame(
            {
                **dict(zip(FEATURES, matrix.T, strict=True)),
                LABEL: (rng.random(rows) < Formula().raw(matrix)).astype(np.int8),
                domain.subject.group: [f"group-{number}" for number in rng.integers(0, 200, rows)],
                domain.subject.amount: np.round(rng.lognormal(4, 1, rows), 2),
            }
        )

    return make


@pytest.fixture(scope="session")
def window() -> Callable[..., Decisions]:
    """Puts a frame into a window that ends so many days before :data:`AS_OF`."""

    def put(frame: pd.DataFrame, *, days_before: int = 0, days: int = 7) -> Decisions:
        end = AS_OF - timedelta(days=days_before)
        return Decisions("a window", end - timedelta(days=days), end, frame)

    return put
