"""Figures on the holdout are exact, and their intervals respect groups."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from riskloom.catalog import Domain
from riskloom.training import evaluation
from riskloom.training.evaluation import evaluate
from riskloom.training.rows import labelled_rows
from tests.training.synthetic import FEATURES


def test_money_adds_up(domain: Domain, frame: pd.DataFrame) -> None:
    """What is caught and missed is all that was at stake, and costs are the sum of their parts."""
    rows = labelled_rows(domain, frame, FEATURES)
    scores = np.random.default_rng(1).random(len(rows))
    figures = {name: figure.value for name, figure in evaluate(rows, scores, 0.8, domain.costs, seed=1).items()}
    at_stake = rows.amounts[rows.labels == 1].sum()
    assert np.isclose(figures["money_caught"] + figures["money_missed"], at_stake)
    paid = figures["money_missed"] + figures["money_lost_to_review"] + figures["money_lost_to_friction"]
    assert np.isclose(figures["expected_cost"], paid)
    assert np.isclose(figures["saved"], at_stake - paid)
    assert np.isclose(figures["flagged_share"], (scores >= 0.8).mean())


def test_the_size_of_batches_plays_no_part(
    domain: Domain, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replicates are the same whether they are computed at once or one by one."""
    rows = labelled_rows(domain, frame.head(500), FEATURES)
    scores = np.random.default_rng(1).random(len(rows))
    at_once = evaluate(rows, scores, 0.8, domain.costs, seed=4, replicates=20)
    monkeypatch.setattr(evaluation, "_CELLS", 1)
    one_by_one = evaluate(rows, scores, 0.8, domain.costs, seed=4, replicates=20)
    for name, figure in at_once.items():
        np.testing.assert_allclose(one_by_one[name].replicates, figure.replicates)


def test_rows_that_belong_together_widen_the_interval(domain: Domain, frame: pd.DataFrame) -> None:
    """Copies of each row in the same group add no certainty; taken for independent rows they would seem to."""
    rows = labelled_rows(domain, frame, FEATURES)
    copies = rows.take(np.repeat(np.arange(len(rows)), 5))
    scores = np.repeat(np.random.default_rng(1).random(len(rows)) + 0.5 * rows.labels, 5)

    def width(groups: NDArray[np.int64]) -> float:
        regrouped = replace(copies, groups=groups)
        bounds = evaluate(regrouped, scores, 0.8, domain.costs, seed=2)["average_precision"].interval
        assert bounds is not None
        return bounds[1] - bounds[0]

    assert width(np.repeat(np.arange(len(rows)), 5)) > 1.5 * width(np.arange(len(copies)))
