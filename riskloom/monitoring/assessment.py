"""From windows of decisions to a verdict: compare, measure, conclude. Pure: nothing is read or written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from riskloom.catalog import Domain
from riskloom.errors import ConfigError
from riskloom.monitoring.drift import ColumnDrift, compare
from riskloom.monitoring.findings import conclude, drifted_share, status_of
from riskloom.monitoring.frames import LABEL, SCORE, Columns, Decisions, MonitoredWindows, columns_of, sample, score_of
from riskloom.monitoring.performance import Judged, Performance, choose, measure
from riskloom.monitoring.quality import assess as assess_quality
from riskloom.monitoring.verdict import MonitoringVerdict, WindowBounds

if TYPE_CHECKING:
    from riskloom.registry import LoadedModel

NO_CHAMPION = "there is no champion yet"


@dataclass(frozen=True)
class Assessment:
    """
    A verdict and what it was reached from, for the reports.

    Attributes:
        verdict: What was found.
        drifts: Every compared column, the furthest moved first.
        reference: The sampled columns that were compared.
        current: The sampled columns that were compared.
        judged: Matured decisions with their scores; none where performance could not be measured.
    """

    verdict: MonitoringVerdict
    drifts: tuple[ColumnDrift, ...]
    reference: Columns
    current: Columns
    judged: Judged | None


def assess(
    domain: Domain, windows: MonitoredWindows, *, model: LoadedModel | None, as_of: datetime, seed: int
) -> Assessment:
    """
    Judge the current decisions beside the reference, and the champion by its matured decisions.

    Args:
        domain: Says how much drift is an alarm and what decisions cost.
        windows: The decisions; an empty current window is an alarm, an empty reference compares nothing.
        model: The champion; without one there are no scores and no performance.
        as_of: The instant of the run, timezone-aware.
        seed: Of the sampling and the bootstrap.

    Raises:
        ConfigError: A feature has the score's name.
    """
    if SCORE in windows.features:
        raise ConfigError(f"{domain.name}: expected no feature named {SCORE!r}, which is what the model gives")
    reference = columns_of(windows.reference.frame, windows.features, model)
    current = columns_of(windows.current.frame, windows.features, model)
    compared = sample(reference, domain.monitoring.sample, seed), sample(current, domain.monitoring.sample, seed)
    drifts = compare(*compared, domain.monitoring.drift_threshold)
    quality = assess_quality(
        reference, current, reference_days=windows.reference.days, current_days=windows.current.days
    )
    judged, missing = _judged(domain, windows.matured, model)
    performance = _performance(domain, judged, model, seed)
    findings = conclude(domain, drifts=drifts, quality=quality, performance=performance, model=model)
    verdict = MonitoringVerdict(
        domain=domain.name,
        as_of=as_of,
        model_version=model.version if model else None,
        status=status_of(findings),
        findings=findings,
        rows=quality.rows,
        reference=_bounds(windows.reference),
        current=_bounds(windows.current),
        compared_columns=len(drifts),
        drifted_share=drifted_share(drifts),
        drifted=tuple(drift for drift in drifts if drift.is_drifted),
        score_drift=next((drift for drift in drifts if drift.column == SCORE), None),
        quality=quality,
        performance=performance,
        performance_missing=missing,
    )
    return Assessment(verdict, drifts, *compared, judged)


def _judged(domain: Domain, matured: Decisions | None, model: LoadedModel | None) -> tuple[Judged | None, str | None]:
    """The matured decisions with scores, or why there is nothing to judge."""
    if model is None:
        return None, NO_CHAMPION
    if matured is None or matured.frame.empty:
        return None, "no decision since the champion's fit has a matured label"
    frame = matured.frame
    is_positive = frame[LABEL].to_numpy() == 1
    if is_positive.all() or not is_positive.any():
        kind = "negative" if is_positive.all() else "positive"
        return None, f"no {kind} among {len(frame):,} matured decisions"
    groups = frame[domain.subject.group].astype("category").cat.codes.to_numpy().astype(np.int64)
    judged = Judged(
        score=score_of(model, frame),
        is_positive=is_positive,
        amount=frame[domain.subject.amount].to_numpy(dtype=np.float64),
        group=groups,
    )
    return judged, None


def _performance(domain: Domain, judged: Judged | None, model: LoadedModel | None, seed: int) -> Performance | None:
    if judged is None or model is None:
        return None
    chosen = choose(domain, judged, threshold=model.manifest.unusual_from)
    return measure(domain, judged, chosen, seed=seed)


def _bounds(window: Decisions) -> WindowBounds:
    return WindowBounds(source=window.source, start=window.start, end=window.end, rows=len(window.frame))
