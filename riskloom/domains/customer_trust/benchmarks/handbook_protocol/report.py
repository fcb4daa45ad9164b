"""What the benchmark found, as JSON and as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from riskloom.domains.customer_trust.benchmarks.handbook_protocol.baselines import BoostingSettings
from riskloom.domains.customer_trust.benchmarks.handbook_protocol.champion import Champion
from riskloom.domains.customer_trust.benchmarks.handbook_protocol.folds import Fold
from riskloom.domains.customer_trust.benchmarks.handbook_protocol.metrics import Figures, mean

SOURCE = "Le Borgne et al., Reproducible Machine Learning for Credit Card Fraud Detection: Practical Handbook, 2022"
XGBOOST = "xgboost_tuned"

_HEADINGS = {"auc": "AUC ROC", "average_precision": "AP", "card_precision_100": "CP@100"}


@dataclass(frozen=True, slots=True)
class FoldResult:
    """Ours and the baselines on the same test rows of one fold."""

    fold: Fold
    rows: int
    frauds: int
    champion: Champion
    ours: Figures
    baselines: Mapping[str, Figures]


@dataclass(frozen=True, slots=True)
class Result:
    """All folds, and how the tuned baseline got its settings."""

    folds: Sequence[FoldResult]
    boosting: BoostingSettings
    tuned_on: Sequence[Fold]

    def mean(self) -> Figures:
        """Ours, over the folds."""
        return mean([result.ours for result in self.folds])

    def baseline_means(self) -> dict[str, Figures]:
        """Each baseline over the folds."""
        return {name: mean([result.baselines[name] for result in self.folds]) for name in self.folds[0].baselines}


def to_json(result: Result) -> dict[str, Any]:
    """The result in one object; figures to four decimals."""
    return {
        "benchmark": "handbook",
        "source": SOURCE,
        "mean": result.mean().rounded(),
        "folds": [_fold_json(each) for each in result.folds],
        "baselines": {name: figures.rounded() for name, figures in result.baseline_means().items()},
        "tuning": {
            XGBOOST: asdict(result.boosting),
            "on_folds": [str(fold.start) for fold in result.tuned_on],
        },
    }


def to_table(result: Result) -> Table:
    """The result for people: a row a fold and model, then the means."""
    table = Table("fold", "model", *_HEADINGS.values(), title="Fraud Detection Handbook, card fraud")
    for each in result.folds:
        _add_rows(table, str(each.fold.start), {f"ours ({each.champion.kind})": each.ours, **each.baselines})
    _add_rows(table, "mean", {"ours": result.mean(), **result.baseline_means()})
    return table


def ablation_json(means: Mapping[str, Figures]) -> dict[str, Any]:
    """The means over the folds, with all features and without each family; figures to four decimals."""
    return {"benchmark": "handbook", "ablation": {name: figures.rounded() for name, figures in means.items()}}


def ablation_table(means: Mapping[str, Figures]) -> Table:
    """The same for people: a row a family that was left out."""
    table = Table("without", *_HEADINGS.values(), title="Fraud Detection Handbook, what each family of features brings")
    for name, figures in means.items():
        table.add_row(name, *(f"{value:.4f}" for value in asdict(figures).values()))
    return table


def _add_rows(table: Table, heading: str, models: Mapping[str, Figures]) -> None:
    for index, (name, figures) in enumerate(models.items()):
        cells = [f"{value:.4f}" for value in asdict(figures).values()]
        table.add_row(heading if index == 0 else "", name.replace("_", " "), *cells)
    table.add_section()


def _fold_json(result: FoldResult) -> dict[str, Any]:
    champion = result.champion
    return {
        "start": str(result.fold.start),
        "test_start": str(result.fold.test_start),
        "test_end": str(result.fold.test_end),
        "rows": result.rows,
        "frauds": result.frauds,
        **result.ours.rounded(),
        "model": {
            "version": champion.version,
            "kind": champion.kind,
            "gate_passed": champion.passed,
            "gate_reasons": list(champion.reasons),
            "learned_from": str(champion.learned_from),
            "learned_until": str(champion.learned_until),
            "judged_until": str(champion.judged_until),
        },
        "baselines": {name: figures.rounded() for name, figures in result.baselines.items()},
    }
