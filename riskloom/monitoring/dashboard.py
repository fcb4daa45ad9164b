"""
The dashboard of a domain: which figures are drawn over time, tab by tab.

Importing this module imports Evidently (seconds): import it inside functions.
"""

from __future__ import annotations

import uuid

from evidently.sdk.models import DashboardModel, DashboardPanelPlot, DashboardTabModel, PanelMetric

from riskloom.catalog import Domain

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "riskloom:dashboard")


def build_dashboard(domain: Domain) -> DashboardModel:
    """
    The tabs and panels of a domain; the same domain gives the same identifiers.

    The open-source UI shows all tabs one below the other without their names, so each begins with a heading.
    """
    tabs = {
        "Overview": _overview(domain),
        "Drift": [_heading("Drift", "Current decisions beside the reference"), *_drift(domain)],
        "Quality": [_heading("Quality", "Of the current decisions' features"), *_quality()],
        "Performance": [_heading("Performance", "On decisions with matured labels"), *_performance(domain)],
    }
    for tab, panels in tabs.items():
        for panel in panels:
            panel.id = uuid.uuid5(_NAMESPACE, f"{domain.name}/{tab}/{panel.title}")
    return DashboardModel(
        tabs=[
            DashboardTabModel(
                id=uuid.uuid5(_NAMESPACE, f"{domain.name}/{tab}"), title=tab, panels=[panel.id for panel in panels]
            )
            for tab, panels in tabs.items()
        ],
        panels=[panel for panels in tabs.values() for panel in panels],
    )


def _overview(domain: Domain) -> list[DashboardPanelPlot]:
    window = f"last {domain.monitoring.window.days} days"
    return [
        _counter("Decisions", "In the current window: " + window, _figure("rows", "decisions")),
        _counter("Drifted columns", "Share of compared columns", _figure("drifted_share", "share")),
        _counter("Average precision", "On matured labels", _figure("average_precision", "average precision")),
        _counter(
            "Cost per 1,000 decisions",
            f"On matured labels, in {domain.currency}",
            _figure("cost_per_1000", domain.currency),
        ),
        _line(
            "Alarms and warnings over time",
            "Findings of each run",
            _figure("alarms", "alarms"),
            _figure("warnings", "warnings"),
            size="full",
        ),
    ]


def _drift(domain: Domain) -> list[DashboardPanelPlot]:
    limit = f"An alarm above {domain.monitoring.max_drifted_share:.0%}"
    return [
        _line("Share of drifted columns", limit, _figure("drifted_share", "share")),
        _line(
            "Movement of the score",
            "In standard deviations of the reference",
            _figure("score_distance", "distance"),
            _figure("score_mean", "mean score"),
        ),
        _line(
            "Distance by column",
            "In standard deviations of the reference",
            PanelMetric(metric="ColumnDistance"),
            size="full",
        ),
    ]


def _quality() -> list[DashboardPanelPlot]:
    return [
        _line("Decisions per day", "Mean over the window", _figure("rows_per_day", "decisions per day")),
        _line("Missing values", "Share over all features", _figure("missing_share", "share")),
        _line(
            "Quality problems",
            "Columns gone missing or constant, dropped rows",
            _figure("quality_problems", "problems"),
            size="full",
        ),
    ]


def _performance(domain: Domain) -> list[DashboardPanelPlot]:
    costs = f"In {domain.currency} for 1,000 decisions"
    return [
        _line(
            "Average precision over time",
            "With its 95 % interval",
            _figure("average_precision", "value"),
            _figure("average_precision_low", "low"),
            _figure("average_precision_high", "high"),
        ),
        _line(
            "Expected cost",
            costs,
            _figure("cost_per_1000", "with the model"),
            _figure("cost_without_model_per_1000", "without a model"),
        ),
        _line(
            "What is flagged", "Recall and precision", _figure("recall", "recall"), _figure("precision", "precision")
        ),
        _line("ROC AUC", None, _figure("roc_auc", "ROC AUC")),
        _line("Calibration error", "Expected calibration error, ten bins", _figure("calibration_error", "error")),
        _line("Matured decisions", None, _figure("matured_rows", "decisions"), _figure("positives", "positives")),
    ]


def _figure(name: str, legend: str | None) -> PanelMetric:
    return PanelMetric(metric="RiskloomFigure", metric_labels={"figure": name}, legend=legend)


def _heading(title: str, subtitle: str) -> DashboardPanelPlot:
    return DashboardPanelPlot(title=title, subtitle=subtitle, size="full", values=[], plot_params={"plot_type": "text"})


def _counter(title: str, subtitle: str, value: PanelMetric) -> DashboardPanelPlot:
    return DashboardPanelPlot(
        title=title,
        subtitle=subtitle,
        size="half",
        values=[value],
        plot_params={"plot_type": "counter", "aggregation": "last"},
    )


def _line(title: str, subtitle: str | None, *values: PanelMetric, size: str = "half") -> DashboardPanelPlot:
    return DashboardPanelPlot(
        title=title, subtitle=subtitle, size=size, values=list(values), plot_params={"plot_type": "line"}
    )
