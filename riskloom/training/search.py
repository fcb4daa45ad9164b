"""Choosing a candidate and its setting within the declared budget, on folds that only predict the future."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskloom.catalog import Domain
from riskloom.errors import TrainingError
from riskloom.registry import Kind
from riskloom.training.candidates import FittedModel, Setting, fit, sample_settings
from riskloom.training.evaluation import metric_value
from riskloom.training.rows import FloatArray, LabelledRows
from riskloom.training.windows import Fold, time_folds

#: Called after each trial: done, total, what was tried with its value.
Progress = Callable[[int, int, str], None]
# while settings are compared, more negatives than this for each positive cost time and change no order
_NEGATIVES_A_POSITIVE = 20
_FEWEST_NEGATIVES = 20_000


@dataclass(frozen=True)
class Trial:
    """One setting of one candidate and its mean over the folds."""

    kind: Kind
    setting: Setting
    value: float


@dataclass(frozen=True)
class SearchResult:
    """What was tried, what won, and what the winner said of rows it had not seen."""

    trials: tuple[Trial, ...]
    best: Trial
    unseen: NDArray[np.int64]
    unseen_raw: FloatArray


def search(domain: Domain, rows: LabelledRows, *, on_progress: Progress) -> SearchResult:
    """
    Try every candidate's settings and choose the best mean of the gate's metric over the folds.

    Args:
        domain: Declares candidates, budget, folds, metric and seed.
        rows: The fit window, in order of time.
        on_progress: Told after each trial.

    Raises:
        TrainingError: No fold has both classes on both sides.
    """
    folds = usable_folds(domain, rows)
    tests = [rows.take(fold.test) for fold in folds]
    plan = [
        (kind, setting)
        for kind in domain.training.candidates
        for setting in sample_settings(kind, domain.training.trials, domain.training.seed)
    ]
    trials: list[Trial] = []
    best: tuple[Trial, FloatArray] | None = None
    for kind, setting in plan:
        models = [fit_rows(domain, rows, kind, setting, among=fold.train, is_search=True) for fold in folds]
        raw = [model.raw(test.matrix) for model, test in zip(models, tests, strict=True)]
        values = [metric_value(domain.gate.metric, test, scores) for test, scores in zip(tests, raw, strict=True)]
        trial = Trial(kind, setting, float(np.mean(values)))
        trials.append(trial)
        on_progress(len(trials), len(plan), f"{kind}: {domain.gate.metric} {trial.value:.4f}")
        if best is None or trial.value > best[0].value:
            best = trial, np.concatenate(raw)
    if best is None:  # the declaration asks for at least one candidate and one trial
        raise TrainingError(f"{domain.name}: no candidate was tried")
    return SearchResult(tuple(trials), best[0], np.concatenate([fold.test for fold in folds]), best[1])


def usable_folds(domain: Domain, rows: LabelledRows) -> list[Fold]:
    """The folds of a fit window that have both classes on both sides."""
    plan = domain.training
    folds = time_folds(rows.decided, holdout=plan.holdout, gap=domain.label.maturity, count=plan.folds)
    usable = [f for f in folds if all(0 < rows.labels[side].sum() < len(side) for side in (f.train, f.test))]
    if not usable:
        raise TrainingError(
            f"{domain.name}: no fold has positives and negatives on both sides "
            f"({rows.positives} positives among {len(rows)} rows from {rows.decided[0]} to {rows.decided[-1]}); "
            "give it more history or a shorter training.holdout"
        )
    return usable


def fit_rows(
    domain: Domain,
    rows: LabelledRows,
    kind: Kind,
    setting: Setting,
    *,
    among: NDArray[np.int64],
    is_search: bool = False,
) -> FittedModel:
    """
    Fit one setting on all positives and at most the declared number of negatives among some of the rows.

    Negatives are drawn at random, and each that is kept stands for those that were not, so scores keep the scale of
    the full data.
    """
    positives, negatives = among[rows.labels[among] == 1], among[rows.labels[among] == 0]
    most = domain.training.max_negatives
    if is_search:
        most = min(most, max(_FEWEST_NEGATIVES, _NEGATIVES_A_POSITIVE * len(positives)))
    weight = 1.0
    if len(negatives) > most:
        weight = len(negatives) / most
        negatives = np.random.default_rng(domain.training.seed).choice(negatives, most, replace=False)
    kept = np.sort(np.concatenate([positives, negatives]))
    labels = rows.labels[kept]
    return fit(
        kind,
        setting,
        rows.matrix[kept],
        labels,
        np.where(labels == 1, 1.0, weight),
        features=rows.features,
        seed=domain.training.seed,
    )
