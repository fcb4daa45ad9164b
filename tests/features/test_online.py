"""Online features that are published by a build, on SQLite and on a real Redis: one behaviour."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from riskloom.errors import FeatureError, StateUnavailableError
from riskloom.features import FeatureView, apply, materialise, open_store
from riskloom.features.views import mart_path
from tests.conftest import free_port
from tests.features.conftest import CATALOG, Built
from tests.features.served import Serve

FIRST = next(iter(CATALOG))


def state(built: Built, view: FeatureView, count: int = 25) -> list[dict[str, Any]]:
    """Rows of a view at the build's instant."""
    query = "select * from read_parquet($1) where event_timestamp = $2 order by 1 limit $3"
    found = duckdb.execute(query, [str(built.mart(view.name)), built.as_of.replace(tzinfo=None), count]).df()
    return [{str(name): value for name, value in row.items()} for row in found.to_dict("records")]


def put_online(built: Built, as_of: datetime | None = None) -> None:
    """Materialise all views."""
    materialise(built.store(), built.domain, built.views, as_of=as_of or built.as_of)


def same(found: float, expected: Any) -> bool:
    """Equal, or missing on both sides."""
    return math.isnan(found) if pd.isna(expected) else found == float(expected)


def test_what_is_read_is_the_state_at_the_last_build(serve: Serve, batch: Built) -> None:
    """Each entity has, value by value, the row that its mart holds at the build's instant, and its time."""
    put_online(batch)
    reader = serve(batch)
    for view in batch.views:
        rows = state(batch, view)
        assert rows
        for row in rows:
            found = reader.read({view.join_key: row[view.join_key]}, now=batch.as_of)
            assert found.status[view.name] == "fresh"
            assert found.observed[view.name] == batch.as_of
            assert all(same(found.values[name], row[name]) for name in view.features), view.name


def test_feast_says_the_same_of_every_value(serve: Serve, batch: Built) -> None:
    """Feast's SDK is the store of record: whatever it gives for an entity, the reader gives, on both stores."""
    put_online(batch)
    reader, store, compared = serve(batch), batch.store(), 0
    for view in batch.views:
        rows = [{view.join_key: row[view.join_key]} for row in state(batch, view)] + [{view.join_key: "nobody"}]
        names = [f"{view.mart}:{name}" for name in view.features]
        said = store.get_online_features(names, rows).to_dict()
        for place, row in enumerate(rows):
            found = reader.read(row, now=batch.as_of)
            assert all(same(found.values[name], said[name][place]) for name in view.features), (view.name, row)
            compared += len(view.features)
    assert compared >= sum(len(view.features) for view in batch.views)


def test_an_unknown_entity_has_no_features_and_that_is_told(serve: Serve, batch: Built) -> None:
    """Unknown or absent keys give NaN for every feature, never a zero, and the status missing."""
    put_online(batch)
    reader = serve(batch)
    keys: dict[str, str | None] = {view.join_key: "nobody" for view in batch.views}
    for row in (keys, dict.fromkeys(keys), {}):
        found = reader.read(row, now=batch.as_of)
        assert set(found.values) == {name for view in batch.views for name in view.features}
        assert all(math.isnan(value) for value in found.values.values())
        assert set(found.status.values()) == {"missing"}
        assert set(found.observed.values()) == {None}


def test_values_past_their_time_to_live_are_not_used(serve: Serve, batch: Built) -> None:
    """To the ttl a value is used, past it not; nor is one dated after the decision. Its time is told all the same."""
    put_online(batch)
    reader = serve(batch)
    moment = timedelta(microseconds=1)
    for view in batch.views:
        row = {view.join_key: state(batch, view, 1)[0][view.join_key]}
        expected = {
            batch.as_of + view.ttl: "fresh",
            batch.as_of + view.ttl + moment: "stale",
            batch.as_of - timedelta(hours=1): "stale",
        }
        for now, status in expected.items():
            found = reader.read(row, now=now)
            assert found.status[view.name] == status
            assert found.observed[view.name] == batch.as_of
            if status == "stale":
                assert all(math.isnan(found.values[name]) for name in view.features)


def test_the_state_never_moves_back(serve: Serve, batch: Built) -> None:
    """Materialising an older instant after a newer one writes nothing and says so."""
    put_online(batch)
    older = materialise(batch.store(), batch.domain, batch.views, as_of=batch.as_of - timedelta(days=1))
    assert older.written == ()
    assert older.newer == tuple(view.name for view in batch.views)
    view = batch.views[0]
    row = state(batch, view, 1)[0]
    found = serve(batch).read({view.join_key: row[view.join_key]}, now=batch.as_of)
    assert found.observed[view.name] == batch.as_of
    assert all(same(found.values[name], row[name]) for name in view.features)


def test_a_value_from_the_future_cannot_get_in(serve: Serve, batch: Built, tmp_path: Path) -> None:
    """A row dated a hundred years ahead stays out, and the next build's state is taken as if it were not there."""
    view = batch.views[0]
    marts = tmp_path / "marts"
    for item in batch.views:
        frame = pd.read_parquet(batch.mart(item.name))
        ahead = frame.iloc[:1].assign(event_timestamp=lambda rows: rows["event_timestamp"] + pd.Timedelta(days=36_500))
        path = mart_path(marts, batch.domain, item.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        pd.concat([frame, ahead]).to_parquet(path)
    store = batch.store()
    apply(store, batch.domain, batch.views, marts)
    materialise(store, batch.domain, batch.views, as_of=batch.as_of)
    key = pd.read_parquet(batch.mart(view.name))[view.join_key].iloc[0]
    found = serve(batch).read({view.join_key: key}, now=batch.as_of)
    assert found.observed[view.name] == batch.as_of


@pytest.mark.parametrize(("domain", "online"), [(FIRST, "sqlite")], indirect=True)
def test_a_store_that_does_not_answer_is_a_known_error(serve: Serve, batch: Built, tmp_path: Path) -> None:
    """Nobody listens on the port: the reader gives up within seconds with an error of ours, and so does the writer."""
    location = replace(batch.location, registry=tmp_path / "nobody.db", online=f"redis://127.0.0.1:{free_port()}/0")
    apply(open_store(location), batch.domain, batch.views, batch.settings.marts)
    began = time.monotonic()
    with pytest.raises(StateUnavailableError, match="online store cannot be reached"):
        serve(replace(batch, location=location))
    assert time.monotonic() - began < 60, "it waits for an answer that never comes"
    with pytest.raises(FeatureError, match="cannot write the online store"):
        materialise(open_store(location), batch.domain, batch.views, as_of=batch.as_of)


def test_a_view_nobody_applied_is_named(batch: Built, tmp_path: Path) -> None:
    """Writing before the first build says which view is missing."""
    location = replace(batch.location, registry=tmp_path / "r.db", online=tmp_path / "o.db")
    with pytest.raises(FeatureError, match=f"{batch.views[0].mart} is not applied"):
        materialise(open_store(location), batch.domain, batch.views, as_of=batch.as_of)
