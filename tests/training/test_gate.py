"""The gate refuses with reasons in words and numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from riskloom.catalog import Domain
from riskloom.policy import CostPolicy
from riskloom.registry import LoadedModel, Verdict
from riskloom.registry.scorers import open_scorer
from riskloom.training import TrainingOutcome, train
from riskloom.training.evaluation import evaluate
from riskloom.training.gate import Contender, judge, single_feature_auc
from riskloom.training.rows import FloatArray, labelled_rows
from tests.training.synthetic import AS_OF, FEATURES, make_frame


def loaded(outcome: TrainingOutcome, version: str = "1") -> LoadedModel:
    """The outcome's model as it opens from its bytes."""
    (name, content), *_ = outcome.payload.items()
    manifest = outcome.manifest
    return LoadedModel(manifest, open_scorer(manifest.kind, content, manifest.reference, file=name), version)


@pytest.fixture(scope="module")
def outcome(domain: Domain) -> TrainingOutcome:
    """A good model, trained once."""
    return train(domain, make_frame(domain), FEATURES, as_of=AS_OF)


def test_a_good_model_passes(outcome: TrainingOutcome) -> None:
    """It passes without a reason, and says that there was nobody to compare with."""
    verdict = outcome.verdict
    assert (verdict.passed, verdict.reasons, verdict.notes) == (True, (), ("no champion yet",))
    assert verdict.interval is not None
    assert verdict.value is not None
    assert verdict.interval[0] < verdict.value < verdict.interval[1]
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict


@pytest.mark.parametrize(
    ("scores", "outcomes", "message"),
    [
        (lambda scores: np.full(len(scores), 0.2), [0, 1], "every row gets the same score 0.2"),
        (
            lambda scores: np.where(np.arange(len(scores)) < 3, np.nan, scores),
            [0, 1],
            "3 of 1142 scores are not numbers",
        ),
        (lambda scores: scores, [0], "it flags nobody"),
        (lambda scores: scores, [1, 2], "it flags all 1142 rows"),
    ],
)
def test_degenerate_models_are_refused(
    domain: Domain,
    outcome: TrainingOutcome,
    scores: Callable[[FloatArray], FloatArray],
    outcomes: list[int],
    message: str,
) -> None:
    """A model that says or decides nothing is refused, whatever its figures."""
    made = scores(outcome.contender.scores)
    chosen = np.resize(np.array(outcomes, dtype=np.intp), len(made))
    figures = evaluate(outcome.holdout, np.nan_to_num(made), chosen, CostPolicy(domain), seed=1, replicates=20)
    contender = Contender(made, chosen, figures)
    verdict = judge(domain, outcome.holdout, contender, champion=None, seen=outcome.holdout, as_of=AS_OF)
    assert not verdict.passed
    assert any(message in reason for reason in verdict.reasons), verdict.reasons


def test_a_model_below_the_minimum_is_refused(domain: Domain) -> None:
    """Where positives look like anybody else, the value and the minimum are named."""
    verdict = train(domain, make_frame(domain, strength=0), FEATURES, as_of=AS_OF).verdict
    assert any("is below gate.minimum 0.1" in reason for reason in verdict.reasons), verdict.reasons


def test_too_few_positives_give_no_verdict(domain: Domain) -> None:
    """A handful of positives in the holdout cannot carry a promotion."""
    verdict = train(domain, make_frame(domain, rows=2_500), FEATURES, as_of=AS_OF).verdict
    assert not verdict.passed
    assert any(f"fewer than gate.min_positives {domain.gate.min_positives}" in text for text in verdict.reasons)


def test_a_feature_that_knows_the_label_is_refused(domain: Domain, frame: pd.DataFrame) -> None:
    """A feature that separates the classes alone leaks, also where only its being missing tells."""
    frame["told"] = frame["label"] * 2.0 + frame["noise"] / 1_000
    frame["hidden"] = np.where(frame["label"] == 1, np.nan, frame["noise"])
    verdict = train(domain, frame, [*FEATURES, "told", "hidden"], as_of=AS_OF).verdict
    assert [reason.split(" alone")[0] for reason in verdict.reasons] == ["the feature told", "the feature hidden"]


def test_a_feature_with_the_labels_name_is_refused(domain: Domain, frame: pd.DataFrame) -> None:
    """A column of the label's table is no feature, however harmless it looks."""
    frame[domain.label.positive] = frame["noise"]
    verdict = train(domain, frame, [*FEATURES, domain.label.positive], as_of=AS_OF).verdict
    assert any(f"the feature {domain.label.positive} has the name" in reason for reason in verdict.reasons)


def test_a_worse_challenger_is_refused_on_the_same_rows(
    domain: Domain, frame: pd.DataFrame, outcome: TrainingOutcome
) -> None:
    """Without its best features a challenger loses, by a stated difference with a paired interval."""
    verdict = train(domain, frame, ["amount_log", "noise"], as_of=AS_OF, champion=loaded(outcome)).verdict
    assert not verdict.passed
    assert any("below champion 1" in reason and "difference -" in reason for reason in verdict.reasons)
    assert verdict.champion_value == outcome.verdict.value
    assert verdict.difference_interval is not None
    assert verdict.difference_interval[1] < 0


def test_an_equal_challenger_passes(domain: Domain, frame: pd.DataFrame, outcome: TrainingOutcome) -> None:
    """The same model against itself differs by exactly nothing in every replicate."""
    verdict = train(domain, frame, FEATURES, as_of=AS_OF, champion=loaded(outcome)).verdict
    assert verdict.passed
    assert (verdict.difference, verdict.difference_interval) == (0.0, (0.0, 0.0))


def test_a_champion_whose_features_are_gone_cannot_be_compared(
    domain: Domain, frame: pd.DataFrame, outcome: TrainingOutcome
) -> None:
    """Nothing is promoted past a champion that could not be put on the same rows."""
    less = frame.drop(columns=["count_7d"])
    features = [name for name in FEATURES if name != "count_7d"]
    verdict = train(domain, less, features, as_of=AS_OF, champion=loaded(outcome)).verdict
    assert verdict.reasons == ("champion 1 cannot be compared: its features count_7d are no longer built",)


def test_a_champion_that_has_seen_the_holdout_is_said(
    domain: Domain, frame: pd.DataFrame, outcome: TrainingOutcome
) -> None:
    """A comparison that favours the champion is not hidden."""
    earlier = AS_OF - timedelta(days=3)
    known = frame[frame["decision_at"] < (earlier - domain.label.maturity).replace(tzinfo=None)]
    verdict = train(domain, known, FEATURES, as_of=earlier, champion=loaded(outcome)).verdict
    assert any("learned from decisions up to" in note and "favours it" in note for note in verdict.notes)


def test_single_feature_auc_counts_either_direction(domain: Domain, frame: pd.DataFrame) -> None:
    """A feature that falls where positives are separates as well as one that rises."""
    rows = labelled_rows(domain, frame, FEATURES)
    turned = replace(rows, matrix=-rows.matrix)
    np.testing.assert_allclose(single_feature_auc(turned), single_feature_auc(rows))
    assert single_feature_auc(rows).argmax() == FEATURES.index("spend_ratio")
