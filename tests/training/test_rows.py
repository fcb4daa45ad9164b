"""A training set is checked, put in one order, and known by its fingerprint."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from riskloom.catalog import Domain
from riskloom.errors import TrainingError
from riskloom.training.rows import labelled_rows
from tests.training.synthetic import FEATURES


def test_the_order_of_rows_plays_no_part(domain: Domain, frame: pd.DataFrame) -> None:
    """Shuffled rows give the same arrays and the same fingerprint."""
    rows = labelled_rows(domain, frame, FEATURES)
    shuffled = labelled_rows(domain, frame.sample(frac=1, random_state=1), FEATURES)
    assert shuffled.fingerprint == rows.fingerprint
    np.testing.assert_array_equal(shuffled.matrix, rows.matrix)
    np.testing.assert_array_equal(shuffled.labels, rows.labels)


@pytest.mark.parametrize("column", ["label", "noise", "decision_at", "label_observed_at"])
def test_one_changed_value_changes_the_fingerprint(domain: Domain, frame: pd.DataFrame, column: str) -> None:
    """Each column takes part."""
    changed, step = frame.copy(), pd.Timedelta(1, "us") if column.endswith("_at") else 1
    is_first = frame.index == np.flatnonzero((frame["label"] == 0) & frame["label_observed_at"].isna())[0]
    if column == "label_observed_at":
        is_first = frame.index == np.flatnonzero(frame["label"] == 1)[0]
    changed[column] = frame[column].where(~is_first, frame[column] + step).astype(frame[column].dtype)
    before, after = (labelled_rows(domain, part, FEATURES).fingerprint for part in (frame, changed))
    assert before != after


def test_equal_spellings_have_one_fingerprint(domain: Domain, frame: pd.DataFrame) -> None:
    """Minus zero is zero, and every NaN is the same NaN."""
    other = frame.copy()
    frame.loc[0, "noise"], other.loc[0, "noise"] = 0.0, -0.0
    other["label_rate_30d"] = np.where(other["label_rate_30d"].isna(), -np.float64("nan"), other["label_rate_30d"])
    assert labelled_rows(domain, other, FEATURES).fingerprint == labelled_rows(domain, frame, FEATURES).fingerprint


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns=["noise", "label"]), "lacks the columns label, noise"),
        (lambda frame: frame.head(0), "has no rows"),
        (lambda frame: pd.concat([frame, frame.head(3)]), "3 rows of the training set repeat"),
        (lambda frame: frame.assign(noise=np.inf), "infinite values: noise"),
        (lambda frame: frame.assign(label=2), "expected 0 or 1"),
    ],
)
def test_wrong_training_sets_are_refused(domain: Domain, frame: pd.DataFrame, change: object, message: str) -> None:
    """What no model can take is refused with the column's name."""
    assert callable(change)
    with pytest.raises(TrainingError, match=message):
        labelled_rows(domain, change(frame), FEATURES)


def test_missing_amount_is_refused(domain: Domain, frame: pd.DataFrame) -> None:
    """Costs need an amount in every row."""
    frame.loc[0, domain.subject.amount] = np.nan
    with pytest.raises(TrainingError, match="amounts"):
        labelled_rows(domain, frame, FEATURES)
