"""What each family of features brings: LightGBM with its first settings, fitted with all of them and without each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from riskloom.benchmarking import Say
from riskloom.catalog import Domain
from riskloom.domains.customer_trust.benchmarks.handbook_protocol import champion, folds, metrics
from riskloom.training import training_windows
from riskloom.training.candidates import DEFAULTS, fit
from riskloom.training.pipeline import FeatureSource

EVERYTHING = "nothing"

#: By how the names begin.
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "amount against the customer's own": ("amount_to_", "amount_deviations_"),
    "the customer's activity": ("customer_payments", "customer_amount", "customer_terminals", "customer_seconds"),
    "the customer's confirmed frauds": ("customer_frauds",),
    "the terminal's activity": ("terminal_payments", "terminal_amount"),
    "the terminal's confirmed frauds: counts and rates": ("terminal_frauds", "terminal_fraud_rate"),
    "the terminal's confirmed frauds: runs and how ordinary": ("terminal_fraud_run", "terminal_fraud_streak"),
    "the terminal's confirmed frauds: all of these": ("terminal_fraud",),
}


def ablation(
    domain: Domain,
    source: FeatureSource,
    transactions: pd.DataFrame,
    tested: Sequence[folds.Fold],
    say: Say,
) -> dict[str, metrics.Figures]:
    """
    Figures over the folds, with every feature and without each family.

    Args:
        domain: The card domain.
        source: Of the built spine.
        transactions: The handbook's, as the baselines take them.
        tested: The folds; each model learns from what the champion is fitted on.
        say: Takes a line on progress.
    """
    found: dict[str, list[metrics.Figures]] = {}
    for fold in tested:
        for name, figures in _of_fold(domain, source, transactions, fold):
            found.setdefault(name, []).append(figures)
            say(f"fold {fold.start}: without {name} {figures.rounded()}")
    return {name: metrics.mean(figures) for name, figures in found.items()}


def _of_fold(
    domain: Domain, source: FeatureSource, transactions: pd.DataFrame, fold: folds.Fold
) -> list[tuple[str, metrics.Figures]]:
    as_of = champion.midnight(fold.test_start)
    windows = training_windows(domain, as_of)
    known = source.training_set(as_of=as_of, start=windows.fit_start, end=windows.fit_end)
    tests = champion.test_days(domain, source, fold).set_index(domain.subject.key)
    rows = folds.test_rows(transactions, fold)
    asked = tests.loc[rows["transaction_id"].tolist()]
    labels = known.frame["label"].to_numpy(dtype=np.int8)
    results = []
    for name, beginnings in {EVERYTHING: (), **FAMILIES}.items():
        kept = tuple(feature for feature in known.features if not feature.startswith(beginnings))
        model = fit(
            "lightgbm",
            DEFAULTS["lightgbm"],
            known.frame[list(kept)].to_numpy(dtype=np.float64),
            labels,
            np.ones(len(labels)),
            features=kept,
            seed=domain.training.seed,
        )
        scores = model.raw(asked[list(kept)].to_numpy(dtype=np.float64))
        results.append((name, metrics.measure(rows, scores)))
    return results
