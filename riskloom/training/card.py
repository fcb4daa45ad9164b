"""The model card: what a model is, what it was made from, how well it does and where not; Markdown with plots."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np

from riskloom.catalog import CostTerms, Domain, cheapest_between
from riskloom.metrics import SUBJECTS_A_DAY
from riskloom.policy import CostPolicy
from riskloom.registry import Estimate, ModelManifest, Verdict
from riskloom.registry.store import CARD, PLOTS
from riskloom.training.plots import draw_plots
from riskloom.training.slices import Slice, slice_holdout
from riskloom.training.trainer import TrainingOutcome

_FEATURES_SHOWN = 30
_NOTHING, _NEVER = "n/a", "never"
_AMOUNTS_SHOWN = (0.25, 0.5, 0.75, 0.95)  # quantiles of the holdout's
_SHARES = {
    "roc_auc": "ROC AUC",
    "average_precision": "Average precision",
    "subject_precision_at_k": f"Precision of the {SUBJECTS_A_DAY} most suspicious groups a day",
    "recall_at_fpr": "Recall at 1 % false positives",
    "expected_calibration_error": "Expected calibration error",
    "flagged_share": "Share that does not get the mildest outcome",
}
_MONEY = {
    "money_caught": "Amount of positives that was saved",
    "money_missed": "Amount of positives that was not",
    "money_lost_to_review": "Spent on reviews",
    "money_lost_to_friction": "Lost to friction with honest subjects",
    "expected_cost": "Cost of deciding with this model",
    "cost_of_approving_all": "Cost of approving everything",
    "saved": "Saved against approving everything",
}


def write_card(domain: Domain, outcome: TrainingOutcome) -> dict[str, bytes]:
    """The card and its plots, by path inside the version's folder; the same outcome gives the same bytes."""
    manifest, contender = outcome.manifest, outcome.contender
    slices = slice_holdout(outcome.holdout, contender.scores, contender.chosen, CostPolicy(domain))
    plots = draw_plots(domain, outcome.holdout, contender)
    parts = [
        *_head(domain, manifest, outcome.verdict),
        *_data(domain, outcome),
        *_figures(domain, manifest),
        *_outcomes(domain, outcome),
        *[f"![{name.removesuffix('.png').replace('_', ' ')}]({PLOTS}/{name})" for name in plots],
        "",
        *_features(manifest),
        *_slices(domain, slices),
        *_search(domain, outcome),
        *_limits(domain, manifest),
    ]
    text = "\n".join(parts) + "\n"
    return {CARD: text.encode(), **{f"{PLOTS}/{name}": content for name, content in plots.items()}}


def _head(domain: Domain, manifest: ModelManifest, verdict: Verdict) -> Iterator[str]:
    yield f"# {domain.title}: {manifest.kind.replace('_', ' ')}, as of {manifest.as_of}"
    yield ""
    yield domain.description.strip()
    yield ""
    unusual = manifest.unusual_from
    how = "decided by least expected cost" if unusual is None else f"flagged as unusual from score {unusual:.4g}"
    yield f"Owner: {domain.owner}. Scores one {domain.subject.entity}; {how}."
    yield ""
    yield f"## Gate: {'passed' if verdict.passed else 'refused'}"
    yield ""
    bounds = verdict.interval
    between = f" (95 % {bounds[0]:.4f} to {bounds[1]:.4f})" if bounds else ""
    yield f"- {verdict.metric} {_share(verdict.value)}{between}; minimum {verdict.minimum:g}"
    if verdict.champion is not None:
        yield (
            f"- champion {verdict.champion} on the same rows: {_share(verdict.champion_value)}; "
            f"difference {_share(verdict.difference)}"
        )
    yield from (f"- refused: {reason}" for reason in verdict.reasons)
    yield from (f"- note: {note}" for note in verdict.notes)
    yield f"- why this metric: {' '.join(domain.gate.reason.split())}"
    yield ""


def _data(domain: Domain, outcome: TrainingOutcome) -> Iterator[str]:
    manifest, windows = outcome.manifest, outcome.manifest.windows
    yield "## Data"
    yield ""
    yield "| | from | to | rows | positives |"
    yield "|---|---|---|---:|---:|"
    for name, start, end, rows in (
        ("learned from", windows.fit_start, windows.fit_end, outcome.fitted_on),
        ("judged on", windows.holdout_start, windows.holdout_end, outcome.holdout),
    ):
        share = rows.positives / len(rows)
        yield f"| {name} | {start} | {end} | {len(rows):,} | {rows.positives:,} ({share:.2%}) |"
    days = domain.label.maturity.total_seconds() / 86_400
    yield ""
    yield (
        f"Labels come from `{domain.label.table}` and are taken as known at {manifest.as_of}; {days:g} days without a "
        f"statement mean «no». Fingerprint of the data: `{manifest.data_fingerprint}`; commit `{manifest.commit}`."
    )
    yield ""


def _figures(domain: Domain, manifest: ModelManifest) -> Iterator[str]:
    yield "## Figures on the holdout"
    yield ""
    yield "| | value | 95 % interval |"
    yield "|---|---:|---:|"
    for name, title in _SHARES.items():
        estimate = manifest.metrics[name]
        yield f"| {title} | {_share(estimate.value)} | {_between(estimate, '.4f')} |"
    for name, title in _MONEY.items():
        estimate = manifest.metrics[name]
        yield f"| {title} ({domain.currency}) | {_money(estimate.value)} | {_between(estimate, ',.0f')} |"
    yield ""
    yield "Intervals: bootstrap over subject groups, so that what belongs to one group stays together."
    yield ""


