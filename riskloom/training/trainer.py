"""Train one model: from a training set to a challenger with its figures and the gate's verdict. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version as installed
from typing import TYPE_CHECKING

import numpy as np

from riskloom.catalog import UNSUPERVISED, Domain
from riskloom.errors import TrainingError
from riskloom.policy import CostPolicy
from riskloom.registry import Calibration, FeatureSpec, Kind, LoadedModel, ModelManifest, Verdict
from riskloom.registry.manifest import TAIL, digest
from riskloom.registry.scorers import open_scorer
from riskloom.training.calibration import apply_calibration, fit_calibration
from riskloom.training.candidates import DEFAULTS, FittedModel, one_blas_thread
from riskloom.training.evaluation import REPLICATES, evaluate
from riskloom.training.gate import Champion, Contender, judge
from riskloom.training.rows import FloatArray, LabelledRows, labelled_rows
from riskloom.training.search import Progress, SearchResult, Trial, fit_rows, search
from riskloom.training.windows import TrainingWindows, check_matured, instant, isoformat, training_windows

if TYPE_CHECKING:
    import pandas as pd

_LIBRARIES = ("lightgbm", "numpy", "scikit-learn", "skops")
_UNUSUAL = 0.999
_TAIL = Calibration(method=TAIL, raw=(0.0, 1.0), probability=(0.0, 1.0))
_EXPLAINED_ROWS = 500  # enough for a mean absolute contribution


@dataclass(frozen=True)
class Trained:
    """A chosen, fitted, calibrated model, with a threshold where its scores are no probabilities; not judged yet."""

    fitted: FittedModel
    calibration: Calibration
    threshold: float | None
    trials: tuple[Trial, ...]

    def predict(self, matrix: FloatArray) -> FloatArray:
        """Calibrated probabilities, shape (rows,)."""
        return apply_calibration(self.calibration, self.fitted.raw(matrix))


@dataclass(frozen=True)
class TrainingOutcome:
    """A challenger ready to be saved, with everything its model card tells."""

    manifest: ModelManifest
    payload: dict[str, bytes]
    verdict: Verdict
    contender: Contender
    trials: tuple[Trial, ...]
    fitted_on: LabelledRows
    holdout: LabelledRows


def fit_model(domain: Domain, rows: LabelledRows, *, on_progress: Progress) -> Trained:
    """
    Choose, fit and calibrate a model on a window of mature decisions.

    Where too few positives are known yet, the first candidate that learns without labels is fitted: its scores say how
    unusual a row is, and its threshold flags one in a thousand. Too few are fewer than ``gate.min_positives`` where
    ``gate.without_labels`` lets such a model serve; otherwise none at all, where no candidate needs any.

    Args:
        domain: Declares candidates, budget and seed.
        rows: The fit window, in order of time.
        on_progress: Told after each fit of the search.

    Raises:
        TrainingError: There is too little history, or a class is missing.
    """
    candidates, gate = domain.training.candidates, domain.gate
    fewest = gate.min_positives if gate.without_labels else int(set(candidates) <= UNSUPERVISED)
    if rows.positives < fewest:
        return _without_labels(domain, rows, next(kind for kind in candidates if kind in UNSUPERVISED))
    with one_blas_thread():
        found: SearchResult = search(domain, rows, on_progress=on_progress)
        fitted = fit_rows(domain, rows, found.best.kind, found.best.setting, among=np.arange(len(rows)))
    calibration = fit_calibration(found.unseen_raw, rows.labels[found.unseen])
    return Trained(fitted, calibration, None, found.trials)


def _without_labels(domain: Domain, rows: LabelledRows, kind: Kind) -> Trained:
    fitted = fit_rows(domain, rows, kind, DEFAULTS[kind], among=np.arange(len(rows)))
    return Trained(fitted, _TAIL, _UNUSUAL, (Trial(kind, DEFAULTS[kind]),))


def train(
    domain: Domain,
    frame: pd.DataFrame,
    features: Sequence[str],
    *,
    as_of: datetime,
    commit: str = "unknown",
    champion: LoadedModel | None = None,
    replicates: int = REPLICATES,
    on_progress: Progress = lambda _done, _total, _text: None,
) -> TrainingOutcome:
    """
    Train a challenger on what was known at ``as_of`` and let the gate judge it.

    Args:
        domain: The declared domain.
        frame: One row a decision of both windows (see :func:`training_windows`) with key, group, amount,
            ``decision_at``, ``label``, ``label_observed_at`` and features; a champion's features besides, if they are
            others. Rows from before the windows play no part.
        features: The columns to learn from, in order.
        as_of: Timezone-aware.
        commit: Of the code that trains.
        champion: Judged on the same rows.
        replicates: Of the bootstrap.
        on_progress: Told after each fit of the search.

    Raises:
        LeakageError: A row's label was not known, or not mature, at ``as_of``.
        TrainingError: There is too little to learn from or to judge on.
    """
    windows = training_windows(domain, as_of)
    everything = labelled_rows(domain, frame, features)
    fitted_on, holdout = split(domain, everything, windows)
    trained = fit_model(domain, fitted_on, on_progress=on_progress)
    payload = trained.fitted.payload()
    manifest = _describe(
        domain, windows, fitted_on, trained, payload, fingerprint=everything.fingerprint, commit=commit
    )
    # judged is what will be served: the model as it opens from its bytes
    (name, content), *_ = payload.items()
    model = LoadedModel(manifest, open_scorer(manifest.kind, content, manifest.reference, file=name), "(new)")
    contender = contend(domain, holdout, model, replicates=replicates)
    rival = compare(domain, frame, windows, champion, replicates=replicates) if champion else None
    seen = everything.take(everything.decided >= instant(windows.fit_start))
    verdict = judge(domain, holdout, contender, champion=rival, seen=seen, as_of=as_of)
    manifest = manifest.model_copy(
        update={
            "metrics": {name: figure.to_estimate() for name, figure in contender.evaluation.items()},
            "features": _with_importance(manifest, model.contributions(_some_rows(holdout.matrix))),
        }
    )
    return TrainingOutcome(manifest, payload, verdict, contender, trained.trials, fitted_on, holdout)


def split(domain: Domain, rows: LabelledRows, windows: TrainingWindows) -> tuple[LabelledRows, LabelledRows]:
    """
    Split mature rows by time into fit window and holdout.

    Raises:
        LeakageError: A row's label was not known, or not mature, at the windows' ``as_of``.
        TrainingError: One of the two has no rows.
    """
    check_matured(rows.decided, rows.label_observed, as_of=windows.as_of, maturity=domain.label.maturity)
    is_fit = (rows.decided >= instant(windows.fit_start)) & (rows.decided < instant(windows.fit_end))
    parts = rows.take(is_fit), rows.take(rows.decided >= instant(windows.fit_end))
    for part, name, start, end in zip(
        parts,
        ("to learn from", "to judge on"),
        (windows.fit_start, windows.fit_end),
        (windows.fit_end, windows.holdout_end),
        strict=True,
    ):
        if not len(part):
            raise TrainingError(f"{domain.name}: no rows {name} from {isoformat(start)} to {isoformat(end)}")
    return parts


def contend(domain: Domain, holdout: LabelledRows, model: LoadedModel, *, replicates: int = REPLICATES) -> Contender:
    """Put a model on a holdout whose columns are its features, and let the policy decide each row."""
    policy, threshold = CostPolicy(domain), model.manifest.unusual_from
    scores = model.predict(holdout.matrix)
    chosen = policy.choose_rows(scores, holdout.amounts, threshold=threshold)
    evaluation = evaluate(holdout, scores, chosen, policy, seed=domain.training.seed, replicates=replicates)
    return Contender(scores, chosen, evaluation, threshold)


def compare(
    domain: Domain,
    frame: pd.DataFrame,
    windows: TrainingWindows,
    champion: LoadedModel,
    *,
    replicates: int = REPLICATES,
) -> Champion:
    """Put the champion on the same holdout, with its own features, which may be others than the challenger's."""
    manifest = champion.manifest
    lacking = [name for name in manifest.feature_names if name not in frame.columns]
    if lacking:
        problem = f"its features {', '.join(lacking)} are no longer built"
        return Champion(champion.version, None, problem=problem, is_unlabelled=manifest.is_unlabelled)
    _, holdout = split(domain, labelled_rows(domain, frame, manifest.feature_names), windows)
    note = ""
    if datetime.fromisoformat(manifest.windows.fit_end) > windows.fit_end:
        note = (
            f"champion {champion.version} learned from decisions up to {manifest.windows.fit_end}, some of which "
            f"are in this holdout (from {isoformat(windows.fit_end)}): the comparison favours it"
        )
    evaluation = contend(domain, holdout, champion, replicates=replicates).evaluation
    return Champion(champion.version, evaluation, note=note, is_unlabelled=manifest.is_unlabelled)


