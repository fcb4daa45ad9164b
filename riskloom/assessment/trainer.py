"""Train one assessment: from cases to a judged model that is not saved yet. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version as installed

import numpy as np

from riskloom.assessment.cases import Cases
from riskloom.assessment.evaluation import evaluate
from riskloom.assessment.fitting import Fitted, fit_assessment
from riskloom.assessment.gate import Rival, judge
from riskloom.assessment.manifest import AssessmentManifest, AssessmentWindows
from riskloom.assessment.model import AssessmentModel, Judgement
from riskloom.catalog import Assessment, Domain
from riskloom.errors import RegistryError, TrainingError
from riskloom.registry import FeatureSpec, Verdict
from riskloom.registry.manifest import digest
from riskloom.training.evaluation import REPLICATES, Evaluation
from riskloom.training.windows import instant, isoformat

_LIBRARIES = ("lightgbm", "numpy")


@dataclass(frozen=True)
class Windows:
    """Fit on cases of ``[fit_start, holdout_start)``, judge on those of ``[holdout_start, holdout_end)``."""

    as_of: datetime
    fit_start: datetime
    holdout_start: datetime
    holdout_end: datetime


@dataclass(frozen=True)
class AssessmentTraining:
    """A judged model, ready to be saved."""

    manifest: AssessmentManifest
    payload: dict[str, bytes]
    verdict: Verdict
    fitted_on: Cases
    holdout: Cases
    judgement: Judgement
    evaluation: Evaluation


def windows_of(assessment: Assessment, as_of: datetime) -> Windows:
    """
    The windows of a training: a holdout of cases old enough to have ended, and the history before it.

    Raises:
        TrainingError: ``as_of`` has no time zone.
    """
    if as_of.tzinfo is None:
        raise TrainingError(f"as_of needs a time zone, found {as_of.isoformat()}")
    end = as_of.astimezone(UTC) - assessment.maturity
    start = end - assessment.holdout
    return Windows(as_of.astimezone(UTC), start - assessment.history, start, end)


def split(assessment: Assessment, cases: Cases, windows: Windows) -> tuple[Cases, Cases]:
    """
    Cases to learn from and to judge on.

    Of the fit window those that were known to have ended when the holdout began: what a model of that day could have
    learned from. Of the holdout those known to have ended at ``as_of``.

    Raises:
        TrainingError: One of the two is empty.
    """
    start, end = instant(windows.holdout_start), instant(windows.holdout_end)
    is_fit = (cases.decided >= instant(windows.fit_start)) & (cases.decided < start)
    is_holdout = (cases.decided >= start) & (cases.decided < end)
    fit = cases.take(is_fit & cases.is_known(windows.holdout_start) & cases.is_usable)
    holdout = cases.take(is_holdout & cases.is_known(windows.as_of) & cases.is_usable)
    bounds = (windows.fit_start, windows.holdout_start, windows.holdout_end)
    for part, name, low, high in ((fit, "learn from", *bounds[:2]), (holdout, "judge on", *bounds[1:])):
        if not len(part):
            raise TrainingError(
                f"assessment {assessment.entity}: no case to {name} from {isoformat(low)} to {isoformat(high)} "
                f"had ended by then; {len(cases)} cases are there in all"
            )
    return fit, holdout


def train(
    domain: Domain,
    assessment: Assessment,
    cases: Cases,
    *,
    as_of: datetime,
    commit: str = "unknown",
    in_use: AssessmentModel | None = None,
    replicates: int = REPLICATES,
) -> AssessmentTraining:
    """
    Train a model on what was known at ``as_of`` and let the gate judge it.

    Args:
        domain: The declared domain.
        assessment: One of its assessments.
        cases: All of its cases; what became known at ``as_of`` or later plays no part.
        as_of: Timezone-aware.
        commit: Of the code.
        in_use: The version that answers now; judged on the same cases.
        replicates: Of the bootstrap.

    Raises:
        TrainingError: There is too little to learn from or to judge on.
    """
    windows = windows_of(assessment, as_of)
    fit, holdout = split(assessment, cases, windows)
    usual_share = float(np.median(fit.share))
    fitted = fit_assessment(assessment, fit)
    manifest = _describe(domain, assessment, windows, fit, fitted, commit=commit)
    # judged is what will answer: the model as it opens from its bytes
    model = AssessmentModel(manifest, fitted.payload, "(new)", where="(new)")
    judgement = model.judge(holdout)
    evaluation = evaluate(assessment, holdout, judgement, usual_share=usual_share, replicates=replicates)
    rival, problem = _compare(assessment, holdout, windows, in_use, usual_share, replicates)
    notes = tuple(_notes(cases, windows, len(holdout), problem))
    verdict = judge(assessment, holdout, judgement, evaluation, rival=rival, notes=notes, as_of=windows.as_of)
    importance = np.abs(model.contributions(holdout)).mean(axis=0)
    manifest = manifest.model_copy(
        update={
            "metrics": {name: figure.to_estimate() for name, figure in evaluation.items()},
            "features": tuple(
                feature.model_copy(update={"importance": float(mean)})
                for feature, mean in zip(manifest.features, importance, strict=True)
            ),
        }
    )
    return AssessmentTraining(manifest, fitted.payload, verdict, fit, holdout, judgement, evaluation)


def _compare(
    assessment: Assessment,
    holdout: Cases,
    windows: Windows,
    in_use: AssessmentModel | None,
    usual_share: float,
    replicates: int,
) -> tuple[Rival | None, str]:
    """The version in use on the same cases, or why it cannot be put on them."""
    if in_use is None:
        return None, "no version in use yet"
    try:
        judgement = in_use.judge(holdout)
    except RegistryError as error:
        return None, f"the version in use cannot be compared: {error}"
    learned_until = in_use.manifest.windows.holdout_start
    note = ""
    if datetime.fromisoformat(learned_until) > windows.holdout_start:
        note = f"version {in_use.version} learned from cases up to {learned_until}: the comparison favours it"
    figures = evaluate(assessment, holdout, judgement, usual_share=usual_share, replicates=replicates)
    return Rival(in_use.version, figures, note), ""


def _notes(cases: Cases, windows: Windows, judged: int, problem: str) -> Iterator[str]:
    if problem:
        yield problem
    start, end = instant(windows.holdout_start), instant(windows.holdout_end)
    there = int(((cases.decided >= start) & (cases.decided < end)).sum())
    if there > judged:
        yield f"{there - judged} of {there} cases of the holdout are open or cannot be used, and are not judged on"


def _describe(
    domain: Domain, assessment: Assessment, windows: Windows, fit: Cases, fitted: Fitted, *, commit: str
) -> AssessmentManifest:
    """The manifest without what is only known after the holdout was judged."""
    return AssessmentManifest(
        domain=domain.name,
        entity=assessment.entity,
        features=tuple(_feature_specs(fit)),
        calibration=fitted.calibration,
        coverage=assessment.coverage,
        margin=fitted.margin,
        windows=AssessmentWindows(
            fit_start=isoformat(windows.fit_start),
            calibration_start=f"{fitted.calibration_start}Z",
            holdout_start=isoformat(windows.holdout_start),
            holdout_end=isoformat(windows.holdout_end),
        ),
        as_of=isoformat(windows.as_of),
        seed=assessment.seed,
        rows=len(fit),
        positives=int((fit.valid == 1).sum()),
        metrics={},
        data_fingerprint=fit.fingerprint(),
        commit=commit,
        libraries={name: installed(name) for name in _LIBRARIES},
        files={name: digest(content) for name, content in fitted.payload.items()},
    )


def _feature_specs(cases: Cases) -> Iterator[FeatureSpec]:
    for name, values in zip(cases.features, cases.matrix.T, strict=True):
        known = values[~np.isnan(values)]
        yield FeatureSpec(
            name=name,
            reference=float(np.median(known)) if len(known) else None,
            missing=1 - len(known) / len(values),
            importance=0.0,
        )