def _outcomes(domain: Domain, outcome: TrainingOutcome) -> Iterator[str]:
    chosen = outcome.contender.chosen
    counts = np.bincount(chosen, minlength=len(domain.outcome))
    positive = np.bincount(chosen[outcome.holdout.labels == 1], minlength=len(domain.outcome))
    amounts = np.unique(np.quantile(outcome.holdout.amounts, _AMOUNTS_SHOWN)).tolist()
    terms = [CostTerms.of(domain.costs, declared) for declared in domain.outcome]
    ends = [cheapest_between(terms, amount) for amount in amounts]
    yield "## What is decided"
    yield ""
    yield f"| outcome | holdout rows | positives | {' | '.join(f'at {amount:,.2f}' for amount in amounts)} |"
    yield f"|---|---:|---:|{'---|' * len(amounts)}"
    for number, declared in enumerate(domain.outcome):
        between = " | ".join(
            _NEVER if (pair := at[number]) is None else f"{pair[0]:.3f} to {pair[1]:.3f}" for at in ends
        )
        yield f"| `{declared.name}` | {counts[number]:,} | {positive[number]:,} | {between} |"
    yield ""
    yield f"The last columns: between which probabilities it is the cheapest, at an amount in {domain.currency}."
    yield ""


def _features(manifest: ModelManifest) -> Iterator[str]:
    ranked = sorted(manifest.features, key=lambda feature: (-feature.importance, feature.name))
    yield f"## Features ({len(ranked)})"
    yield ""
    yield "| feature | mean contribution (log-odds) | median | missing |"
    yield "|---|---:|---:|---:|"
    for feature in ranked[:_FEATURES_SHOWN]:
        median = _NOTHING if feature.reference is None else f"{feature.reference:.4g}"
        yield f"| `{feature.name}` | {feature.importance:.4f} | {median} | {feature.missing:.1%} |"
    if len(ranked) > _FEATURES_SHOWN:
        yield ""
        rest = ", ".join(f"`{feature.name}`" for feature in ranked[_FEATURES_SHOWN:])
        yield f"Less than these: {rest}."
    yield ""


def _slices(domain: Domain, slices: Sequence[Slice]) -> Iterator[str]:
    yield "## Slices of the holdout"
    for by, parts in groupby(slices, key=lambda part: part.by):
        yield ""
        yield (
            f"| {by} | rows | positives | average precision | ROC AUC | recall | flagged | saved ({domain.currency}) |"
        )
        yield "|---|---:|---:|---:|---:|---:|---:|---:|"
        for part in parts:
            yield (
                f"| {part.name} | {part.rows:,} | {part.positives:,} | {_share(part.average_precision)} | "
                f"{_share(part.roc_auc)} | {_share(part.recall)} | {part.flagged_share:.2%} | {_money(part.saved)} |"
            )
    yield ""


def _search(domain: Domain, outcome: TrainingOutcome) -> Iterator[str]:
    plan = domain.training
    yield "## How it was chosen"
    yield ""
    yield (
        f"Settings tried: {len(outcome.trials)}, at most {plan.trials} a candidate; judged by {domain.gate.metric} on "
        f"{plan.folds} stretches of time that follow what was learned from, with the label delay left out in between. "
        "All were tried on the newest stretch, the best third of each candidate's on the others too."
    )
    yield ""
    yield f"| candidate | trials | best {domain.gate.metric} |"
    yield "|---|---:|---:|"
    for kind in plan.candidates:
        values = [trial.value for trial in outcome.trials if trial.kind == kind]
        yield f"| {kind} | {len(values)} | {_share(max(values))} |"
    yield ""
    setting = ", ".join(f"`{name}` {value}" for name, value in sorted(outcome.manifest.params.items()))
    setting = setting or "no settings"
    yield f"Chosen: {outcome.manifest.kind} with {setting}; seed {outcome.manifest.seed}."
    yield ""


def _limits(domain: Domain, manifest: ModelManifest) -> Iterator[str]:
    loss = "its amount" if domain.costs.false_negative == "amount" else f"{domain.costs.false_negative:g}"
    yield "## Limits"
    yield ""
    yield f"- It has seen nothing after {manifest.windows.holdout_end}; labels of later decisions were not mature."
    yield f"- A positive that was stated at {manifest.as_of} or later counted as negative."
    yield "- Only what is stated can be learned: a positive nobody complained about is a negative here."
    yield "- The holdout follows the fit window at once, so the last labels in it became known during the holdout."
    yield "- Contributions explain the score before calibration and are no statement about causes."
    yield (
        f"- Costs are the declared ones in {domain.currency}: {domain.costs.minute:g} a minute of a person, "
        f"{domain.costs.friction:g} an honest subject that is treated as the hardest outcome treats it, {loss} a "
        "missed positive; what an outcome prevents is declared, not measured."
    )


def _share(value: float | None) -> str:
    return _NOTHING if value is None or math.isnan(value) else f"{value:.4f}"


def _money(value: float | None) -> str:
    return _NOTHING if value is None or math.isnan(value) else f"{value:,.0f}"


def _between(estimate: Estimate, form: str) -> str:
    if estimate.low is None or estimate.high is None:
        return _NOTHING
    return f"{estimate.low:{form}} to {estimate.high:{form}}"
