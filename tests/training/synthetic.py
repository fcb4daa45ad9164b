"""Training sets with a known structure, for any declared domain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from riskloom.catalog import Domain
from riskloom.training import training_windows

AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
FEATURES = ("spend_ratio", "count_7d", "amount_log", "label_rate_30d", "noise")


def small(domain: Domain, **training: object) -> Domain:
    """A domain with a budget that fits into a test."""
    budget = {
        "trials": 1,
        "folds": 2,
        "history": timedelta(days=30),
        "holdout": timedelta(days=7),
        "candidates": ("logistic_regression",),
        **training,
    }
    bounds = {"metric": "average_precision", "minimum": 0.1, "tolerance": 0.01, "without_labels": False}
    gate = domain.gate.model_copy(update=bounds)
    return domain.model_copy(update={"training": domain.training.model_copy(update=budget), "gate": gate})


def make_frame(domain: Domain, *, rows: int = 6_000, seed: int = 1, strength: float = 2.0) -> pd.DataFrame:
    """
    A training set whose positives (about 3 %) are visible in two features and in one that is often missing.

    Args:
        domain: Names the fixed columns and the windows.
        rows: How many decisions, evenly over fit window and holdout.
        seed: Of everything random.
        strength: How visible positives are; 0 makes them invisible.
    """
    random = np.random.default_rng(seed)
    windows = training_windows(domain, AS_OF)
    span = (windows.holdout_end - windows.fit_start) / timedelta(microseconds=1)
    start = np.datetime64(windows.fit_start.replace(tzinfo=None), "us")
    decided = start + np.sort(random.uniform(0, span, rows)).astype("timedelta64[us]")
    labels = random.random(rows) < 0.03
    shift = labels * strength
    frame = pd.DataFrame(
        {
            domain.subject.key: [f"s-{number:06d}" for number in range(rows)],
            domain.subject.group: [f"g-{number}" for number in random.integers(0, rows // 8, rows)],
            domain.subject.amount: np.round(random.lognormal(4, 1, rows), 2),
            "decision_at": decided,
            "label": labels.astype(np.int8),
            "label_observed_at": np.where(labels, decided + np.timedelta64(2, "D"), np.datetime64("NaT", "us")),
            "spend_ratio": np.exp(random.normal(0, 1, rows) + shift),
            "count_7d": random.poisson(3 + 2 * shift).astype(np.float64),
            "amount_log": random.normal(0, 1, rows),
            "label_rate_30d": np.where(random.random(rows) < 0.3, np.nan, random.normal(0, 1, rows) + shift / 2),
            "noise": random.normal(0, 1, rows),
        }
    )
    frame["label_observed_at"] = frame["label_observed_at"].astype("datetime64[us]")
    return frame
