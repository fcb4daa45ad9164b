"""What is learned from was known; what the gate refuses says why; the same inputs give the same bytes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from riskloom.assessment import Cases
from riskloom.assessment.model import AssessmentModel
from riskloom.assessment.trainer import AssessmentTraining, train, windows_of
from riskloom.catalog import Assessment
from riskloom.errors import TrainingError
from riskloom.training.windows import instant
from tests.assessment.world import AS_OF, ASSESSMENT, a_domain, make_cases, with_labels


def trained(cases: Cases, assessment: Assessment = ASSESSMENT, as_of: datetime = AS_OF) -> AssessmentTraining:
    """A training with few draws."""
    return train(a_domain(assessment), assessment, cases, as_of=as_of, replicates=20)


@pytest.fixture(scope="module")
def cases() -> Cases:
    """One history."""
    return make_cases(1)


@pytest.fixture(scope="module")
def usual(cases: Cases) -> AssessmentTraining:
    """A training on it."""
    return trained(cases)


def test_it_passes_and_beats_what_needs_no_model(usual: AssessmentTraining) -> None:
    """A signal that is there is found; the figures and their intervals stand in the manifest."""
    assert usual.verdict.passed, usual.verdict.reasons
    metrics = usual.manifest.metrics
    error, grant_all, median = (
        metrics[name].value or 0.0
        for name in ("error_share", "error_granting_all_share", "error_granting_the_usual_share")
    )
    assert 0 < error < min(grant_all, median) * 0.8
    roc_auc = metrics["roc_auc"]
    assert roc_auc.low is not None
    assert roc_auc.low < (roc_auc.value or 0) < (roc_auc.high or 0)
    importance = {feature.name: feature.importance for feature in usual.manifest.features}
    assert max(importance, key=lambda name: importance[name]) == "signal"


def test_no_label_is_used_before_it_was_known(cases: Cases, usual: AssessmentTraining) -> None:
    """Other labels for what was not known when the holdout began leave every byte of the model as it is."""
    start = instant(windows_of(ASSESSMENT, AS_OF).holdout_start)
    was_unknown = np.flatnonzero((cases.valid >= 0) & ~(cases.known < start))
    assert (cases.decided[was_unknown] < start).sum() > 10
    spoilt = with_labels(cases, was_unknown, valid=1 - cases.valid[was_unknown], payable=0)
    assert trained(spoilt).payload == usual.payload
    assert trained(spoilt).manifest.margin == usual.manifest.margin
    was_known = np.flatnonzero((cases.valid >= 0) & (cases.known < start))[-300:]
    assert trained(with_labels(cases, was_known, payable=0)).manifest.margin != usual.manifest.margin


def test_what_becomes_known_later_is_not_judged_on(cases: Cases) -> None:
    """A case of the holdout that ends at `as_of` or after it takes no part, and the verdict says how many do not."""
    end = AS_OF - timedelta(days=100)
    early = trained(cases, ASSESSMENT.model_copy(update={"holdout": timedelta(days=30)}), as_of=end)
    assert (early.holdout.known < instant(end)).all()
    assert (early.holdout.decided < instant(end - ASSESSMENT.maturity)).all()
    assert (early.fitted_on.known < early.holdout.decided.min()).all()
    assert any("are open or cannot be used" in note for note in early.verdict.notes)


def test_the_same_inputs_give_the_same_bytes(cases: Cases, usual: AssessmentTraining) -> None:
    """A model can be made again anywhere; another seed makes another one."""
    again = trained(cases)
    assert (again.manifest.to_bytes(), again.payload) == (usual.manifest.to_bytes(), usual.payload)
    assert trained(cases, ASSESSMENT.model_copy(update={"seed": 5})).payload != usual.payload


def gated(**changes: object) -> Assessment:
    return ASSESSMENT.model_copy(update={"gate": ASSESSMENT.gate.model_copy(update=changes)})


@pytest.mark.parametrize(
    ("assessment", "reason"),
    [
        (gated(minimum=0.99), "is below gate.minimum 0.99"),
        (gated(min_positives=400), "one of them fewer than gate.min_positives 400: chance would decide"),
        (gated(max_single_feature_auc=0.6), "the feature signal alone reaches AUC 0."),
    ],
)
def test_the_gate_says_what_is_not_enough(cases: Cases, assessment: Assessment, reason: str) -> None:
    """Each limit is a reason of its own."""
    verdict = trained(cases, assessment).verdict
    assert not verdict.passed
    assert any(reason in one for one in verdict.reasons), verdict.reasons


def test_noise_is_refused(cases: Cases) -> None:
    """Features that say nothing: the metric is too low, and the usual share would have done as well."""
    noise = replace(cases, matrix=np.random.default_rng(3).normal(size=cases.matrix.shape))
    reasons = " / ".join(trained(noise).verdict.reasons)
    assert "roc_auc" in reasons
    assert "the usual share by" in reasons


def test_a_law_that_changes_is_refused_for_its_coverage(cases: Cases) -> None:
    """Where the newest cases are paid otherwise than those calibrated on, the interval no longer holds them."""
    late = np.flatnonzero((cases.decided >= instant(windows_of(ASSESSMENT, AS_OF).holdout_start)) & (cases.valid == 1))
    changed = with_labels(cases, late, payable=(cases.claimed * 0.98).astype(np.int64)[late])
    reasons = trained(changed).verdict.reasons
    assert any("of the payable amounts, declared are 80%" in reason for reason in reasons), reasons


def test_a_worse_model_than_the_one_in_use_is_refused(cases: Cases, usual: AssessmentTraining) -> None:
    """Whoever learned from a history in which the signal was lost does worse on the same cases."""
    in_use = AssessmentModel(usual.manifest, usual.payload, "4", where="test")
    is_early = cases.decided < instant(windows_of(ASSESSMENT, AS_OF).holdout_start)
    blurred = cases.matrix.copy()
    blurred[is_early, 0] = 0.7 * blurred[is_early, 0] + np.random.default_rng(0).normal(size=is_early.sum())
    verdict = train(
        a_domain(), ASSESSMENT, replace(cases, matrix=blurred), as_of=AS_OF, replicates=20, in_use=in_use
    ).verdict
    assert verdict.champion == "4"
    assert (verdict.difference or 0) < -ASSESSMENT.gate.tolerance
    assert any("below version 4, which is in use" in reason for reason in verdict.reasons), verdict


def test_a_version_in_use_that_cannot_be_compared_is_no_obstacle(cases: Cases, usual: AssessmentTraining) -> None:
    """Its features are gone: the verdict says so and compares with nothing."""
    in_use = AssessmentModel(usual.manifest, usual.payload, "4", where="test")
    fewer = replace(cases, features=cases.features[:3], matrix=cases.matrix[:, :3])
    verdict = train(a_domain(), ASSESSMENT, fewer, as_of=AS_OF, replicates=20, in_use=in_use).verdict
    assert verdict.champion is None
    assert any("cannot be compared" in note and "level" in note for note in verdict.notes)


def test_too_little_history_is_told(cases: Cases) -> None:
    """No case, too few of a kind, and an instant without a time zone are refused with what was found."""
    with pytest.raises(TrainingError, match=r"no case to learn from .* had ended by then; 1500 cases are there in all"):
        trained(cases, as_of=AS_OF - timedelta(days=130))
    with pytest.raises(TrainingError, match=r"valid cases and .* others to .*, expected at least 20 of each"):
        trained(cases, ASSESSMENT.model_copy(update={"history": timedelta(days=12)}))
    with pytest.raises(TrainingError, match="as_of needs a time zone"):
        trained(cases, as_of=AS_OF.replace(tzinfo=None))
