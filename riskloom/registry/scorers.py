"""
The kinds of model as they are served: opened from verified bytes, they score a matrix and explain a row.

A scorer takes a float64 matrix, shape (rows, features), missing values as NaN, and gives raw scores in [0, 1] and
contributions, shape (rows, features): how far each feature moved the score from where it would be without it, in
log-odds or, for the detector, in the unit of its own score. Contributions are only for explaining; what "without it"
means differs between the kinds and is said at each.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from riskloom.detector import Detector, from_bytes
from riskloom.errors import DetectorError, RegistryError
from riskloom.registry.forest import Forest, UnreadableForestError
from riskloom.registry.lightgbm_library import Trees
from riskloom.registry.manifest import Kind
from riskloom.registry.skops_format import load_estimator
from riskloom.registry.transforms import signed_log

FloatArray = NDArray[np.float64]
LIGHTGBM_FILE = "model.txt"
SKOPS_FILE = "model.skops"
DETECTOR_FILE = "model.npz"
_FILES: Mapping[Kind, str] = {"lightgbm": LIGHTGBM_FILE, "detector": DETECTOR_FILE}
_TINY = 1e-12  # keeps a probability of 0 or 1 off the ends of the log-odds scale
_END_OF_TEXT = "end of parameters"


class Scorer(Protocol):
    """What every kind of model can do."""

    def raw(self, matrix: FloatArray) -> FloatArray:
        """Uncalibrated scores in [0, 1], shape (rows,)."""
        ...

    def raw_one(self, row: FloatArray) -> float:
        """That of one row, shape (features,), without the cost of a matrix."""
        ...

    def raw_each(self, matrix: FloatArray) -> FloatArray:
        """Those of many rows, shape (rows,), each to the last bit what ``raw_one`` gives; for any thread."""
        ...

    def contributions(self, matrix: FloatArray) -> FloatArray:
        """How far each feature moved each score, in log-odds, shape (rows, features)."""
        ...


class ByMatrix(ABC):
    """A scorer that has nothing quicker for one row than a matrix of one row."""

    @abstractmethod
    def raw(self, matrix: FloatArray) -> FloatArray:
        """Uncalibrated scores in [0, 1], shape (rows,)."""

    def raw_one(self, row: FloatArray) -> float:
        """That of one row, shape (features,)."""
        return float(self.raw(row.reshape(1, -1))[0])

    def raw_each(self, matrix: FloatArray) -> FloatArray:
        """Row by row: what linear algebra adds up in one go for many rows differs in the last bits."""
        return np.array([self.raw_one(row) for row in matrix], dtype=np.float64)


def payload_file(kind: Kind) -> str:
    """The name of the one file that holds a model of this kind."""
    return _FILES.get(kind, SKOPS_FILE)


def open_scorer(kind: Kind, content: bytes, reference: FloatArray, *, file: str) -> Scorer:
    """
    Open a model from bytes whose signature was verified.

    Args:
        kind: What the bytes hold.
        content: The payload.
        reference: Median of each feature in training, NaN where it was never there, shape (features,).
        file: Where the bytes came from, for messages.

    Raises:
        RegistryError: The bytes are no whole model of this kind with this number of features.
        SignatureError: A skops file holds a type that is not allowed.
    """
    if kind == "lightgbm":
        return BoostedTrees(content, len(reference), file=file)
    if kind == "detector":
        return open_outliers(content, len(reference), file=file)
    estimator = load_estimator(content, file=file)
    expected = "Pipeline" if kind == "logistic_regression" else "HistGradientBoostingClassifier"
    if type(estimator).__name__ != expected:
        raise RegistryError(f"{file}: expected a {expected}, found {type(estimator).__name__}")
    if estimator.n_features_in_ != len(reference):
        raise RegistryError(f"{file}: expected {len(reference)} features, found {estimator.n_features_in_}")
    return Linear(estimator) if kind == "logistic_regression" else HistogramTrees(estimator, reference)


class BoostedTrees:
    """A LightGBM model from its native text; contributions are exact TreeSHAP values (Lundberg et al. 2020)."""

    def __init__(self, content: bytes, features: int, *, file: str) -> None:
        try:
            text = content.decode("ascii")
        except UnicodeDecodeError as error:
            raise RegistryError(f"{file}: expected a LightGBM model in text form, found {error}") from error
        # LightGBM reads a cut file as far as it goes and serves a smaller model
        if _END_OF_TEXT not in text:
            raise RegistryError(f"{file}: expected a whole LightGBM model, found one that is cut off")
        try:
            self._trees = Trees(text)
        except RegistryError as error:
            raise RegistryError(f"{file}: expected a LightGBM model in text form, found {error}") from error
        if self._trees.features != features:
            raise RegistryError(f"{file}: expected {features} features, found {self._trees.features}")
        self._text = text

    @cached_property
    def _one(self) -> Callable[[FloatArray], float]:
        """What predicts one row; made when it is first wanted, as whoever trains or validates never wants it."""
        try:
            return Forest(self._text).predict_one
        except UnreadableForestError:
            return lambda row: float(self._trees.predict(row.reshape(1, -1))[0])

    def raw(self, matrix: FloatArray) -> FloatArray:
        """Uncalibrated scores in [0, 1], shape (rows,)."""
        return self._trees.predict(matrix)

    def raw_one(self, row: FloatArray) -> float:
        """That of one row, shape (features,)."""
        return self._one(row)

    def raw_each(self, matrix: FloatArray) -> FloatArray:
        """In one call: trees take each row by itself."""
        return self._trees.predict(matrix)

    def contributions(self, matrix: FloatArray) -> FloatArray:
        """TreeSHAP values in log-odds, shape (rows, features); the base value is left out."""
        return self._trees.contributions(matrix)[:, :-1]


class Outliers(ByMatrix):
    """
    The outlier detector: the raw score is one minus the tail probability, 0.999 for a row that is one in a thousand.

    Contributions add up to the detector's score, which is before the tail probability and has no log-odds.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    def raw(self, matrix: FloatArray) -> FloatArray:
        """One minus the tail probability, shape (rows,)."""
        return np.asarray(1 - self._detector.tail_probability(matrix), dtype=np.float64)

    def contributions(self, matrix: FloatArray) -> FloatArray:
        """What each feature adds to the detector's score, shape (rows, features)."""
        return self._detector.contributions(matrix)


