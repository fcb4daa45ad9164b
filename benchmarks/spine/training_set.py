"""The point-in-time join of a training set, against Feast's ``file`` store on the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import feast
import pandas as pd
from feast.repo_config import RepoConfig

from benchmarks.rows import Row
from benchmarks.workbench import Built, Workbench, timed
from riskloom.features import TrainingSet, mart_path, training_set


def measure(bench: Workbench) -> Iterator[Row]:
    """
    Join decisions with every feature view: many by us alone, fewer beside the peer.

    The peer first pairs each decision with every row its entity has, which at the larger size is more than fits into
    memory where one entity has a large share of the rows.
    """
    events = bench.size(10_000, 5_000)
    built = bench.built(events)
    seconds, found = _join(bench, built, days=20)
    with timed() as theirs:
        kept = _join_with_file_store(bench, built, found)
    rows = len(found.frame)
    lost = f", {rows - kept:,} rows lost" if kept < rows else ""
    yield Row(
        name=f"training set of {rows:,} of {events:,} decisions, {len(built.views)} views, labels and request features",
        value=rows / seconds,
        unit="rows/s",
        better="higher",
        peer=f"Feast's file (dask) store: the join alone{lost}",
        peer_value=rows / theirs.seconds,
    )
    events = bench.size(1_000_000, 10_000)
    seconds, found = _join(bench, bench.built(events), days=60)
    rows = len(found.frame)
    yield Row(f"training set of {rows:,} of {events:,} decisions", rows / seconds, "rows/s", "higher")


def _join(bench: Workbench, built: Built, *, days: int) -> tuple[float, TrainingSet]:
    """Seconds taken for the newest mature decisions of so many days, and what came of it."""
    end = bench.end - bench.domain.label.maturity
    with timed() as watch:
        found = training_set(
            bench.domain,
            built.views,
            built.store,
            built.settings.marts,
            as_of=built.as_of,
            start=end - timedelta(days=days),
            end=end,
        )
    return watch.seconds, found


def _join_with_file_store(bench: Workbench, built: Built, found: TrainingSet) -> int:
    """The same features of the same decisions from the same files; returns the rows that came back."""
    config = built.store.config
    store = feast.FeatureStore(
        config=RepoConfig(
            project=config.project,
            provider="local",
            registry=config.registry,
            offline_store={"type": "file"},
            online_store=config.online_store,
            entity_key_serialization_version=config.entity_key_serialization_version,
            repo_path=config.repo_path,
        )
    )
    joined = store.get_historical_features(
        entity_df=_entities(bench, built, found),
        features=[f"{view.mart}:{name}" for view in built.views for name in view.features],
    ).to_df()
    return len(joined)


def _entities(bench: Workbench, built: Built, found: TrainingSet) -> pd.DataFrame:
    """The decisions' join keys and times, as Feast takes them."""
    key, marts = bench.domain.subject.key, built.settings.marts
    subjects = pd.read_parquet(mart_path(marts, bench.domain, "subjects"))
    chosen = subjects[subjects[key].isin(found.frame[key])].reset_index(drop=True)
    entities = chosen[list(dict.fromkeys(view.join_key for view in built.views))].copy()
    entities["event_timestamp"] = chosen["decision_at"].dt.tz_localize("UTC")
    return entities
