"""Metrics equal scikit-learn's, the handbook's own code, and figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as reference

from riskloom.metrics import (
    DailySubjects,
    FloatArray,
    Ranking,
    average_precision,
    expected_calibration_error,
    recall_at_fpr,
    roc_auc,
    subject_precision_at_k,
)

rows = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=4, max_size=60)


def _arrays(drawn: list[tuple[bool, int]]) -> tuple[NDArray[np.int64], FloatArray]:
    labels = np.array([int(label) for label, _ in drawn])
    labels[:2] = 0, 1  # both classes occur
    return labels, np.array([score / 6 for _, score in drawn])


@settings(max_examples=150, deadline=None)
@given(rows)
def test_ranking_metrics_equal_scikit_learns(drawn: list[tuple[bool, int]]) -> None:
    """Area under the curve, average precision and recall at a false-positive rate, with many ties."""
    labels, scores = _arrays(drawn)
    assert roc_auc(labels, scores) == pytest.approx(reference.roc_auc_score(labels, scores))
    assert average_precision(labels, scores) == pytest.approx(reference.average_precision_score(labels, scores))
    false, true, _ = reference.roc_curve(labels, scores, drop_intermediate=False)
    assert recall_at_fpr(labels, scores, 0.3) == pytest.approx(true[false <= 0.3].max())


@settings(max_examples=50, deadline=None)
@given(rows, st.integers(0, 1_000))
def test_weights_are_repetitions(drawn: list[tuple[bool, int]], seed: int) -> None:
    """A row drawn twice counts as two rows, one never drawn as none."""
    labels, scores = _arrays(drawn)
    counts = np.random.default_rng(seed).integers(0, 3, len(labels))
    counts[:2] = 1
    weights = counts.reshape(1, -1).astype(np.float64)
    repeated = np.repeat(labels, counts), np.repeat(scores, counts)
    ranking = Ranking(labels, scores)
    assert ranking.roc_auc(weights)[0] == pytest.approx(roc_auc(*repeated))
    assert ranking.average_precision(weights)[0] == pytest.approx(average_precision(*repeated))
    assert ranking.recall_at_fpr(weights, limit=0.3)[0] == pytest.approx(recall_at_fpr(*repeated, 0.3))


def test_one_class_has_no_value() -> None:
    """Without a positive there is nothing to rank: NaN, not zero and not an error."""
    assert np.isnan(roc_auc([0, 0], [0.1, 0.2]))
    assert np.isnan(average_precision([0, 0], [0.1, 0.2]))
    assert np.isnan(recall_at_fpr([1, 1], [0.1, 0.2]))


def test_calibration_error_by_hand() -> None:
    """Two bins: 0.1 said and 0 seen, 0.8 said and 1 seen, so (0.1 + 0.2) / 2."""
    assert expected_calibration_error([0, 0, 1, 1], [0.1, 0.1, 0.8, 0.8], bins=2) == pytest.approx(0.15)


def test_calibration_error_of_equal_scores() -> None:
    """One score for all rows is one bin: the distance of the score from the rate."""
    assert expected_calibration_error([0, 1, 0, 0], [0.5] * 4) == pytest.approx(0.25)


def test_subject_precision_by_hand() -> None:
    """
    Two days, k = 2. Day 0 ranks a (0.9, positive), b (0.8), c: half. a leaves the pool, so day 1 ranks c (0.6,
    positive) and b (0.5): half again.
    """
    labels = [1, 0, 0, 0, 1, 1, 0]
    scores = [0.9, 0.8, 0.1, 0.2, 0.6, 0.99, 0.5]
    groups = ["a", "b", "c", "b", "c", "a", "b"]
    days = [0, 0, 0, 0, 1, 1, 1]
    assert subject_precision_at_k(labels, scores, groups, days, k=2) == pytest.approx(0.5)
    # with one look a day: a on day 0, c on day 1
    assert subject_precision_at_k(labels, scores, groups, days, k=1) == pytest.approx(1.0)
    # the divisor is k, also where there are fewer groups
    assert subject_precision_at_k(labels, scores, groups, days, k=4) == pytest.approx(0.25)


def test_subject_precision_equals_the_handbooks_code() -> None:
    """On a thousand rows without ties the result is that of the book's own loop."""
    random = np.random.default_rng(8)
    size = 1_000
    labels = (random.random(size) < 0.1).astype(int)
    scores = random.permutation(size) / size + 0.3 * labels
    groups, days = random.integers(0, 60, size), random.integers(100, 107, size)
    for k in (1, 5, 20, 100):
        assert subject_precision_at_k(labels, scores, groups, days, k) == pytest.approx(
            _handbook(labels, scores, groups, days, k)
        )


def test_subject_precision_with_drawn_groups() -> None:
    """Each group once is the plain figure; a compromised group drawn twice takes two of k = 2 places."""
    labels, scores = [1, 0, 1], [0.9, 0.8, 0.7]
    subjects = DailySubjects(labels, scores, [5, 6, 7], [0, 0, 0])
    drawn = np.array([[1, 1, 1], [2, 1, 1], [0, 1, 1], [0, 0, 0]])
    assert subjects.precision_at(2, drawn).tolist() == [0.5, 1.0, 0.5, 0.0]
    assert drawn.tolist()[0] == [1, 1, 1]


def _handbook(
    labels: NDArray[np.int64], scores: FloatArray, groups: NDArray[np.int64], days: NDArray[np.int64], k: int
) -> float:
    """``card_precision_top_k`` of the Fraud Detection Handbook, chapter 4, in its own way of working."""
    frame = pd.DataFrame({"day": days, "card": groups, "score": scores, "label": labels})
    found: list[int] = []
    shares = []
    for day in sorted(frame["day"].unique()):
        today = frame[(frame["day"] == day) & ~frame["card"].isin(found)]
        top = today.groupby("card").max().sort_values(by="score", ascending=False).reset_index().head(k)
        compromised = top[top["label"] == 1]["card"].tolist()
        shares.append(len(compromised) / k)
        found.extend(compromised)
    return float(np.mean(shares))