def open_outliers(content: bytes, features: int, *, file: str) -> Outliers:
    """Open a detector; raises as :func:`open_scorer` does."""
    try:
        detector = from_bytes(content)
    except DetectorError as error:
        raise RegistryError(f"{file}: {error}") from error
    if detector.inputs != features or not np.array_equal(detector.feature_of, np.arange(features)):
        raise RegistryError(f"{file}: expected {features} features of one column, found {detector.inputs} columns")
    return Outliers(detector)


class Linear(ByMatrix):
    """
    Logistic regression on signed logarithms with median imputation and missing indicators.

    The pipeline is taken apart on opening: the same numbers in four lines of numpy score a row in microseconds.
    A contribution is coefficient x standardised value, that of a feature's missing indicator included, so it is
    measured from the average of the training rows.
    """

    def __init__(self, pipeline: Any) -> None:
        imputer, scaler, model = (pipeline.named_steps[name] for name in ("impute", "scale", "model"))
        self._medians = np.asarray(imputer.statistics_, dtype=np.float64)
        self._flagged = np.asarray(imputer.indicator_.features_, dtype=np.int64)
        self._mean = np.asarray(scaler.mean_, dtype=np.float64)
        self._scale = np.asarray(scaler.scale_, dtype=np.float64)
        self._weights = np.asarray(model.coef_[0], dtype=np.float64)
        self._intercept = float(model.intercept_[0])

    def raw(self, matrix: FloatArray) -> FloatArray:
        """Uncalibrated scores in [0, 1], shape (rows,)."""
        log_odds = self._standardised(matrix) @ self._weights + self._intercept
        return np.asarray(0.5 * (1 + np.tanh(0.5 * log_odds)), dtype=np.float64)  # the logistic curve, no overflow

    def contributions(self, matrix: FloatArray) -> FloatArray:
        """Coefficient x standardised value in log-odds, shape (rows, features)."""
        parts = self._standardised(matrix) * self._weights
        values = parts[:, : len(self._medians)].copy()
        values[:, self._flagged] += parts[:, len(self._medians) :]
        return np.asarray(values, dtype=np.float64)

    def _standardised(self, matrix: FloatArray) -> FloatArray:
        logged = signed_log(matrix)
        is_missing = np.isnan(logged)
        filled = np.where(is_missing, self._medians, logged)
        columns = np.hstack([filled, is_missing[:, self._flagged]])
        return np.asarray((columns - self._mean) / self._scale, dtype=np.float64)


class HistogramTrees(ByMatrix):
    """
    Scikit-learn's histogram gradient boosting.

    It has no exact contributions, so each is found by ablation: the log-odds of the row minus those of the row with
    the feature at its training median. Effects that need two features together are counted for both or for neither.
    """

    def __init__(self, model: Any, reference: FloatArray) -> None:
        self._model = model
        self._reference = reference

    def raw(self, matrix: FloatArray) -> FloatArray:
        """Uncalibrated scores in [0, 1], shape (rows,)."""
        return np.asarray(self._model.predict_proba(matrix)[:, 1], dtype=np.float64)

    def raw_each(self, matrix: FloatArray) -> FloatArray:
        """In one call: trees take each row by itself."""
        return self.raw(matrix) if len(matrix) else np.empty(0)

    def contributions(self, matrix: FloatArray) -> FloatArray:
        """Change of log-odds when a feature is put to its training median, shape (rows, features)."""
        whole = _log_odds(self.raw(matrix))
        values = np.empty(matrix.shape, dtype=np.float64)
        if len(matrix) < matrix.shape[1]:
            for place, row in enumerate(matrix):
                changed = np.tile(row, (len(row), 1))  # one call for all features of a row: each call takes long
                np.fill_diagonal(changed, self._reference)
                values[place] = whole[place] - _log_odds(self.raw(changed))
            return values
        for feature, median in enumerate(self._reference):
            changed = matrix.copy()
            changed[:, feature] = median
            values[:, feature] = whole - _log_odds(self.raw(changed))
        return values


def _log_odds(probability: FloatArray) -> FloatArray:
    clipped = np.clip(probability, _TINY, 1 - _TINY)
    return np.asarray(np.log(clipped) - np.log1p(-clipped), dtype=np.float64)
