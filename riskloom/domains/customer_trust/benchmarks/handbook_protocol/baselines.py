"""The handbook's own models, fitted on the seven training days and its fifteen features (chapters 5 and 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier

from riskloom.domains.customer_trust.benchmarks.handbook_protocol import folds as protocol
from riskloom.domains.customer_trust.benchmarks.handbook_protocol.folds import Fold
from riskloom.domains.customer_trust.benchmarks.handbook_protocol.metrics import Figures, measure
from riskloom.domains.customer_trust.benchmarks.handbook_protocol.source import FEATURES

#: Fits on (matrix, labels) and scores another matrix.
Model = Callable[[NDArray[np.float64], NDArray[np.int8], NDArray[np.float64]], NDArray[np.float64]]

_SEED = 0
_TREES = 100
_FOREST_DEPTH = 20
_BAG_DEPTH = 20
_BAG_RATIO = 0.05


@dataclass(frozen=True, slots=True)
class BoostingSettings:
    """One point of the handbook's grid for XGBoost."""

    n_estimators: int
    max_depth: int
    learning_rate: float


BOOSTING_TREES = (25, 50, 100)
BOOSTING_DEPTHS = (3, 6, 9)
BOOSTING_RATES = (0.1, 0.3)


def measure_baseline(model: Model, transactions: pd.DataFrame, fold: Fold) -> Figures:
    """Fit a baseline on a fold's training days and measure it on the test rows."""
    train, test = protocol.training_rows(transactions, fold), protocol.test_rows(transactions, fold)
    return measure(test, model(_matrix(train), train["is_fraud"].to_numpy(), _matrix(test)))


def random_forest(
    matrix: NDArray[np.float64], labels: NDArray[np.int8], rows: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The random forest with the settings the handbook's search arrives at: 100 trees, depth 20."""
    forest = RandomForestClassifier(n_estimators=_TREES, max_depth=_FOREST_DEPTH, random_state=_SEED, n_jobs=-1)
    scores: NDArray[np.float64] = forest.fit(matrix, labels).predict_proba(rows)[:, 1]
    return scores


def balanced_bagging(
    matrix: NDArray[np.float64], labels: NDArray[np.int8], rows: NDArray[np.float64]
) -> NDArray[np.float64]:
    """
    Bagged decision trees, each on a bootstrap whose honest rows are thinned to twenty a fraud (section 6.4).

    The same procedure as imbalanced-learn's ``BalancedBaggingClassifier`` with ``sampling_strategy=0.05`` over trees of
    depth 20: draw a bootstrap, keep its frauds, draw the honest rows without replacement, fit a tree, average.
    """
    random = np.random.default_rng(_SEED)
    scores = np.zeros(len(rows))
    for tree in range(_TREES):
        bootstrap = random.integers(0, len(labels), len(labels))
        frauds, honest = bootstrap[labels[bootstrap] == 1], bootstrap[labels[bootstrap] == 0]
        kept = random.choice(honest, min(len(honest), round(len(frauds) / _BAG_RATIO)), replace=False)
        chosen = np.concatenate([frauds, kept])
        fitted = DecisionTreeClassifier(max_depth=_BAG_DEPTH, random_state=tree).fit(matrix[chosen], labels[chosen])
        scores += fitted.predict_proba(rows)[:, 1]
    return scores / _TREES


def tune_boosting(
    transactions: pd.DataFrame, folds: Sequence[Fold], on_fold: Callable[[Fold], None]
) -> BoostingSettings:
    """
    Choose XGBoost's settings by the mean average precision over earlier folds, as the handbook does.

    Args:
        transactions: What ``source.read_transactions`` returned.
        folds: What ``folds.validation_folds`` returned: every label of theirs is known before the first test.
        on_fold: Called with each fold before work on it begins.
    """
    totals = dict.fromkeys(_grid(), 0.0)
    for fold in folds:
        on_fold(fold)
        train, test = protocol.training_rows(transactions, fold), protocol.test_rows(transactions, fold)
        labels = train["is_fraud"].to_numpy()
        for depth, rate in product(BOOSTING_DEPTHS, BOOSTING_RATES):
            full = BoostingSettings(max(BOOSTING_TREES), depth, rate)
            booster = _fit_boosting(full, _matrix(train), labels)
            for trees in BOOSTING_TREES:
                # boosting without sampling: the first n trees are the model of n trees
                scores = booster.predict_proba(_matrix(test), iteration_range=(0, trees))[:, 1]
                totals[BoostingSettings(trees, depth, rate)] += measure(test, scores).average_precision
    return max(totals, key=lambda settings: totals[settings])


def boosting(settings: BoostingSettings) -> Model:
    """XGBoost with these settings, as a model."""

    def fit_and_score(
        matrix: NDArray[np.float64], labels: NDArray[np.int8], rows: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        scores: NDArray[np.float64] = _fit_boosting(settings, matrix, labels).predict_proba(rows)[:, 1]
        return scores

    return fit_and_score


def _fit_boosting(settings: BoostingSettings, matrix: NDArray[np.float64], labels: NDArray[np.int8]) -> Any:
    # what the handbook's version did by itself; newer defaults (histograms, a fitted base score) lose 0.10 of AP here
    model = XGBClassifier(**asdict(settings), tree_method="exact", base_score=0.5, random_state=_SEED, n_jobs=-1)
    return model.fit(matrix, labels)


def _grid() -> Iterator[BoostingSettings]:
    for trees, depth, rate in product(BOOSTING_TREES, BOOSTING_DEPTHS, BOOSTING_RATES):
        yield BoostingSettings(trees, depth, rate)


def _matrix(rows: pd.DataFrame) -> NDArray[np.float64]:
    return rows[list(FEATURES)].to_numpy(dtype="float64")
