"""The kinds of model that compete: their settings, and fitting one so that the same rows give the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from riskloom.detector import fit_detector, to_bytes
from riskloom.errors import TrainingError
from riskloom.registry import Kind
from riskloom.registry.manifest import Parameter
from riskloom.registry.scorers import Outliers, payload_file
from riskloom.registry.skops_format import dump_estimator
from riskloom.registry.transforms import signed_log

FloatArray = NDArray[np.float64]
Setting = Mapping[str, Parameter]
# One, whatever the machine has: with more, sums are added up in another order, and threads that wait for each other
# make a fit many times slower where something else runs too. Fits run side by side instead.
_THREADS = 1
#: Candidates that learn without labels, from rows as they come.

# Bins hold about as many rows each. Of the 255 that are usual each holds more rows than there are positives, and what
# tells rare values apart, such as the largest amounts, is lost in the last one.
_BINS = 4095

#: Tried first for each kind: settings that do well on rare positives without any search.
DEFAULTS: Mapping[Kind, Setting] = {
    "logistic_regression": {"C": 0.1},
    "hist_gradient_boosting": {
        "learning_rate": 0.1,
        "max_iter": 100,
        "max_leaf_nodes": 31,
        "min_samples_leaf": 50,
        "l2_regularization": 1.0,
        "max_features": 0.5,
    },
    "lightgbm": {
        "learning_rate": 0.02,
        "num_iterations": 400,
        "num_leaves": 15,
        "min_data_in_leaf": 50,
        "lambda_l2": 1.0,
        "feature_fraction": 0.5,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
    },
    "detector": {},  # one configuration for all data
}

#: Where the other trials are drawn from.
SPACES: Mapping[Kind, Mapping[str, list[Parameter]]] = {
    "logistic_regression": {"C": [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.3, 1.0, 3.0, 10.0]},
    "hist_gradient_boosting": {
        "learning_rate": [0.05, 0.08, 0.12],
        "max_iter": [60, 100, 160],
        "max_leaf_nodes": [7, 15, 31, 63],
        "min_samples_leaf": [20, 50, 100, 200],
        "l2_regularization": [0.1, 1.0, 10.0, 30.0],
        "max_features": [0.2, 0.35, 0.5, 0.8],
    },
    "lightgbm": {
        "learning_rate": [0.02, 0.03, 0.05, 0.08],
        "num_iterations": [150, 250, 400],
        "num_leaves": [7, 15, 31, 63],
        "min_data_in_leaf": [20, 50, 100, 200],
        "lambda_l2": [0.1, 1.0, 10.0, 30.0],
        "feature_fraction": [0.2, 0.35, 0.5, 0.8],
        "bagging_fraction": [0.6, 0.8, 0.9],
        "bagging_freq": [1],
    },
    "detector": {},
}


@dataclass(frozen=True)
class FittedModel:
    """A fitted model that is not saved yet."""

    kind: Kind
    setting: Setting
    model: Any

    def raw(self, matrix: FloatArray) -> FloatArray:
        """Uncalibrated scores in [0, 1], shape (rows,)."""
        if self.kind == "lightgbm":
            return np.asarray(self.model.predict(matrix, num_threads=_THREADS), dtype=np.float64)
        if self.kind == "detector":
            return Outliers(self.model).raw(matrix)
        with one_thread():
            return np.asarray(self.model.predict_proba(matrix)[:, 1], dtype=np.float64)

    def payload(self) -> dict[str, bytes]:
        """The model as the file it is saved in: LightGBM's text, plain arrays, or skops."""
        if self.kind == "lightgbm":
            content = self.model.model_to_string().encode("ascii")
        else:
            content = to_bytes(self.model) if self.kind == "detector" else dump_estimator(self.model)
        return {payload_file(self.kind): content}


