"""Small real models, made in a second."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

import numpy as np

from riskloom.catalog import load_catalog
from riskloom.features import FeatureView, ReadPlan, compile_plan
from riskloom.registry import Calibration, FeatureSpec, Kind, ModelManifest, Verdict, Windows
from riskloom.registry.manifest import digest
from riskloom.training.candidates import DEFAULTS, FittedModel, fit
from riskloom.training.rows import FloatArray
from riskloom.windows import WindowPlan

KINDS: tuple[Kind, ...] = ("logistic_regression", "hist_gradient_boosting", "lightgbm", "detector")
DOMAIN = sorted(load_catalog())[0]
FEATURES = ("first", "second", "third")
PASSED = Verdict(
    passed=True,
    reasons=(),
    metric="average_precision",
    value=0.5,
    interval=(0.4, 0.6),
    minimum=0.1,
    rows=100,
    positives=40,
    as_of="2026-01-01T00:00:00Z",
)
REFUSED = PASSED.model_copy(update={"passed": False, "reasons": ("it flags nobody",)})


def make_matrix(rows: int = 600, seed: int = 5) -> FloatArray:
    """Three features; the second is missing in a fifth of the rows."""
    random = np.random.default_rng(seed)
    matrix = random.normal(0, 2, (rows, len(FEATURES)))
    matrix[random.random(rows) < 0.2, 1] = np.nan
    return matrix


def make_fitted(kind: Kind) -> FittedModel:
    """A fitted model of this kind; positives have a high first feature, or a missing second one."""
    matrix = make_matrix()
    labels = ((matrix[:, 0] > 1.5) | (np.isnan(matrix[:, 1]) & (matrix[:, 2] > 0))).astype(np.int8)
    setting = dict(DEFAULTS[kind])
    for name in ("max_iter", "num_iterations"):
        if name in setting:
            setting[name] = 20
    return fit(kind, setting, matrix, labels, np.ones(len(labels)), features=FEATURES, seed=3)


def make_model(kind: Kind = "lightgbm", *, threshold: float = 0.5) -> tuple[ModelManifest, dict[str, bytes]]:
    """A manifest and its payload; another threshold makes another version."""
    fitted = make_fitted(kind)
    payload = fitted.payload()
    medians = np.nanmedian(make_matrix(), axis=0)
    manifest = ModelManifest(
        domain=DOMAIN,
        kind=kind,
        params=dict(fitted.setting),
        features=tuple(
            FeatureSpec(name=name, reference=float(median), missing=0.0, importance=0.1)
            for name, median in zip(FEATURES, medians, strict=True)
        ),
        request_features=(),
        calibration=Calibration(method="beta", raw=(0.0, 0.5, 1.0), probability=(0.0, 0.2, 0.9)),
        threshold=threshold,
        windows=Windows(
            fit_start="2026-01-01", fit_end="2026-02-01", holdout_start="2026-02-01", holdout_end="2026-02-08"
        ),
        as_of="2026-02-15T00:00:00Z",
        seed=3,
        rows=600,
        positives=100,
        metrics={},
        data_fingerprint=digest(b"data"),
        commit="unknown",
        libraries={},
        files={name: digest(content) for name, content in payload.items()},
    )
    return manifest, payload


def planned(domain_name: str, version: str, features: Sequence[str]) -> ReadPlan:
    """A read plan as if one view gave whatever the model takes: these models know nothing of what is declared."""
    domain = load_catalog()[domain_name]
    key = domain.subject.key
    given: dict[str, Literal["double", "bigint"]] = {
        name: "double" for name in features if name not in domain.request_features
    }
    view = FeatureView("made_up", "subject", key, timedelta(days=1), given, "Of a test.", f"{domain_name}__made_up")
    windows = WindowPlan(domain_name, (), ())
    return compile_plan(domain, [view], windows, project="tests", version=version, features=features)
