"""The whole benchmark: read, tune the baseline, build the spine once, then fold by fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from riskloom.benchmarking import Say
from riskloom.catalog import Domain
from riskloom.domains.customer_trust.benchmarks.handbook_protocol import baselines, champion, folds, metrics, source
from riskloom.domains.customer_trust.benchmarks.handbook_protocol.ablation import ablation
from riskloom.domains.customer_trust.benchmarks.handbook_protocol.report import XGBOOST, FoldResult, Result
from riskloom.settings import Settings
from riskloom.training.pipeline import FeatureSource


def run(domain: Domain, settings: Settings, data: Path, starts: str, say: Say) -> Result:
    """
    Measure our champion and the baselines on every fold.

    Args:
        domain: The card domain.
        settings: With a home of the benchmark's own.
        data: Directory of Parquet.
        starts: First training day of each fold, ISO dates by commas.
        say: Takes a line on progress.

    Raises:
        ConfigError: Data or dates cannot be used; the message says what was expected and what was found.
    """
    spine = _built(domain, settings, data, starts, say)
    tested, tuned_on, transactions = spine.tested, spine.earlier, spine.transactions
    ours = {fold: champion.train_and_score(domain, settings, spine.features, fold, say) for fold in tested}
    boosting = baselines.tune_boosting(
        transactions, tuned_on, lambda fold: say(f"tuning XGBoost on the earlier fold {fold.start}")
    )
    say(f"XGBoost is tuned: {boosting}")
    models = {
        "random_forest": baselines.random_forest,
        XGBOOST: baselines.boosting(boosting),
        "balanced_bagging": baselines.balanced_bagging,
    }
    results = [_compare(transactions, fold, ours[fold], models, say) for fold in tested]
    return Result(results, boosting, tuned_on)


def run_ablation(domain: Domain, settings: Settings, data: Path, starts: str, say: Say) -> dict[str, metrics.Figures]:
    """
    Measure what each family of features brings on the same folds; arguments and errors as those of ``run``.

    Returns:
        The mean over the folds with all features, and without each family by its name.
    """
    spine = _built(domain, settings, data, starts, say)
    return ablation(domain, spine.features, spine.transactions, spine.tested, say)


@dataclass(frozen=True)
class _Spine:
    """What both measurements stand on: folds, those before them, the book's table, and our feature store."""

    tested: Sequence[folds.Fold]
    earlier: Sequence[folds.Fold]
    transactions: pd.DataFrame
    features: FeatureSource


def _built(domain: Domain, settings: Settings, data: Path, starts: str, say: Say) -> _Spine:
    tested = folds.parse_starts(starts)
    files = source.find_files(data)
    transactions = source.read_transactions(files, threads=settings.duckdb_threads)
    first_day, last_day = source.days_of(transactions)
    say(f"read {len(transactions):,} transactions from {first_day} to {last_day}")
    folds.check_folds(tested, first_day, last_day)
    earlier = folds.validation_folds(tested[0], first_day)
    return _Spine(tested, earlier, transactions, champion.prepare(domain, settings, files, last_day, say))


def _compare(
    transactions: pd.DataFrame, fold: folds.Fold, ours: champion.Champion, models: dict[str, baselines.Model], say: Say
) -> FoldResult:
    """Ours and every baseline on the rows of one fold that count."""
    rows = folds.test_rows(transactions, fold)
    result = FoldResult(
        fold=fold,
        rows=len(rows),
        frauds=int(rows["is_fraud"].sum()),
        champion=ours,
        ours=metrics.measure(rows, ours.scores_of(rows)),
        baselines={name: baselines.measure_baseline(model, transactions, fold) for name, model in models.items()},
    )
    for name, figures in {"ours": result.ours, **result.baselines}.items():
        say(f"fold {fold.start}: {name} {figures.rounded()}")
    return result
