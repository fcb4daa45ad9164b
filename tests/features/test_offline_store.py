"""The ASOF join against Feast's own join, on values with every oddity there is."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import feast
import pandas as pd
import pytest
from feast import types
from feast.repo_config import RepoConfig

from riskloom.features import offline_store

START = datetime(2026, 1, 1, tzinfo=UTC)
OURS = "riskloom.features.offline_store.AsOfOfflineStore"


def make_store(folder: Path, kind: str, ttl: timedelta) -> feast.FeatureStore:
    """A store with two views, one a key, over the Parquet files of the folder."""
    config = RepoConfig(
        project="test",
        provider="local",
        registry={"registry_type": "sql", "path": f"sqlite:///{folder}/{kind[:4]}.db"},
        offline_store={"type": kind},
        online_store={"type": "sqlite", "path": str(folder / "online.db")},
        entity_key_serialization_version=3,
        repo_path=folder,
    )
    store = feast.FeatureStore(config=config)
    for key in ("a", "b"):
        entity = feast.Entity(name=key, join_keys=[key], value_type=feast.ValueType.STRING)
        source = feast.FileSource(
            path=str(folder / f"{key}.parquet"), timestamp_field="at", created_timestamp_column="made_at"
        )
        schema = [feast.Field(name=f"value_{key}", dtype=types.Float64), feast.Field(name=key, dtype=types.String)]
        store.apply(
            [entity, feast.FeatureView(name=f"of_{key}", entities=[entity], ttl=ttl, schema=schema, source=source)]
        )
    return store


def make_values(rng: random.Random, key: str, *, late: bool, repeated: bool) -> pd.DataFrame:
    """Values of a few entities on a coarse grid of times, some of them nothing."""
    rows = {}
    for number in range(120):
        entity, hour = f"{key}{rng.randrange(6)}", rng.randrange(100)
        made = hour + (rng.choice([0, 0, 7]) if late else 0)
        rows[entity, hour, made if repeated else None] = (
            entity,
            START + timedelta(hours=hour),
            START + timedelta(hours=made),
            None if rng.random() < 0.1 else float(number),
        )
    frame = pd.DataFrame(list(rows.values()), columns=[key, "at", "made_at", f"value_{key}"])
    for name in ("at", "made_at"):
        frame[name] = frame[name].dt.tz_localize(None).astype("datetime64[us]")
    return frame


def ask(store: feast.FeatureStore, entities: pd.DataFrame) -> pd.DataFrame:
    """The historical join, by row."""
    job = store.get_historical_features(
        entity_df=entities.copy(), features=["of_a:value_a", "of_b:value_b"], filter_by_created_timestamp=True
    )
    frame: pd.DataFrame = job.to_arrow().to_pandas().set_index("row").sort_index()
    return frame[["a", "b", "value_a", "value_b"]]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("late", "repeated"), [(False, False), (True, False), (True, True)])
def test_the_join_is_feasts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, late: bool, repeated: bool
) -> None:
    """
    Row by row the same values: at equal times, at the edge of the ttl, for unknown and empty keys.

    Where a value was made after the time it holds at, or an instant has several, Feast's own join is used.
    """
    rng = random.Random(seed)
    for key in ("a", "b"):
        make_values(rng, key, late=late, repeated=repeated).to_parquet(tmp_path / f"{key}.parquet")
    entities = pd.DataFrame(
        [
            (
                row,
                rng.choice(["a0", "a1", "a2", "a3", "unknown", None]),
                rng.choice(["b0", "b4", "b5", None]),
                START + timedelta(hours=rng.randrange(-5, 140)),
            )
            for row in range(300)
        ],
        columns=["row", "a", "b", "event_timestamp"],
    )
    ttl = timedelta(hours=24)
    expected = ask(make_store(tmp_path, "duckdb", ttl), entities)
    used: list[bool] = []
    join = offline_store._join

    def watched(*args: Any) -> Any:
        joined = join(*args)
        used.append(joined is not None)
        return joined

    monkeypatch.setattr(offline_store, "_join", watched)
    found = ask(make_store(tmp_path, OURS, ttl), entities)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    assert used == [not late]
    assert 50 < found["value_a"].notna().sum() < 290
