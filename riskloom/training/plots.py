"""The plots of a model card: precision and recall, calibration, scores, policy; the same model gives the same bytes."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from riskloom.catalog import Domain
from riskloom.metrics import Ranking
from riskloom.policy import CostPolicy, realised_costs
from riskloom.training.gate import Contender
from riskloom.training.rows import FloatArray, LabelledRows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _ACCENT, _QUIET = "#22313f", "#c0392b", "#8fa3b3"
_LOWEST = 1e-5  # of the logarithmic axis for probabilities
_GRID = 200  # points along each axis of the policy's map
_SHADES = "YlOrRd"


def draw_plots(domain: Domain, holdout: LabelledRows, contender: Contender) -> dict[str, bytes]:
    """
    Draw every plot of a card.

    Args:
        domain: Its costs and currency.
        holdout: The rows judged on.
        contender: The scores and outcomes of them.

    Returns:
        PNG files by name.
    """
    ranking = Ranking(holdout.labels, contender.scores)
    plots = {
        "precision_recall.png": _draw(lambda axes: _precision_recall(axes, ranking, holdout, contender)),
        "calibration.png": _draw(lambda axes: _calibration(axes, ranking)),
        "scores.png": _draw(lambda axes: _scores(axes, holdout, contender)),
        "cost.png": _draw(lambda axes: _cost(axes, domain, holdout, contender)),
    }
    if contender.threshold is None:
        plots["policy.png"] = _draw(lambda axes: _policy(axes, domain, holdout, contender.scores))
    return plots


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


def _precision_recall(axes: Axes, ranking: Ranking, holdout: LabelledRows, contender: Contender) -> None:
    caught = np.cumsum(ranking.labels)[ranking.ends]
    precision, recall = caught / (ranking.ends + 1), caught / max(ranking.labels.sum(), 1)
    axes.plot(recall, precision, color=_INK, linewidth=1.4)
    if contender.flagged:
        hit = int(((contender.chosen > 0) & (holdout.labels == 1)).sum())
        here = hit / max(holdout.positives, 1), hit / contender.flagged
        axes.plot(*here, "o", color=_ACCENT, label="not the mildest outcome")
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


def _scores(axes: Axes, holdout: LabelledRows, contender: Contender) -> None:
    edges = np.logspace(np.log10(_LOWEST), 0, 50)
    shown = np.clip(contender.scores, _LOWEST, 1)
    for label, colour, name in ((0, _QUIET, "negative"), (1, _ACCENT, "positive")):
        axes.hist(shown[holdout.labels == label], bins=edges.tolist(), color=colour, alpha=0.7, label=name)
    if contender.threshold is not None:
        axes.axvline(contender.threshold, color=_INK, linewidth=1, linestyle="--")
    axes.set(title="Scores", xlabel="score", ylabel="rows", xscale="log", yscale="log")
    axes.legend(frameon=False)


def _cost(axes: Axes, domain: Domain, holdout: LabelledRows, contender: Contender) -> None:
    """The policy beside the same outcome for everybody, for each of the outcomes."""
    everybody = [(f"{outcome.name} all", np.full_like(contender.chosen, n)) for n, outcome in enumerate(domain.outcome)]
    ways = [*everybody[::-1], ("the policy", contender.chosen)]
    names = [name.replace("_", " ") for name, _ in ways]
    paid = [
        realised_costs(domain, chosen, is_positive=holdout.labels == 1, amounts=holdout.amounts) for _, chosen in ways
    ]
    left = np.zeros(len(ways))
    for part, colour in (("lost", _ACCENT), ("review", _INK), ("friction", _QUIET)):
        width = np.array([float(getattr(costs, part).sum()) for costs in paid])
        axes.barh(names, width, left=left, color=colour, label=part)
        left += width
    axes.set(title="Cost on the holdout", xlabel=domain.currency)
    # what treats everybody hardest costs far more than anything else and would flatten what matters
    axes.set_xlim(0, 2 * max(left[-1], left[-2], 1.0))
    axes.legend(frameon=False)


def _policy(axes: Axes, domain: Domain, holdout: LabelledRows, scores: FloatArray) -> None:
    """Which outcome costs least, by amount and probability, with the holdout's positives."""
    policy = CostPolicy(domain)
    top = max(float(holdout.amounts.max()), 1.0)
    amounts, probabilities = np.meshgrid(np.geomspace(top / 1e4, top, _GRID), np.geomspace(1e-4, 1, _GRID))
    chosen = policy.choose_rows(probabilities.ravel(), amounts.ravel()).reshape(amounts.shape)
    count = len(policy.names)
    shades = axes.contourf(amounts, probabilities, chosen, levels=np.arange(count + 1) - 0.5, cmap=_SHADES, alpha=0.6)
    bar = axes.figure.colorbar(shades, ax=axes, ticks=range(count))
    bar.ax.set_yticklabels([name.replace("_", " ") for name in policy.names])
    bad = holdout.labels == 1
    shown = np.clip(holdout.amounts[bad], top / 1e4, top), np.clip(scores[bad], 1e-4, 1)
    axes.plot(*shown, ".", color=_INK, markersize=3, label="positive")
    axes.set(title="Cheapest outcome", xlabel=f"amount ({domain.currency})", ylabel="probability")
    axes.set(xscale="log", yscale="log")
    axes.legend(frameon=False, loc="lower left")
