"""Nothing is learned from, or judged by, what was not known."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from riskloom.catalog import Domain
from riskloom.errors import LeakageError, TrainingError
from riskloom.training import train, training_windows
from riskloom.training.windows import time_folds
from tests.training.synthetic import AS_OF, FEATURES


def test_holdout_is_the_newest_matured_window(domain: Domain) -> None:
    """The holdout ends where labels stop being mature, the fit window where the holdout starts."""
    windows = training_windows(domain, AS_OF)
    assert windows.holdout_end == AS_OF - domain.label.maturity
    assert windows.holdout_end - windows.fit_end == domain.training.holdout
    assert windows.fit_end - windows.fit_start == domain.training.history


def test_as_of_needs_a_time_zone(domain: Domain) -> None:
    """A time that could mean several instants is refused."""
    with pytest.raises(TrainingError, match="time zone"):
        training_windows(domain, datetime(2026, 3, 1))  # noqa: DTZ001


def test_a_label_newer_than_the_cutoff_is_refused(domain: Domain, frame: pd.DataFrame) -> None:
    """One label observed exactly at as_of was not known before it."""
    late = frame.copy()
    late.loc[10, "label_observed_at"] = np.datetime64(AS_OF.replace(tzinfo=None), "us")
    with pytest.raises(LeakageError, match="1 labels were observed at or after as_of 2026-03-01"):
        train(domain, late, FEATURES, as_of=AS_OF)


def test_an_immature_decision_is_refused(domain: Domain, frame: pd.DataFrame) -> None:
    """A decision whose label may still come is not taken for a negative."""
    young = frame.copy()
    young.loc[len(young) - 1, "decision_at"] = AS_OF.replace(tzinfo=None) - domain.label.maturity
    with pytest.raises(LeakageError, match="1 decisions are younger than"):
        train(domain, young, FEATURES, as_of=AS_OF)


def test_folds_predict_the_future_across_the_label_delay() -> None:
    """Between what a fold learns from and what it predicts lies the time labels need."""
    decided = np.datetime64("2026-01-01", "us") + np.arange(40 * 24) * np.timedelta64(1, "h").astype("m8[us]")
    gap = timedelta(days=7)
    folds = time_folds(decided, holdout=timedelta(days=5), gap=gap, count=3)
    assert len(folds) == 3
    for fold in folds:
        assert decided[fold.test].min() - decided[fold.train].max() >= np.timedelta64(gap)
        assert decided[fold.test].max() - decided[fold.test].min() <= np.timedelta64(5, "D")
    tested = np.concatenate([fold.test for fold in folds])
    assert len(np.unique(tested)) == len(tested) == 15 * 24
    assert folds[0].test.max() == len(decided) - 1


def test_short_history_shortens_the_folds_not_the_gap() -> None:
    """With ten days and a gap of seven, three folds share the three days that are left."""
    decided = np.datetime64("2026-01-01", "us") + np.arange(240) * np.timedelta64(1, "h").astype("m8[us]")
    folds = time_folds(decided, holdout=timedelta(days=7), gap=timedelta(days=7), count=2)
    for fold in folds:
        assert len(fold.train) > 0
        assert decided[fold.test].min() - decided[fold.train].max() >= np.timedelta64(7, "D")


def test_history_shorter_than_the_gap_is_refused() -> None:
    """Where no label can be known in time there is nothing to judge settings on."""
    decided = np.datetime64("2026-01-01", "us") + np.arange(5) * np.timedelta64(1, "D").astype("m8[us]")
    with pytest.raises(TrainingError, match=r"history of 4\.0 days"):
        time_folds(decided, holdout=timedelta(days=1), gap=timedelta(days=7), count=2)
