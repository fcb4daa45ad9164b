"""The gate: whether a challenger may take over, with every reason in words and numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from riskloom.catalog import Domain
from riskloom.metrics import Ranking
from riskloom.registry import Verdict
from riskloom.training.evaluation import Evaluation, Figure
from riskloom.training.rows import FloatArray, LabelledRows
from riskloom.training.windows import isoformat

_FLOOD = 10  # times what a threshold without labels was set to flag
_MOST_NEGATIVES = 50_000  # an area under the curve above 0.99 shows on far fewer


@dataclass(frozen=True)
class Contender:
    """
    A model on the holdout.

    Attributes:
        scores: What it said of each row, shape (rows,).
        chosen: The outcomes that the policy chose by that, shape (rows,); 0 is the mildest.
        evaluation: How good that was.
        threshold: From which score it flags where it learned without labels; none where its scores are probabilities.
    """

    scores: FloatArray
    chosen: NDArray[np.intp]
    evaluation: Evaluation
    threshold: float | None = None

    @property
    def flagged(self) -> int:
        """How many rows did not get the mildest outcome."""
        return int((self.chosen > 0).sum())


@dataclass(frozen=True)
class Champion:
    """The present champion on the same rows, or why it could not be put on them."""

    version: str
    evaluation: Evaluation | None
    problem: str = ""
    note: str = ""
    is_unlabelled: bool = False


def judge(
    domain: Domain,
    holdout: LabelledRows,
    challenger: Contender,
    *,
    champion: Champion | None,
    seen: LabelledRows,
    as_of: datetime,
) -> Verdict:
    """
    Compare a challenger with what is declared and with the champion on the same rows.

    A challenger that learned without labels is judged without them where the declaration lets it serve as long as there
    are too few: it must say something, flag about as much as it was set to, and displace no model that did learn.

    Args:
        domain: Declares the gate and the names that would be labels.
        holdout: The rows judged on.
        challenger: The model that wants to take over.
        champion: The one it would replace, if there is one.
        seen: Rows in which leaking features are looked for: the holdout, or it and the fit window.
        as_of: What was known then.
    """
    metric = domain.gate.metric
    mine = challenger.evaluation[metric]
    theirs = champion.evaluation[metric] if champion and champion.evaluation else None
    gap = None if theirs is None else Figure(mine.value - theirs.value, mine.replicates - theirs.replicates)
    notes = [champion.note if champion else "no champion yet"]
    if (
        challenger.threshold is not None
        and domain.gate.without_labels
        and holdout.positives < domain.gate.min_positives
    ):
        reasons = [*_says_nothing(challenger), *_floods(challenger, challenger.threshold), *_displaces(champion)]
        notes.append(
            f"judged without labels: {holdout.positives} positives among {len(holdout)} holdout rows, fewer than "
            f"gate.min_positives {domain.gate.min_positives}"
        )
    else:
        reasons = [
            *_too_little(domain, holdout),
            *(_says_nothing(challenger) or _decides_nothing(challenger)),
            *_leaks(domain, seen),
            *_too_low(domain, mine),
            *_worse(domain, champion, theirs, gap),
        ]
    return Verdict(
        passed=not reasons,
        reasons=tuple(reasons),
        notes=tuple(note for note in notes if note),
        metric=metric,
        value=_number(mine),
        interval=mine.interval,
        minimum=domain.gate.minimum,
        champion=champion.version if champion else None,
        champion_value=None if theirs is None else _number(theirs),
        difference=None if gap is None else _number(gap),
        difference_interval=None if gap is None else gap.interval,
        rows=len(holdout),
        positives=holdout.positives,
        as_of=isoformat(as_of),
    )


def single_feature_auc(rows: LabelledRows) -> FloatArray:
    """
    How well each feature alone separates the classes, shape (features,): 0.5 is not at all, 1 is perfectly.

    Either direction counts, and so does being missing, which is taken as the lowest and as the highest value.
    """
    negatives = np.flatnonzero(rows.labels == 0)
    if len(negatives) > _MOST_NEGATIVES:
        negatives = negatives[:: -(-len(negatives) // _MOST_NEGATIVES)]
    kept = np.concatenate([np.flatnonzero(rows.labels == 1), negatives])
    labels, areas = rows.labels[kept], np.full(len(rows.features), np.nan)
    for index, column in enumerate(rows.matrix.T):
        values = column[kept]
        fills = (-np.inf, np.inf) if np.isnan(values).any() else (0.0,)
        ranked = (np.where(np.isnan(values), fill, values) for fill in fills)
        auc = [float(Ranking(labels, np.unique(filled, return_inverse=True)[1]).roc_auc()[0]) for filled in ranked]
        areas[index] = max(max(area, 1 - area) for area in auc)
    return areas


def _too_little(domain: Domain, holdout: LabelledRows) -> Iterator[str]:
    if holdout.positives < domain.gate.min_positives:
        yield (
            f"only {holdout.positives} positives among {len(holdout)} holdout rows, "
            f"fewer than gate.min_positives {domain.gate.min_positives}: chance would decide"
        )
    elif holdout.positives == len(holdout):
        yield f"all {len(holdout)} holdout rows are positive: nothing to tell apart"


def _says_nothing(challenger: Contender) -> list[str]:
    scores = challenger.scores
    if not np.isfinite(scores).all():
        return [f"{int((~np.isfinite(scores)).sum())} of {len(scores)} scores are not numbers"]
    if len(scores) and scores.min() == scores.max():
        return [f"every row gets the same score {scores[0]:.6g}: the model says nothing"]
    return []


def _decides_nothing(challenger: Contender) -> Iterator[str]:
    flagged, rows = challenger.flagged, len(challenger.chosen)
    if flagged in {0, rows}:
        who = "nobody" if flagged == 0 else f"all {rows} rows"
        yield f"under the declared costs it flags {who}: the model decides nothing"


def _floods(challenger: Contender, threshold: float) -> Iterator[str]:
    """Of rows like those it learned from it flags what its threshold says; more than ten times as many is a flood."""
    flagged, rows, expected = challenger.flagged, len(challenger.chosen), 1 - threshold
    if flagged > max(_FLOOD * expected * rows, _FLOOD):
        yield (
            f"it flags {flagged} of {rows} holdout rows, more than {_FLOOD} times the {expected:.2%} it was set "
            "to: the holdout is not like what it learned from"
        )


def _displaces(champion: Champion | None) -> Iterator[str]:
    if champion is not None and not champion.is_unlabelled:
        yield f"champion {champion.version} learned from labels, and too few are left to show that this is better"


def _leaks(domain: Domain, rows: LabelledRows) -> Iterator[str]:
    table = domain.tables[domain.label.table]
    forbidden = {"label", "is_positive", "label_observed_at", *table.columns} - set(domain.event_table.columns)
    for name in rows.features:
        if name in forbidden:
            yield f"the feature {name} has the name of a column of the label ({table.name})"
    limit = domain.gate.max_single_feature_auc
    for name, area in zip(rows.features, single_feature_auc(rows), strict=True):
        if area > limit:
            yield f"the feature {name} alone reaches AUC {area:.4f}, above {limit:g}: it knows the label"


def _too_low(domain: Domain, mine: Figure) -> Iterator[str]:
    gate = domain.gate
    if not np.isfinite(mine.value):
        yield f"{gate.metric} has no value on the holdout"
    elif mine.value < gate.minimum:
        yield f"{gate.metric} {_with_interval(mine)} is below gate.minimum {gate.minimum:g}"


def _worse(domain: Domain, champion: Champion | None, theirs: Figure | None, gap: Figure | None) -> Iterator[str]:
    if champion is None:
        return
    if theirs is None or gap is None:
        yield f"champion {champion.version} cannot be compared: {champion.problem}"
    elif gap.value < -domain.gate.tolerance:
        yield (
            f"{domain.gate.metric} is {-gap.value:.4f} below champion {champion.version} ({theirs.value:.4f}) "
            f"on the same rows, more than gate.tolerance {domain.gate.tolerance:g}; difference {_with_interval(gap)}"
        )


def _with_interval(figure: Figure) -> str:
    bounds = figure.interval
    return f"{figure.value:.4f}" + (f" (95 % {bounds[0]:.4f} to {bounds[1]:.4f})" if bounds else "")


def _number(figure: Figure) -> float | None:
    return figure.value if np.isfinite(figure.value) else None
