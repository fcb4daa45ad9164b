"""Make an assessment visible: Evidently's snapshots, the dashboard's figures, and the verdict for the next DAG."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from riskloom.catalog import Domain
from riskloom.monitoring.assessment import Assessment
from riskloom.monitoring.frames import LABEL, SCORE, Columns, sample
from riskloom.monitoring.performance import Judged, Performance
from riskloom.monitoring.verdict import write_verdict

if TYPE_CHECKING:
    from riskloom.monitoring.report import Figures

DATA, PERFORMANCE = "data", "performance"


def publish(assessment: Assessment, domain: Domain, *, folder: Path, workspace: Path, seed: int) -> None:
    """
    Write an assessment's snapshots and verdict; what the same ``as_of`` left before is replaced.

    Args:
        assessment: What was found.
        domain: Whose project it belongs to.
        folder: Of the verdicts.
        workspace: Evidently's.
        seed: Of the sample of matured decisions.
    """
    from riskloom.monitoring import workspace as store  # noqa: PLC0415  # Evidently takes seconds to import

    verdict = assessment.verdict
    store.prepare(workspace, [domain])
    store.add_snapshot(workspace, domain, DATA, _data_report(assessment, domain), verdict.as_of)
    if assessment.judged is None or verdict.performance is None:
        store.remove_snapshot(workspace, domain, PERFORMANCE, verdict.as_of)
    else:
        report = _performance_report(assessment, assessment.judged, verdict.performance, domain, seed)
        store.add_snapshot(workspace, domain, PERFORMANCE, report, verdict.as_of)
    store.prune(workspace, domain)
    write_verdict(verdict, folder)


def _data_report(assessment: Assessment, domain: Domain) -> object:
    import pandas as pd  # noqa: PLC0415

    from riskloom.monitoring.report import data_report  # noqa: PLC0415

    return data_report(
        pd.DataFrame(assessment.reference),
        pd.DataFrame(assessment.current),
        assessment.drifts,
        data_figures(assessment),
        max_drifted_share=domain.monitoring.max_drifted_share,
        as_of=assessment.verdict.as_of,
    )


def _performance_report(
    assessment: Assessment, judged: Judged, performance: Performance, domain: Domain, seed: int
) -> object:
    import pandas as pd  # noqa: PLC0415

    from riskloom.monitoring.report import performance_report  # noqa: PLC0415

    columns: Columns = {SCORE: judged.score, LABEL: judged.is_positive.astype(np.float64)}
    scored = pd.DataFrame(sample(columns, domain.monitoring.sample, seed)).astype({LABEL: int})
    # Evidently knows one threshold and no amounts: it flags as many decisions as the policy did, not always the same
    threshold = float(np.quantile(judged.score, 1 - performance.flagged / performance.rows))
    return performance_report(
        scored, performance_figures(performance), threshold=threshold, as_of=assessment.verdict.as_of
    )


def data_figures(assessment: Assessment) -> Figures:
    """The dashboard's figures about the data; a figure that does not exist is left out, not drawn as zero."""
    verdict, scores = assessment.verdict, assessment.current.get(SCORE, np.empty(0))
    days = (verdict.current.end - verdict.current.start).total_seconds() / 86_400
    severities = [finding.severity for finding in verdict.findings]
    figures: dict[str, float] = {
        "rows": float(verdict.quality.rows),
        "rows_per_day": verdict.quality.rows / days,
        "missing_share": verdict.quality.missing_share,
        "quality_problems": float(len(verdict.quality.problems)),
        "alarms": float(severities.count("alarm")),
        "warnings": float(severities.count("warn")),
    }
    if assessment.drifts:
        figures["drifted_share"] = verdict.drifted_share
    if verdict.score_drift:
        figures["score_distance"] = verdict.score_drift.distance
    if len(scores):
        figures["score_mean"] = float(np.mean(scores))
    return figures


def performance_figures(performance: Performance) -> Figures:
    """The dashboard's figures about matured decisions; money for a thousand of them."""
    precision, money = performance.average_precision, performance.money
    return {
        "average_precision": precision.value,
        "average_precision_low": precision.low,
        "average_precision_high": precision.high,
        "roc_auc": performance.roc_auc,
        "recall": performance.recall,
        "precision": performance.precision,
        "calibration_error": performance.calibration_error,
        "cost_per_1000": _per_thousand(money.with_model, performance.rows),
        "cost_without_model_per_1000": _per_thousand(money.without_model, performance.rows),
        "matured_rows": float(performance.rows),
        "positives": float(performance.positives),
    }


def _per_thousand(amount: Decimal, rows: int) -> float:
    return float(amount) * 1000 / rows
