"""Feast's materialisation with the bulk writer, through Feast itself: the same content, and rules Feast lacks."""

from __future__ import annotations

import math
import subprocess
from pathlib import Path

import pytest
import yaml

from riskloom.errors import FeatureError
from riskloom.settings import PROJECT_ROOT
from tests.online.marts import AT, DAY, FEATURES, ROWS, VIEW, command, facts, materialise, publish, read, watermarks
from tests.online.stores import BULK, JOIN_KEY, Online, online_store, view


def test_the_sdk_reads_what_the_mart_holds(applied: Online) -> None:
    """Every value of every type comes back exactly, whole numbers beyond a double's too; NaN is no value."""
    materialise(applied)
    found = read(applied, [row[JOIN_KEY] for row in ROWS])
    for row in ROWS:
        expected = {name: row[name] for name in FEATURES}
        if expected["volume"] is not None and math.isnan(expected["volume"]):
            expected["volume"] = None
        assert found[row[JOIN_KEY]] == expected
    assert watermarks(applied) == [(AT, AT)]


def test_the_content_is_that_of_feasts_own_engine(address: tuple[str, str], mart: Path, tmp_path: Path) -> None:
    """
    Byte by byte, in Redis and in SQLite, the store holds what Feast's own materialisation puts there.

    Whole numbers are left out of rows with gaps: Feast's engine makes fractions of them and loses the last digits.
    """
    publish(mart, [{**row, "orders": 7, "key": -7, "grade": 300, "is_new": True} for row in ROWS])
    contents = []
    for name, engine in (("feast", "local"), ("ours", BULK)):
        kind, at = address
        at = f"{at}.{name}" if kind == "sqlite" else at
        online = online_store(kind, at, tmp_path / name, engine=engine)
        online.store.apply(view(VIEW, FEATURES, mart))
        materialise(online)
        contents.append(online.content())
    assert contents[0] == contents[1]
    assert contents[0]


def test_of_a_range_the_newest_row_counts(applied: Online, mart: Path) -> None:
    """Of rows in the range the latest event, and of one event's rows the latest made; rows outside are not there."""
    made_later = {**facts("m-1", AT, orders=3), "created_timestamp": AT + DAY}
    rows = [facts("m-1", AT - DAY, orders=1), made_later, facts("m-1", AT, orders=2), facts("m-1", AT + DAY, orders=4)]
    publish(mart, [*rows, facts("m-2", AT - 3 * DAY, orders=5), facts("m-3", AT + DAY, orders=6)])
    materialise(applied, AT - 2 * DAY, AT)
    found = read(applied, ["m-1", "m-2", "m-3"])
    assert {key: row["orders"] for key, row in found.items()} == {"m-1": 3, "m-2": None, "m-3": None}


def test_a_later_value_is_never_overwritten(applied: Online, mart: Path) -> None:
    """Entity by entity: what holds later stays, with all its features, whatever range is written after it."""
    publish(
        mart, [facts("m-1", AT, orders=1, volume=1.0), facts("m-1", AT + DAY, orders=2), facts("m-2", AT, orders=3)]
    )
    materialise(applied, AT + DAY)
    materialise(applied, AT)
    found = read(applied, ["m-1", "m-2"])
    assert (found["m-1"]["orders"], found["m-1"]["volume"], found["m-2"]["orders"]) == (2, None, 3)


def test_a_later_row_keeps_out_an_earlier_one_with_other_features(applied: Online, mart: Path) -> None:
    """A feature the view got since is not filled from a time before the values that lie beside it."""
    fewer = {name: kind for name, kind in FEATURES.items() if name != "country"}
    applied.store.apply(view(VIEW, fewer, mart))
    publish(mart, [facts("m-1", AT, orders=1, country="PT"), facts("m-1", AT + DAY, orders=2, country="ES")])
    materialise(applied, AT + DAY)
    applied.store.apply(view(VIEW, FEATURES, mart))
    materialise(applied, AT)
    assert read(applied, ["m-1"])["m-1"] == dict.fromkeys(FEATURES) | {"orders": 2}


def test_a_mart_that_was_built_anew_is_what_is_served(applied: Online, mart: Path) -> None:
    """The same instant again, after a correction: its values are written, and one that is gone is empty."""
    materialise(applied)
    publish(mart, [facts("m-1", orders=8)])
    materialise(applied)
    assert read(applied, ["m-1"])["m-1"] == dict.fromkeys(FEATURES) | {"orders": 8}


@pytest.mark.needs("redis-server")
def test_redis_forgets_when_it_is_told_to(redis_server: str, mart: Path, tmp_path: Path) -> None:
    """With ``key_ttl_seconds`` each entity that is written lives so long; without it for ever, as in Feast."""
    for seconds, expected in ((None, {-1}), (500, set(range(400, 501)))):
        more = {} if seconds is None else {"key_ttl_seconds": seconds}
        online = online_store("redis", redis_server, tmp_path / str(seconds), engine=BULK, **more)
        online.store.apply(view(VIEW, FEATURES, mart))
        materialise(online)
        lives = {online.client().ttl(key) for key in online.client().scan_iter()}
        assert lives
        assert lives <= expected


@pytest.mark.needs("redis-server")
def test_views_of_one_entity_share_its_hash(redis_server: str, mart: Path, tmp_path: Path) -> None:
    """A view with a later time does not keep another view of the same entity from being written."""
    online = online_store("redis", redis_server, tmp_path / "shared", engine=BULK)
    online.store.apply([*view(VIEW, FEATURES, mart), *view("other_facts", FEATURES, mart)[1:]])
    publish(mart, [facts("m-1", AT, orders=1), facts("m-1", AT + DAY, orders=2)])
    online.store.materialize(start_date=AT + DAY, end_date=AT + DAY, feature_views=["other_facts"])
    materialise(online)
    assert read(online, ["m-1"])["m-1"]["orders"] == 1


def test_times_may_be_left_aside(applied: Online, mart: Path) -> None:
    """With ``disable_event_timestamp`` each entity's newest row up to now is written, at its own time."""
    publish(mart, [facts("m-1", AT - 400 * DAY, orders=1), facts("m-1", AT - 300 * DAY, orders=2)])
    applied.store.materialize(AT, AT, [VIEW], disable_event_timestamp=True)
    assert read(applied, ["m-1"])["m-1"]["orders"] == 2


@pytest.mark.needs("redis-server")
def test_a_cluster_is_refused(redis_server: str, mart: Path, tmp_path: Path) -> None:
    """A script over many entities runs on one Redis only; the error says what the writer writes."""
    online = online_store("redis", redis_server, tmp_path / "cluster", engine=BULK, redis_type="redis_cluster")
    online.store.apply(view(VIEW, FEATURES, mart))
    with pytest.raises(FeatureError, match="the bulk writer writes SQLite and a single Redis"):
        materialise(online)


@pytest.mark.parametrize("name", ["feature_store.yaml", "feature_store.redis.yaml"])
def test_the_projects_configurations_name_the_writer(name: str) -> None:
    """Without it Feast would take its own engine, and nothing would tell."""
    content = yaml.safe_load((PROJECT_ROOT / "feature_repo" / name).read_text())
    assert content["batch_engine"]["type"] == BULK


def test_feasts_command_writes_in_bulk(applied: Online) -> None:
    """``feast materialize`` takes the writer from the configuration: the values are there, exactly."""
    ended = subprocess.run(command(applied), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert read(applied, ["m-2"])["m-2"]["orders"] == -(2**63)
    assert watermarks(applied) == [(AT, AT)]