def one_thread() -> AbstractContextManager[object]:
    """Keep OpenMP to one thread for what this thread does; OpenMP counts for each thread of ours by itself."""
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    return cast("AbstractContextManager[object]", threadpool_limits(limits=_THREADS, user_api="openmp"))


def one_blas_thread() -> AbstractContextManager[object]:
    """Keep linear algebra to one thread for the whole process."""
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    return cast("AbstractContextManager[object]", threadpool_limits(limits=_THREADS, user_api="blas"))


def sample_settings(kind: Kind, trials: int, seed: int) -> list[Setting]:
    """The settings to try: the defaults, then distinct draws from the space; at most ``trials``."""
    from sklearn.model_selection import ParameterGrid, ParameterSampler  # noqa: PLC0415

    space = SPACES[kind]
    drawn = ParameterSampler(space, n_iter=min(trials, len(ParameterGrid(space))), random_state=seed)
    others = [setting for setting in drawn if setting != DEFAULTS[kind]]
    return [DEFAULTS[kind], *others][:trials]


def fit(
    kind: Kind,
    setting: Setting,
    matrix: FloatArray,
    labels: NDArray[np.int8],
    weights: FloatArray,
    *,
    features: tuple[str, ...],
    seed: int,
) -> FittedModel:
    """
    Fit one candidate.

    Args:
        kind: Which candidate.
        setting: Its parameters.
        matrix: Shape (rows, features), NaN where missing.
        labels: 0 or 1, shape (rows,); the detector does not look at them.
        weights: How many rows each row stands for, shape (rows,); the detector takes rows as they come.
        features: Names of the columns.
        seed: Of everything random in it.

    Raises:
        TrainingError: A class is missing that the candidate needs.
    """
    if kind == "detector":
        return FittedModel(kind, setting, fit_detector(matrix, seed=seed))
    if labels.min() == labels.max():
        raise TrainingError(f"cannot fit a {kind}: all {len(labels)} rows have the label {labels[0]}")
    with one_thread():
        if kind == "lightgbm":
            model = _fit_lightgbm(setting, matrix, labels, weights, features, seed)
        else:
            model = _estimator(kind, setting, seed)
            name = "model__sample_weight" if kind == "logistic_regression" else "sample_weight"
            model.fit(_with_empty_columns_filled(matrix), labels, **{name: weights})
    return FittedModel(kind, setting, model)


def _with_empty_columns_filled(matrix: FloatArray) -> FloatArray:
    """Zeros in columns that hold no value at all: scikit-learn cannot bin those, and zeros tell it no more."""
    is_empty = np.isnan(matrix).all(axis=0)
    return np.where(is_empty, 0.0, matrix) if is_empty.any() else matrix


def _estimator(kind: Kind, setting: Setting, seed: int) -> Any:
    if kind == "hist_gradient_boosting":
        from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415

        return HistGradientBoostingClassifier(**setting, random_state=seed, early_stopping=False)
    from sklearn.impute import SimpleImputer  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.pipeline import Pipeline  # noqa: PLC0415
    from sklearn.preprocessing import FunctionTransformer, StandardScaler  # noqa: PLC0415

    return Pipeline(
        [
            ("log", FunctionTransformer(signed_log)),
            ("impute", SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)),
            ("scale", StandardScaler()),
            ("model", LogisticRegression(**setting, max_iter=500)),
        ]
    )


def _fit_lightgbm(
    setting: Setting,
    matrix: FloatArray,
    labels: NDArray[np.int8],
    weights: FloatArray,
    features: tuple[str, ...],
    seed: int,
) -> Any:
    import lightgbm  # noqa: PLC0415

    fixed = {
        "objective": "binary",
        "max_bin": _BINS,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": _THREADS,
        "verbosity": -1,
    }
    data = lightgbm.Dataset(
        matrix, labels, weight=weights, feature_name=list(features), params={"max_bin": _BINS}, free_raw_data=True
    )
    return lightgbm.train({**setting, **fixed}, data)
