"""A whole training, against scikit-learn's own search over the same rows with the same number of settings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score
from sklearn.model_selection import RandomizedSearchCV, TimeSeriesSplit

from benchmarks.rows import Row
from benchmarks.workbench import Workbench, timed
from riskloom.features import training_set
from riskloom.training import TrainingOutcome, train, training_windows

_SPACE = {
    "learning_rate": [0.02, 0.03, 0.05, 0.08],
    "max_iter": [150, 250, 400],
    "max_leaf_nodes": [7, 15, 31, 63],
    "min_samples_leaf": [20, 50, 100, 200],
    "l2_regularization": [0.1, 1.0, 10.0, 30.0],
}


def measure(bench: Workbench) -> Iterator[Row]:
    """Train as of the simulation's end: search, calibration, holdout with intervals, gate."""
    events = bench.size(200_000, 10_000)
    built, domain = bench.built(events), bench.domain
    windows = training_windows(domain, built.as_of)
    dataset = training_set(
        domain,
        built.views,
        built.store,
        built.settings.marts,
        as_of=built.as_of,
        start=max(windows.fit_start, bench.start),
        end=windows.holdout_end,
    )
    with timed() as ours:
        outcome = train(domain, dataset.frame, dataset.features, as_of=built.as_of)
    settings = domain.training.trials * len(domain.training.candidates)
    with timed() as theirs:
        score = _search_with_sklearn(outcome, settings=settings, folds=domain.training.folds, seed=domain.training.seed)
    rows = len(outcome.fitted_on)
    peer = f"scikit-learn: RandomizedSearchCV over HistGradientBoosting, {settings} settings, no calibration, no gate"
    yield Row(
        name=f"training on {rows:,} rows: {settings} settings of {len(domain.training.candidates)} candidates",
        value=ours.seconds,
        unit="s",
        better="lower",
        peer=peer,
        peer_value=theirs.seconds,
    )
    yield Row(
        name="average precision of that training on its holdout",
        value=outcome.contender.evaluation["average_precision"].value,
        unit="",
        better="higher",
        peer=peer,
        peer_value=score,
    )


def _search_with_sklearn(outcome: TrainingOutcome, *, settings: int, folds: int, seed: int) -> float:
    """The peer's average precision on the holdout."""
    rows, holdout = outcome.fitted_on, outcome.holdout
    search = RandomizedSearchCV(
        HistGradientBoostingClassifier(random_state=seed, early_stopping=False),
        _SPACE,
        n_iter=settings,
        scoring="average_precision",
        cv=TimeSeriesSplit(folds),
        random_state=seed,
    )
    has_values = ~np.isnan(rows.matrix).all(axis=0)  # scikit-learn cannot bin a column without one
    search.fit(rows.matrix[:, has_values], rows.labels)
    return float(average_precision_score(holdout.labels, search.predict_proba(holdout.matrix[:, has_values])[:, 1]))
