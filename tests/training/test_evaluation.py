"""Figures on the holdout are exact, and their intervals respect groups."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from riskloom.catalog import Domain
from riskloom.policy import CostPolicy
from riskloom.training import evaluation
from riskloom.training.evaluation import evaluate
from riskloom.training.rows import labelled_rows
from tests.training.synthetic import FEATURES


def test_money_adds_up(domain: Domain, frame: pd.DataFrame) -> None:
    """What is caught and missed is all that was at stake, and costs are the sum of their parts."""
    rows = labelled_rows(domain, frame, FEATURES)
    scores = np.random.default_rng(1).random(len(rows))
    policy = CostPolicy(domain)
    chosen = policy.choose_rows(scores, rows.amounts)
    figures = {name: figure.value for name, figure in evaluate(rows, scores, chosen, policy, seed=1).items()}
    at_stake = rows.amounts[rows.labels == 1].sum()
    assert np.isclose(figures["money_caught"] + figures["money_missed"], at_stake)
    paid = figures["money_missed"] + figures["money_lost_to_review"] + figures["money_lost_to_friction"]
    assert np.isclose(figures["expected_cost"], paid)
    assert np.isclose(figures["saved"], at_stake - paid)
    assert np.isclose(figures["flagged_share"], (chosen > 0).mean())
    assert 0 < figures["flagged_share"] < 1


def test_the_figures_are_the_policy_s_promise_once_the_truth_is_known(domain: Domain, frame: pd.DataFrame) -> None:
    """What is measured is the expected cost of the served policy with the truth in place of the probability."""
    rows, policy = labelled_rows(domain, frame, FEATURES), CostPolicy(domain)
    scores = np.random.default_rng(1).random(len(rows))
    chosen = policy.choose_rows(scores, rows.amounts)
    truth = rows.labels.astype(np.float64)
    costs = np.stack([terms.expected(truth, rows.amounts) for terms in policy.terms], axis=1)
    figures = evaluate(rows, scores, chosen, policy, seed=1, replicates=2)
    assert np.isclose(figures["expected_cost"].value, costs[np.arange(len(rows)), chosen].sum())
    assert np.isclose(figures["cost_of_approving_all"].value, costs[:, 0].sum())


def test_the_size_of_batches_plays_no_part(
    domain: Domain, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replicates are the same whether they are computed at once or one by one."""
    rows = labelled_rows(domain, frame.head(500), FEATURES)
    scores = np.random.default_rng(1).random(len(rows))
    policy = CostPolicy(domain)
    chosen = policy.choose_rows(scores, rows.amounts)
    at_once = evaluate(rows, scores, chosen, policy, seed=4, replicates=20)
    monkeypatch.setattr(evaluation, "_CELLS", 1)
    one_by_one = evaluate(rows, scores, chosen, policy, seed=4, replicates=20)
    for name, figure in at_once.items():
        np.testing.assert_allclose(one_by_one[name].replicates, figure.replicates)


def test_rows_that_belong_together_widen_the_interval(domain: Domain, frame: pd.DataFrame) -> None:
    """Copies of each row in the same group add no certainty; taken for independent rows they would seem to."""
    rows = labelled_rows(domain, frame, FEATURES)
    copies = rows.take(np.repeat(np.arange(len(rows)), 5))
    scores = np.repeat(np.random.default_rng(1).random(len(rows)) + 0.5 * rows.labels, 5)

    def width(groups: NDArray[np.int64]) -> float:
        regrouped = replace(copies, groups=groups)
        chosen = np.zeros(len(copies), dtype=np.intp)
        bounds = evaluate(regrouped, scores, chosen, CostPolicy(domain), seed=2)["average_precision"].interval
        assert bounds is not None
        return bounds[1] - bounds[0]

    assert width(np.repeat(np.arange(len(rows)), 5)) > 1.5 * width(np.arange(len(copies)))
