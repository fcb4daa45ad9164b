"""
Evidently reports of one monitoring run, and the figures its dashboards draw over time.

Evidently compares, summarises and draws. What the verdict says is computed by us and handed over as figures, so that
a dashboard shows the same numbers as the verdict, of all rows and not of the sample. A figure is a metric of a fixed
name: the series of Evidently's own metrics start anew whenever a parameter such as the list of columns changes.

Importing this module imports Evidently (seconds): import it inside functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd
from evidently import BinaryClassification, DataDefinition, Dataset, Report
from evidently.core.metric_types import SingleValue, SingleValueCalculation, SingleValueMetric
from evidently.presets import ClassificationPreset, DataDriftPreset, DataSummaryPreset

from riskloom.monitoring.drift import ColumnDrift
from riskloom.monitoring.frames import LABEL, SCORE

#: Columns summarised one by one, the furthest moved first: each costs a fifth of a second and 100 KB. All are compared.
SUMMARISED = 12


class RiskloomFigure(SingleValueMetric):  # type: ignore[misc]
    """A number computed by Riskloom, by the name its dashboards know."""

    figure: str


class ColumnDistance(SingleValueMetric):  # type: ignore[misc]
    """How far a column moved from the reference, in standard deviations."""

    column: str


class RiskloomFigureCalculation(SingleValueCalculation[RiskloomFigure]):  # type: ignore[misc]
    """Reads the figure from the metadata of the current data."""

    def calculate(
        self,
        context: object,  # noqa: ARG002
        current_data: Dataset,
        reference_data: Dataset | None,  # noqa: ARG002
    ) -> tuple[SingleValue, None]:
        """Give the figure; there is none for the reference."""
        return self.result(current_data.metadata[self.metric.figure]), None

    def display_name(self) -> str:
        """The figure's name as a title."""
        title: str = self.metric.figure.replace("_", " ").capitalize()
        return title


class ColumnDistanceCalculation(SingleValueCalculation[ColumnDistance]):  # type: ignore[misc]
    """Reads the distance from the metadata of the current data."""

    def calculate(
        self,
        context: object,  # noqa: ARG002
        current_data: Dataset,
        reference_data: Dataset | None,  # noqa: ARG002
    ) -> tuple[SingleValue, None]:
        """Give the distance; the reference has none to itself."""
        return self.result(current_data.metadata[_distance_key(self.metric.column)]), None

    def display_name(self) -> str:
        """The column, named."""
        return f"Distance of {self.metric.column}"


Figures = Mapping[str, float]


def data_report(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    drifts: tuple[ColumnDrift, ...],
    figures: Figures,
    *,
    max_drifted_share: float,
    as_of: datetime,
) -> Any:
    """
    Report on the data: summary and drift of the compared columns; figures alone where no row can be compared.

    Args:
        reference: A sample of the reference, one column a feature and the score, float64.
        current: A sample of the current window, same columns.
        drifts: The columns to compare, with the thresholds of the verdict.
        figures: Name to value, for the dashboard.
        max_drifted_share: From here on Evidently calls the whole drifted.
        as_of: The snapshot's time on the dashboard.
    """
    metrics = [*_figure_metrics(figures), *(ColumnDistance(column=drift.column) for drift in drifts)]
    if drifts:
        shown = [drift.column for drift in drifts[:SUMMARISED]]
        metrics += [_drift_preset(drifts, max_drifted_share), DataSummaryPreset(columns=shown)]
    definition = DataDefinition(numerical_columns=list(current.columns))
    metadata = {**figures, **{_distance_key(drift.column): drift.distance for drift in drifts}}
    before, now = (
        Dataset.from_pandas(frame, data_definition=definition, metadata=metadata) for frame in (reference, current)
    )
    return Report(metrics).run(now, before if drifts else None, timestamp=as_of, tags=["data"], name="Data and drift")


def performance_report(scored: pd.DataFrame, figures: Figures, *, threshold: float, as_of: datetime) -> Any:
    """
    Report on matured decisions.

    Args:
        scored: A sample, with the columns ``label`` (0 or 1) and ``score`` (probability).
        figures: Name to value, for the dashboard.
        threshold: Scores from here on count as flagged.
        as_of: The snapshot's time on the dashboard.
    """
    definition = DataDefinition(
        numerical_columns=[SCORE],
        classification=[BinaryClassification(target=LABEL, prediction_probas=SCORE, pos_label=1)],
    )
    data = Dataset.from_pandas(scored[[SCORE, LABEL]], data_definition=definition, metadata=dict(figures))
    metrics = [*_figure_metrics(figures), ClassificationPreset(probas_threshold=threshold)]
    return Report(metrics).run(data, None, timestamp=as_of, tags=["performance"], name="Performance on matured labels")


def _drift_preset(drifts: tuple[ColumnDrift, ...], max_drifted_share: float) -> DataDriftPreset:
    return DataDriftPreset(
        columns=[drift.column for drift in drifts],
        num_method="wasserstein",
        per_column_threshold={drift.column: drift.threshold for drift in drifts},
        drift_share=max_drifted_share,
    )


def _figure_metrics(figures: Figures) -> list[Any]:
    return [RiskloomFigure(figure=figure) for figure in figures]


def _distance_key(column: str) -> str:
    return f"distance/{column}"