def _describe(
    domain: Domain,
    windows: TrainingWindows,
    rows: LabelledRows,
    trained: Trained,
    payload: dict[str, bytes],
    *,
    fingerprint: str,
    commit: str,
) -> ModelManifest:
    """The manifest without what is only known after the holdout was scored."""
    return ModelManifest(
        domain=domain.name,
        kind=trained.fitted.kind,
        params=dict(trained.fitted.setting),
        features=tuple(_feature_specs(rows)),
        request_features=tuple(name for name in rows.features if name in domain.request_features),
        calibration=trained.calibration,
        threshold=trained.threshold,
        windows=windows.to_manifest(),
        as_of=isoformat(windows.as_of),
        seed=domain.training.seed,
        rows=len(rows),
        positives=rows.positives,
        metrics={},
        data_fingerprint=fingerprint,
        commit=commit,
        libraries={name: installed(name) for name in _LIBRARIES},
        files={name: digest(content) for name, content in payload.items()},
    )


def _feature_specs(rows: LabelledRows) -> Iterator[FeatureSpec]:
    for name, values in zip(rows.features, rows.matrix.T, strict=True):
        known = values[~np.isnan(values)]
        yield FeatureSpec(
            name=name,
            reference=float(np.median(known)) if len(known) else None,
            missing=1 - len(known) / len(values),
            importance=0.0,
        )


def _some_rows(matrix: FloatArray) -> FloatArray:
    """At most a few hundred rows, spread evenly over all of them."""
    return matrix[:: -(-len(matrix) // _EXPLAINED_ROWS)]


def _with_importance(manifest: ModelManifest, contributions: FloatArray) -> tuple[FeatureSpec, ...]:
    means = np.abs(contributions).mean(axis=0)
    return tuple(
        feature.model_copy(update={"importance": float(mean)})
        for feature, mean in zip(manifest.features, means, strict=True)
    )
