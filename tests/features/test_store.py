"""The feature store: its configuration, what is applied to it, and the services of model versions."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

import pytest

from riskloom.errors import FeatureError
from riskloom.features import apply, ensure_feature_service, open_store
from riskloom.features.definitions import definitions
from riskloom.features.store import redis_connection
from tests.features.conftest import Built


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://127.0.0.1:6379/0", "127.0.0.1:6379,db=0,ssl=false"),
        ("rediss://cache/3", "cache:6379,db=3,ssl=true"),
        ("redis://me:p%40ss=1@cache:1/0", 'cache:1,db=0,ssl=false,username="me",password="p@ss=1"'),
    ],
)
def test_a_redis_url_is_told_to_feast_in_its_own_way(url: str, expected: str) -> None:
    """Host, database, encryption and credentials arrive, and a password of digits stays a string."""
    parts = [part for part in redis_connection(url).split(",") if "timeout" not in part]
    assert ",".join(parts) == expected


@pytest.mark.parametrize("url", ["http://cache:6379/0", "cache:6379", "redis://me:a%2Cb@cache/0"])
def test_a_url_that_cannot_work_is_refused_without_telling_the_password(url: str) -> None:
    """The message says what is wrong and holds no part of the URL."""
    with pytest.raises(FeatureError, match="Redis URL") as caught:
        redis_connection(url)
    assert "a,b" not in str(caught.value)
    assert "a%2Cb" not in str(caught.value)


def test_both_configurations_differ_in_the_online_store_alone(built: Built, tmp_path: Path) -> None:
    """Whoever moves to Redis changes nothing else."""
    odd = replace(built.location, registry=tmp_path / "odd $name: {}.db", online=tmp_path / "online.db")
    embedded = open_store(odd).config
    redis = open_store(replace(odd, online="redis://127.0.0.1:1/0")).config
    assert embedded.online_store.type.endswith("RiskloomSqliteOnlineStore")
    assert redis.online_store.type.endswith("RiskloomRedisOnlineStore")
    for name in ("project", "registry", "offline_store", "entity_key_serialization_version", "provider"):
        assert getattr(embedded, name) == getattr(redis, name)


def test_applying_follows_the_declaration(built: Built, tmp_path: Path) -> None:
    """What is declared is there with its owner, description and ttl; what is no longer declared goes."""
    store = open_store(replace(built.location, registry=tmp_path / "r.db", online=tmp_path / "o.db"))
    apply(store, built.domain, built.views, built.settings.marts)
    applied = {view.name: view for view in store.list_feature_views()}
    assert set(applied) == {view.mart for view in built.views}
    for view in built.views:
        found = applied[view.mart]
        assert found.ttl == view.ttl
        assert found.owner == built.domain.owner
        assert found.description
        assert {field.name for field in found.features} == set(view.features)
        assert found.batch_source.created_timestamp_column == "created_timestamp"
    apply(store, built.domain, built.views[1:], built.settings.marts)
    assert {view.name for view in store.list_feature_views()} == {view.mart for view in built.views[1:]}


def test_a_model_version_has_its_feature_service(built: Built) -> None:
    """It names the features the model reads from views; asking again changes nothing; other features are refused."""
    store = built.store()
    view = built.views[0]
    chosen = list(view.features)[:2]
    wanted = [*chosen, *built.domain.request_features]
    name = f"{built.domain.name}__v1"
    for _ in range(2):
        ensure_feature_service(store, built.domain, built.views, name=name, features=wanted)
    projections = store.get_feature_service(name).feature_view_projections
    assert {item.name: [field.name for field in item.features] for item in projections} == {view.mart: chosen}
    with pytest.raises(FeatureError, match="exists with other features"):
        ensure_feature_service(store, built.domain, built.views, name=name, features=chosen[:1])
    with pytest.raises(FeatureError, match="has the features nonsense"):
        ensure_feature_service(store, built.domain, built.views, name=f"{name}b", features=["nonsense"])


def test_feasts_own_command_line_finds_the_same_objects(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``feature_repo`` offers is what ``features build`` applies, also where a view is called as its entity is."""
    monkeypatch.setenv("RISKLOOM_HOME", str(built.settings.home))
    module = runpy.run_path(str(built.location.repo / "definitions.py"))
    offered = {id(found): found for found in module.values()}.values()  # the loop's last item is there twice
    for item in definitions(built.domain, built.views, built.settings.marts):
        assert [found for found in offered if type(found) is type(item) and found.name == item.name] == [item]


def test_a_broken_configuration_is_named(built: Built, tmp_path: Path) -> None:
    """Without the file of the repository nothing is assumed."""
    location = replace(built.location, repo=tmp_path)
    with pytest.raises(FeatureError, match=r"feature_store\.yaml: cannot be read"):
        open_store(location)
