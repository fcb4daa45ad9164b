"""Fitting a model: a calibrated classifier, and quantiles of the payable share with a conformal margin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskloom.assessment.cases import Cases
from riskloom.assessment.intervals import conformal_margin, in_order
from riskloom.assessment.model import HIGH, LOW, MIDDLE, VALID
from riskloom.catalog import Assessment
from riskloom.errors import TrainingError
from riskloom.registry import Calibration
from riskloom.registry.manifest import Parameter
from riskloom.training.calibration import fit_calibration
from riskloom.training.candidates import fit, one_thread

FloatArray = NDArray[np.float64]
_CALIBRATION_SHARE = 1 / 3  # the newest of the fit window, which no tree has seen
_FEWEST = 20  # cases of either kind on either side of that cut

# A few hundred cases to a few thousand: small trees, many rows in each leaf.
_CLASSIFIER: Mapping[str, Parameter] = {
    "learning_rate": 0.03,
    "num_iterations": 300,
    "num_leaves": 7,
    "min_data_in_leaf": 20,
    "lambda_l2": 1.0,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
}
_QUANTILES: Mapping[str, Parameter] = {**_CLASSIFIER, "learning_rate": 0.05, "num_iterations": 200}


@dataclass(frozen=True)
class Fitted:
    """What is saved of a fit, and where the window was cut."""

    payload: dict[str, bytes]
    calibration: Calibration
    margin: float
    calibration_start: np.datetime64


def fit_assessment(assessment: Assessment, cases: Cases) -> Fitted:
    """
    Fit on the older part of a window and calibrate on the newer.

    Args:
        assessment: Declares coverage and seed.
        cases: Usable ones of the fit window, in order of time.

    Raises:
        TrainingError: There are too few cases, valid or other, in either part.
    """
    cut = len(cases) - int(len(cases) * _CALIBRATION_SHARE)
    older, newer = cases.take(np.arange(cut)), cases.take(np.arange(cut, len(cases)))
    for part, name in ((older, "to learn from"), (newer, "to calibrate on")):
        valid = int((part.valid == 1).sum())
        if min(valid, len(part) - valid) < _FEWEST:
            raise TrainingError(
                f"assessment {assessment.entity}: {valid} valid cases and {len(part) - valid} others {name}, "
                f"expected at least {_FEWEST} of each: wait for more to end, or give it more history"
            )
    classifier = fit(
        "lightgbm",
        _CLASSIFIER,
        older.matrix,
        older.valid,
        np.ones(len(older)),
        features=cases.features,
        seed=assessment.seed,
    )
    quantiles = {
        name: _fit_quantile(older, level, assessment.seed) for name, level in levels(assessment.coverage).items()
    }
    predicted = (np.asarray(quantiles[name].predict(newer.matrix, num_threads=1)) for name in (LOW, MIDDLE, HIGH))
    low, _, high = in_order(*predicted)
    (text,) = classifier.payload().values()
    return Fitted(
        payload={VALID: text} | {name: model.model_to_string().encode("ascii") for name, model in quantiles.items()},
        calibration=fit_calibration(classifier.raw(newer.matrix), newer.valid),
        margin=conformal_margin(low, high, newer.share, assessment.coverage),
        calibration_start=newer.decided[0],
    )


def levels(coverage: float) -> dict[str, float]:
    """Which quantile each model of the payload predicts: as much is left out below as above."""
    return {LOW: (1 - coverage) / 2, MIDDLE: 0.5, HIGH: (1 + coverage) / 2}


def _fit_quantile(cases: Cases, level: float, seed: int) -> Any:
    """A LightGBM model of one quantile of the payable share (pinball loss, Koenker and Bassett 1978)."""
    import lightgbm  # noqa: PLC0415

    fixed = {
        "objective": "quantile",
        "alpha": level,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    with one_thread():
        data = lightgbm.Dataset(cases.matrix, cases.share, feature_name=list(cases.features))
        return lightgbm.train({**_QUANTILES, **fixed}, data)
