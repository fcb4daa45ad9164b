"""The gate of an assessment: every reason for which a model may not answer, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from riskloom.assessment.cases import Cases
from riskloom.assessment.model import Judgement
from riskloom.catalog import Assessment
from riskloom.registry import Verdict
from riskloom.training.evaluation import Evaluation, Figure
from riskloom.training.gate import single_feature_auc
from riskloom.training.rows import LabelledRows
from riskloom.training.windows import isoformat


@dataclass(frozen=True)
class Rival:
    """The version in use, on the same cases."""

    version: str
    evaluation: Evaluation
    note: str = ""


def judge(
    assessment: Assessment,
    holdout: Cases,
    judgement: Judgement,
    evaluation: Evaluation,
    *,
    rival: Rival | None,
    notes: tuple[str, ...],
    as_of: datetime,
) -> Verdict:
    """Compare a model with what is declared, with answers that need none, and with the version in use."""
    gate = assessment.gate
    mine, theirs = evaluation[gate.metric], rival.evaluation[gate.metric] if rival else None
    gap = None if theirs is None else Figure(mine.value - theirs.value, mine.replicates - theirs.replicates)
    reasons = [
        *_too_few(assessment, holdout),
        *_degenerate(judgement),
        *_leaks(assessment, holdout),
        *_too_low(assessment, evaluation),
        *_worse(assessment, rival, gap),
    ]
    return Verdict(
        passed=not reasons,
        reasons=tuple(reasons),
        notes=(*notes, *([rival.note] if rival and rival.note else [])),
        metric=gate.metric,
        value=mine.to_estimate().value,
        interval=mine.interval,
        minimum=gate.minimum,
        champion=rival.version if rival else None,
        champion_value=None if theirs is None else theirs.to_estimate().value,
        difference=None if gap is None else gap.to_estimate().value,
        difference_interval=None if gap is None else gap.interval,
        rows=len(holdout),
        positives=int((holdout.valid == 1).sum()),
        as_of=isoformat(as_of),
    )


def _too_few(assessment: Assessment, holdout: Cases) -> Iterator[str]:
    valid = int((holdout.valid == 1).sum())
    if min(valid, len(holdout) - valid) < assessment.gate.min_positives:
        yield (
            f"only {valid} valid cases and {len(holdout) - valid} others in the holdout, one of them fewer than "
            f"gate.min_positives {assessment.gate.min_positives}: chance would decide"
        )


def _degenerate(judgement: Judgement) -> Iterator[str]:
    if judgement.probability.min() == judgement.probability.max():
        yield f"every case gets the same probability {judgement.probability[0]:.6g}: the model says nothing"


def _leaks(assessment: Assessment, cases: Cases) -> Iterator[str]:
    rows = LabelledRows(
        features=cases.features,
        matrix=cases.matrix,
        labels=cases.valid,
        amounts=cases.claimed.astype(np.float64),
        groups=np.arange(len(cases)),
        decided=cases.decided,
        label_observed=cases.known,
        fingerprint="",
    )
    limit = assessment.gate.max_single_feature_auc
    for name, area in zip(rows.features, single_feature_auc(rows), strict=True):
        if area > limit:
            yield f"the feature {name} alone reaches AUC {area:.4f}, above {limit:g}: it knows the label"


def _too_low(assessment: Assessment, evaluation: Evaluation) -> Iterator[str]:
    gate, metric = assessment.gate, evaluation[assessment.gate.metric].value
    if not np.isfinite(metric):
        yield f"{gate.metric} has no value on the holdout"
    elif metric < gate.minimum:
        yield f"{gate.metric} {metric:.4f} is below gate.minimum {gate.minimum:g}"
    coverage, floor = evaluation["coverage"].value, assessment.coverage - gate.coverage_tolerance
    if coverage < floor:
        yield (
            f"the interval holds {coverage:.1%} of the payable amounts, declared are {assessment.coverage:.0%} "
            f"and at most {gate.coverage_tolerance:.0%} fewer"
        )
    error = evaluation["error_share"].value
    baselines = {
        "granting every claim": "error_granting_all_share",
        "the usual share": "error_granting_the_usual_share",
    }
    for words, name in baselines.items():
        if error >= evaluation[name].value:
            yield (
                f"what it says is payable is off by {error:.4f} of the claim in the mean, "
                f"{words} by {evaluation[name].value:.4f}: no model is needed for that"
            )


def _worse(assessment: Assessment, rival: Rival | None, gap: Figure | None) -> Iterator[str]:
    gate = assessment.gate
    if rival is not None and gap is not None and gap.value < -gate.tolerance:
        yield (
            f"{gate.metric} is {-gap.value:.4f} below version {rival.version}, which is in use, "
            f"more than gate.tolerance {gate.tolerance:g}"
        )
