"""The plots of a model card: precision and recall, calibration, scores, cost; the same model gives the same bytes."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from riskloom.catalog import Domain
from riskloom.metrics import Ranking
from riskloom.training.costs import cost_curve, row_costs
from riskloom.training.rows import FloatArray, LabelledRows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _ACCENT, _QUIET = "#22313f", "#c0392b", "#8fa3b3"
_LOWEST = 1e-5  # of the logarithmic axis for probabilities
_POINTS = 2_000


def draw_plots(domain: Domain, holdout: LabelledRows, probabilities: FloatArray, threshold: float) -> dict[str, bytes]:
    """
    Draw every plot of a card.

    Args:
        domain: Its costs and currency.
        holdout: The rows judged on.
        probabilities: Calibrated scores of them.
        threshold: The one that is used.

    Returns:
        PNG files by name.
    """
    ranking = Ranking(holdout.labels, probabilities)
    return {
        "precision_recall.png": _draw(lambda axes: _precision_recall(axes, ranking, threshold)),
        "calibration.png": _draw(lambda axes: _calibration(axes, ranking)),
        "scores.png": _draw(lambda axes: _scores(axes, holdout, probabilities, threshold)),
        "cost.png": _draw(lambda axes: _cost(axes, domain, holdout, probabilities, threshold)),
    }


def _draw(paint: Callable[[Axes], None]) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(5.2, 3.4), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e5eaee", linewidth=0.6)
    axes.set_axisbelow(True)
    paint(axes)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})  # the version would change the bytes
    return buffer.getvalue()


def _precision_recall(axes: Axes, ranking: Ranking, threshold: float) -> None:
    caught = np.cumsum(ranking.labels)[ranking.ends]
    precision, recall = caught / (ranking.ends + 1), caught / max(ranking.labels.sum(), 1)
    axes.plot(recall, precision, color=_INK, linewidth=1.4)
    flagged = int((ranking.scores >= threshold).sum())
    if flagged:
        here = int(np.searchsorted(ranking.ends, flagged - 1))
        axes.plot(recall[here], precision[here], "o", color=_ACCENT, label=f"at the threshold {threshold:.3g}")
        axes.legend(frameon=False)
    axes.set(title="Precision and recall", xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.01))


def _calibration(axes: Axes, ranking: Ranking, bins: int = 10) -> None:
    # bins in which equally many positives are expected: bins of equal size would all lie where nothing happens
    expected = np.cumsum(ranking.scores) / max(ranking.scores.sum(), _LOWEST)
    starts = np.unique(np.searchsorted(expected, np.arange(bins) / bins, side="right"))
    starts = starts[starts < len(ranking.scores)]
    sizes = np.diff(np.append(starts, len(ranking.scores)))
    said = np.maximum(np.add.reduceat(ranking.scores, starts) / sizes, _LOWEST)
    seen = np.maximum(np.add.reduceat(ranking.labels, starts) / sizes, _LOWEST)
    axes.plot([_LOWEST, 1], [_LOWEST, 1], color=_QUIET, linewidth=1, linestyle="--", label="perfect")
    axes.plot(said, seen, "o-", color=_INK, linewidth=1.2, markersize=4, label="bins of equally many expected")
    axes.set(title="Calibration", xlabel="predicted probability", ylabel="share that was positive")
    axes.set(xscale="log", yscale="log", xlim=(1e-4, 1.2), ylim=(1e-4, 1.2))
    axes.legend(frameon=False)


def _scores(axes: Axes, holdout: LabelledRows, probabilities: FloatArray, threshold: float) -> None:
    edges = np.logspace(np.log10(_LOWEST), 0, 50)
    shown = np.clip(probabilities, _LOWEST, 1)
    for label, colour, name in ((0, _QUIET, "negative"), (1, _ACCENT, "positive")):
        axes.hist(shown[holdout.labels == label], bins=edges.tolist(), color=colour, alpha=0.7, label=name)
    axes.axvline(threshold, color=_INK, linewidth=1, linestyle="--")
    axes.set(title="Scores", xlabel="calibrated probability", ylabel="rows", xscale="log", yscale="log")
    axes.legend(frameon=False)


def _cost(axes: Axes, domain: Domain, holdout: LabelledRows, probabilities: FloatArray, threshold: float) -> None:
    costs = row_costs(domain.costs, holdout.labels, holdout.amounts)
    thresholds, totals = cost_curve(costs, probabilities)
    shown = np.unique(np.linspace(0, len(thresholds) - 1, _POINTS).astype(np.int64))
    axes.plot(np.maximum(thresholds[shown], _LOWEST), totals[shown], color=_INK, linewidth=1.4)
    axes.axvline(threshold, color=_ACCENT, linewidth=1, linestyle="--", label=f"threshold {threshold:.3g}")
    axes.axhline(float(costs.approved.sum()), color=_QUIET, linewidth=1, linestyle=":", label="approve everything")
    axes.set(title="Cost over the threshold", xlabel="threshold", ylabel=domain.currency, xscale="log")
    # flagging nearly everybody costs far more than anything else and would flatten what matters
    axes.set_ylim(0, 2 * max(float(costs.approved.sum()), float(totals.min()), 1.0))
    axes.legend(frameon=False)
