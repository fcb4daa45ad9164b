"""The interval holds the truth as often as declared, because it was measured and not because it was fitted."""

from __future__ import annotations

import numpy as np
import pytest

from riskloom.assessment.evaluation import evaluate
from riskloom.assessment.intervals import conformal_margin, in_order, widened
from riskloom.assessment.model import AssessmentModel, Judgement, to_amounts
from riskloom.assessment.trainer import AssessmentTraining, train
from riskloom.errors import TrainingError
from tests.assessment.world import AS_OF, ASSESSMENT, a_domain, make_cases

SEEDS = range(6)


@pytest.fixture(scope="module")
def trainings() -> list[AssessmentTraining]:
    """Models of several histories of one law."""
    domain = a_domain()
    return [train(domain, ASSESSMENT, make_cases(seed), as_of=AS_OF, replicates=2) for seed in SEEDS]


def covered(training: AssessmentTraining, **changes: object) -> float:
    """Share of a holdout that the interval holds, with something in the manifest changed."""
    model = AssessmentModel(training.manifest.model_copy(update=changes), training.payload, "1", where="test")
    judgement = model.judge(training.holdout)
    figures = evaluate(ASSESSMENT, training.holdout, judgement, usual_share=0.5, replicates=2)
    return figures["coverage"].value


def test_it_covers_as_declared_on_cases_that_came_later(trainings: list[AssessmentTraining]) -> None:
    """
    Over some histories the mean is near the declared share.

    Each holdout has about 440 cases and each margin rests on about 280, so a mean of six has a standard error of 0.012.
    """
    found = [training.evaluation["coverage"].value for training in trainings]
    assert np.mean(found) == pytest.approx(ASSESSMENT.coverage, abs=0.035)
    assert min(found) > ASSESSMENT.coverage - ASSESSMENT.gate.coverage_tolerance


def test_without_the_margin_it_does_not(trainings: list[AssessmentTraining]) -> None:
    """The fitted quantiles alone hold clearly less than declared: the margin is what makes up for it."""
    assert all(training.manifest.margin > 0 for training in trainings)
    assert np.mean([covered(training, margin=0.0) for training in trainings]) < ASSESSMENT.coverage - 0.05


def test_a_margin_measured_on_what_was_learned_from_is_too_small(trainings: list[AssessmentTraining]) -> None:
    """What the trees have seen lies closer to their quantiles than what comes later."""
    found = []
    for training in trainings:
        older = training.fitted_on.take(
            training.fitted_on.decided < np.datetime64(training.manifest.windows.calibration_start.rstrip("Z"))
        )
        bare = AssessmentModel(
            training.manifest.model_copy(update={"margin": 0.0}), training.payload, "1", where="test"
        )
        seen = bare.judge(older)
        margin = conformal_margin(seen.low, seen.high, older.share, ASSESSMENT.coverage)
        assert margin < training.manifest.margin
        found.append(covered(training, margin=margin))
    assert np.mean(found) < ASSESSMENT.coverage - 0.05


@pytest.mark.parametrize(("coverage", "margin"), [(0.4, 0.2), (0.5, 0.3), (0.6, 0.3), (0.8, 0.4)])
def test_the_margin_is_a_rank_among_distances(coverage: float, margin: float) -> None:
    """Of four distances the second, third or fourth, as ceil(coverage x 5) says; negative inside."""
    truth = np.array([0.1, 0.5, 0.9, 1.4])
    low, high = np.array([0.2, 0.3, 0.5, 0.5]), np.array([0.5, 0.3, 0.6, 1.0])
    assert conformal_margin(low, high, truth, coverage) == pytest.approx(margin)
    assert conformal_margin(np.zeros(4), np.ones(4), np.full(4, 0.5), 0.8) == -0.5


def test_too_few_cases_set_no_margin() -> None:
    """Three cases cannot say where nine in ten lie."""
    three = np.zeros(3)
    with pytest.raises(TrainingError, match="3 cases are too few to set an interval that holds 90%: at least 9"):
        conformal_margin(three, three, three, 0.9)


def test_quantiles_are_put_in_order_and_stay_shares() -> None:
    """Ends that cross change places; what is below nothing or above all is cut; a negative margin never turns them."""
    low, middle, high = in_order(np.array([0.9, -0.2]), np.array([0.5, 0.1]), np.array([0.1, 1.7]))
    assert (low.tolist(), middle.tolist(), high.tolist()) == ([0.1, 0.0], [0.5, 0.1], [0.9, 1.0])
    assert [end.tolist() for end in widened(low, high, 0.3)] == [[0.0, 0.0], [1.0, 1.0]]
    assert [end.tolist() for end in widened(low, high, -0.45)] == [[0.5, 0.45], [0.5, 0.55]]


def test_amounts_are_hundredths_within_the_claim() -> None:
    """Ends are rounded outwards, the amount between them; nothing is below zero or above what is claimed."""
    share = np.array([0.333, 1.0, 0.0])
    judgement = Judgement(np.ones(3), share, np.array([0.3331, 0.9999, 0.0]), np.array([0.3339, 1.0, 0.0]))
    amounts = to_amounts(judgement, np.array([1_000, 99, 7]))
    assert (amounts.low.tolist(), amounts.high.tolist()) == ([333, 98, 0], [334, 99, 0])
    assert amounts.payable.tolist() == [333, 99, 0]
