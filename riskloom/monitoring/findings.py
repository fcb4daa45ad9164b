"""What of the measurements deserves attention, in words; and the status that follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from riskloom.catalog import Domain
from riskloom.monitoring.drift import ColumnDrift
from riskloom.monitoring.frames import SCORE
from riskloom.monitoring.performance import Performance
from riskloom.monitoring.quality import Quality
from riskloom.monitoring.verdict import Finding, Status

if TYPE_CHECKING:
    from riskloom.registry import LoadedModel


def conclude(
    domain: Domain,
    *,
    drifts: tuple[ColumnDrift, ...],
    quality: Quality,
    performance: Performance | None,
    model: LoadedModel | None,
) -> tuple[Finding, ...]:
    """
    Say what of the measurements deserves attention, alarms first.

    Args:
        domain: Its monitoring section says how much drift is an alarm.
        drifts: Every compared column.
        quality: Of the current window.
        performance: On matured decisions, if there are any.
        model: The champion; its manifest says how well it did on its holdout.
    """
    findings = [
        *(_alarm(problem.reason) for problem in quality.problems if problem.kind == "no_rows"),
        *_drift_findings(domain, drifts, quality.rows),
        *_performance_findings(domain, performance, _expected(model)),
        *(
            _warn(f"{problem.column}: {problem.reason}" if problem.column else problem.reason)
            for problem in quality.problems
            if problem.kind != "no_rows"
        ),
    ]
    return tuple(sorted(findings, key=lambda finding: finding.severity != "alarm"))


def status_of(findings: tuple[Finding, ...]) -> Status:
    """The gravest severity among the findings."""
    severities = {finding.severity for finding in findings}
    return "alarm" if "alarm" in severities else "warn" if severities else "ok"


def drifted_share(drifts: tuple[ColumnDrift, ...]) -> float:
    """Drifted columns among the compared ones; 0 where none could be compared."""
    return sum(drift.is_drifted for drift in drifts) / len(drifts) if drifts else 0.0


def _drift_findings(domain: Domain, drifts: tuple[ColumnDrift, ...], rows: int) -> list[Finding]:
    if rows and not drifts:
        return [_warn("no column could be compared: the reference or the window has too few values")]
    findings = []
    share, limit = drifted_share(drifts), domain.monitoring.max_drifted_share
    drifted = [drift for drift in drifts if drift.is_drifted]
    if share > limit:
        furthest = ", ".join(f"{drift.column} {drift.distance:.2f} sd" for drift in drifted[:3])
        counted = f"{len(drifted)} of {len(drifts)} columns drifted"
        findings.append(_alarm(f"{counted} ({share:.0%}, at most {limit:.0%}); furthest: {furthest}"))
    findings.extend(
        _warn(f"scores moved by {drift.distance:.2f} sd (threshold {drift.threshold:.2f} sd)")
        for drift in drifted
        if drift.column == SCORE
    )
    return findings


def _performance_findings(domain: Domain, performance: Performance | None, expected: float | None) -> list[Finding]:
    if performance is None:
        return []
    findings = []
    money, precision = performance.money, performance.average_precision
    if money.with_model > money.without_model:
        cost = f"{money.with_model:,.2f} {money.currency} with the model, {money.without_model:,.2f} without"
        findings.append(_alarm(f"the model costs more than it saves: {cost}"))
    if domain.gate.metric == "average_precision" and precision.high < domain.gate.minimum:
        findings.append(
            _alarm(
                f"average precision {_shown(precision.value, precision.low, precision.high)} is below "
                f"the gate's minimum {domain.gate.minimum:.3f}"
            )
        )
    elif expected is not None and precision.high < expected:
        findings.append(
            _warn(
                f"average precision {_shown(precision.value, precision.low, precision.high)} is below "
                f"the {expected:.3f} of the champion's holdout"
            )
        )
    return findings


def _expected(model: LoadedModel | None) -> float | None:
    estimate = model.manifest.metrics.get("average_precision") if model else None
    return estimate.value if estimate else None


def _shown(value: float, low: float, high: float) -> str:
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def _alarm(reason: str) -> Finding:
    return Finding(severity="alarm", reason=reason)


def _warn(reason: str) -> Finding:
    return Finding(severity="warn", reason=reason)
