"""Our own way through a fold: ingest, dbt, Feast, the trainer and the model store, as in production."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from riskloom.benchmarking import Say, ingest_whole
from riskloom.catalog import Domain
from riskloom.domains.customer_trust.benchmarks.handbook_protocol.folds import Fold
from riskloom.features import apply, dbt, load_views, open_store
from riskloom.ingest import watermark
from riskloom.registry import load_model
from riskloom.settings import Settings
from riskloom.training import training_windows
from riskloom.training.pipeline import FeatureSource, train_and_save
from riskloom.wiring import commit_of, dbt_project, feature_source, model_store, store_location

_MAPPINGS = {
    "payments__transactions": "handbook_transactions.toml",
    "payments__chargebacks": "handbook_chargebacks.toml",
}


@dataclass(frozen=True, slots=True)
class Champion:
    """
    The model of one fold and what it says of the fold's test days.

    Attributes:
        version: In the model store of the work folder.
        kind: The candidate that won.
        passed: Whether the gate let it pass.
        reasons: Why it did not.
        learned_from: First day of the history it was fitted on; the data may begin later.
        learned_until: First day after them; the days up to ``judged_until`` are the gate's holdout.
        judged_until: First day whose labels are not mature when the test begins.
        scores: Probability by transaction, for every transaction of the test days.
    """

    version: str
    kind: str
    passed: bool
    reasons: tuple[str, ...]
    learned_from: date
    learned_until: date
    judged_until: date
    scores: pd.Series[float]

    def scores_of(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        """The scores of some of the test rows, in their order."""
        return np.asarray(self.scores.loc[rows["transaction_id"].tolist()], dtype=np.float64)


def prepare(domain: Domain, settings: Settings, files: Sequence[Path], last_day: date, say: Say) -> FeatureSource:
    """
    Ingest the files with the domain's mappings, build and test the marts, and describe them to Feast.

    Args:
        domain: The card domain.
        settings: With a home of the benchmark's own.
        files: The handbook's Parquet files.
        last_day: Last day with transactions; the ingest's clock stands when the last of its labels is known.
        say: Takes a line on progress.

    Raises:
        ContractError: A transaction breaks the contract; the figures would be about other rows than the baselines'.
    """
    observed_at = midnight(last_day) + timedelta(days=1) + domain.label.maturity
    ingest_whole(domain, settings, files, _MAPPINGS, observed_at=observed_at, say=say)
    project = dbt_project(settings)
    built = dbt.build(domain, project, as_of=watermark(domain, settings.landing) or observed_at)
    say(f"dbt built {built.models} models and passed {built.tests} tests")
    views = load_views(domain, project.manifest)
    apply(open_store(store_location(settings)), domain, views, settings.marts)
    say(f"Feast knows {len(views)} feature views")
    return feature_source(settings, domain)


def train_and_score(domain: Domain, settings: Settings, source: FeatureSource, fold: Fold, say: Say) -> Champion:
    """
    Train as of the first instant of the test, and score the test days through the same feature store.

    Each fold has a record of champions of its own, so no fold's gate compares with a model of another.
    """
    as_of = midnight(fold.test_start)
    models = model_store(settings)
    outcome = train_and_save(
        domain,
        source,
        models,
        settings.registry / f"fold-{fold.start}",
        as_of=as_of,
        at=as_of,
        by="handbook benchmark",
        commit=commit_of(settings.project),
        on_progress=lambda done, total, text: say(f"fold {fold.start}: trial {done} of {total}, {text}"),
    )
    model = load_model(models, domain.name, str(outcome["version"]))
    test = test_days(domain, source, fold)
    scores = model.predict(test[list(model.manifest.feature_names)].to_numpy(dtype=np.float64))
    windows = training_windows(domain, as_of)
    return Champion(
        version=model.version,
        kind=model.manifest.kind,
        passed=bool(outcome["passed"]),
        reasons=tuple(_reasons(outcome)),
        learned_from=windows.fit_start.date(),
        learned_until=windows.fit_end.date(),
        judged_until=windows.holdout_end.date(),
        scores=pd.Series(scores, index=pd.Index(test[domain.subject.key])),
    )


def midnight(day: date) -> datetime:
    """The first instant of a day in UTC."""
    return datetime.combine(day, time(), UTC)


def test_days(domain: Domain, source: FeatureSource, fold: Fold) -> pd.DataFrame:
    """
    The test days' transactions with their features as of each decision.

    The join asks for an ``as_of`` at which labels are mature; the labels it brings are not looked at.
    """
    start, end = midnight(fold.test_start), midnight(fold.test_end)
    return source.training_set(as_of=end + domain.label.maturity, start=start, end=end).frame


def _reasons(outcome: dict[str, Any]) -> list[str]:
    return [str(reason) for reason in outcome["verdict"]["reasons"]]
