"""Choosing a candidate and its setting within the declared budget, on folds that only predict the future."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from riskloom.catalog import UNSUPERVISED, Domain
from riskloom.errors import TrainingError
from riskloom.registry import Kind
from riskloom.training.candidates import FittedModel, Setting, fit, sample_settings
from riskloom.training.evaluation import metric_value
from riskloom.training.rows import FloatArray, LabelledRows
from riskloom.training.windows import Fold, time_folds

#: Called after each fit of the search: done, total, what was tried with its value.
Progress = Callable[[int, int, str], None]
# while settings are compared, more negatives than this for each positive cost time and change no order
_NEGATIVES_A_POSITIVE = 20
_FEWEST_NEGATIVES = 20_000
_KEPT = 3  # one setting in so many goes on to the older folds
_SIDE_BY_SIDE = 2


@dataclass(frozen=True)
class Trial:
    """One setting of one candidate: raw scores and the gate's metric on each fold it was tried on, newest first."""

    kind: Kind
    setting: Setting
    raw: tuple[FloatArray, ...] = field(default=(), repr=False)
    values: tuple[float, ...] = ()

    @property
    def value(self) -> float:
        """The mean over the folds; NaN where there was nothing to judge by."""
        return float(np.mean(self.values)) if self.values else float("nan")


@dataclass(frozen=True)
class SearchResult:
    """What was tried, what won, and what the winner said of rows it had not seen."""

    trials: tuple[Trial, ...]
    best: Trial
    unseen: NDArray[np.int64]
    unseen_raw: FloatArray


def search(domain: Domain, rows: LabelledRows, *, on_progress: Progress) -> SearchResult:
    """
    Try every candidate's settings on folds, and choose by the mean of the gate's metric.

    All settings are tried on the newest fold; each candidate's defaults and the best of its others go on to the older
    folds (successive halving, Jamieson and Talwalkar 2016). Two fits run side by side, and each gives what it would
    give alone.

    The best mean of many is best partly by chance. So of all that come within the gate's tolerance of it, the first in
    the order of declaration is taken, a candidate's defaults before what was drawn (after the one-standard-error rule
    of Breiman, Friedman, Olshen and Stone 1984, section 3.4.3).

    Args:
        domain: Declares candidates, budget, folds, metric and seed.
        rows: The fit window, in order of time.
        on_progress: Told after each fit.

    Raises:
        TrainingError: No fold has both classes on both sides.
    """
    folds, plan = usable_folds(domain, rows), domain.training
    settings = {kind: sample_settings(kind, plan.trials, plan.seed) for kind in plan.candidates}
    trials = [Trial(kind, setting) for kind in plan.candidates for setting in settings[kind]]
    total = len(trials) + (len(folds) - 1) * sum(_kept(len(tried)) for tried in settings.values())
    left = list(range(len(trials)))
    done = 0
    for number, fold in enumerate(folds):
        if number == 1:
            left = [index for kind in plan.candidates for index in _best(trials, kind)]
        for index, trial in zip(left, _try(domain, rows, fold, [trials[index] for index in left]), strict=True):
            trials[index] = trial
            done += 1
            on_progress(done, total, f"{trial.kind}: {domain.gate.metric} {trial.values[-1]:.4f}")
    enough = max(trials[index].value for index in left) - domain.gate.tolerance
    best = next(trials[index] for index in left if trials[index].value >= enough)
    return SearchResult(tuple(trials), best, np.concatenate([fold.test for fold in folds]), np.concatenate(best.raw))


def _try(domain: Domain, rows: LabelledRows, fold: Fold, trials: list[Trial]) -> Iterator[Trial]:
    """Each trial with the fold's scores added, in order, as they are done."""
    test = rows.take(fold.test)

    def run(trial: Trial) -> Trial:
        model = fit_rows(domain, rows, trial.kind, trial.setting, among=fold.train, is_search=True)
        raw = model.raw(test.matrix)
        value = metric_value(domain.gate.metric, test, raw)
        return replace(trial, raw=(*trial.raw, raw), values=(*trial.values, value))

    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        yield from pool.map(run, trials)


def _best(trials: Sequence[Trial], kind: Kind) -> list[int]:
    """Of one candidate the defaults, then the best of what was drawn."""
    defaults, *drawn = [index for index, trial in enumerate(trials) if trial.kind == kind]
    return [defaults, *sorted(drawn, key=lambda index: -trials[index].value)][: _kept(1 + len(drawn))]


def _kept(count: int) -> int:
    """How many of so many settings go on: a third, and the defaults are never alone."""
    return min(count, max(2, -(-count // _KEPT)))


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
    the full data. A candidate that learns without labels gets as many rows at random, whatever their labels.
    """
    positives, negatives = among[rows.labels[among] == 1], among[rows.labels[among] == 0]
    most = domain.training.max_negatives
    if is_search:
        most = min(most, max(_FEWEST_NEGATIVES, _NEGATIVES_A_POSITIVE * len(positives)))
    random, weight = np.random.default_rng(domain.training.seed), 1.0
    if kind in UNSUPERVISED:
        kept = np.sort(random.choice(among, min(most, len(among)), replace=False))
    else:
        if len(negatives) > most:
            weight = len(negatives) / most
            negatives = random.choice(negatives, most, replace=False)
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
