"""Feast's store: opened from one configuration, filled from the marts, never moved back in time."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from riskloom.catalog import Domain
from riskloom.errors import FeatureError
from riskloom.features.definitions import definitions
from riskloom.features.views import FeatureView

if TYPE_CHECKING:
    import feast

#: Seconds until an online store that does not answer is given up; Feast's own default waits for over six.
REDIS_TIMEOUT = 0.5


@dataclass(frozen=True, slots=True)
class StoreLocation:
    """
    Where Feast works: ``feature_repo``, the registry's SQLite file, SQLite file or ``redis://`` URL online, and dbt's
    manifest, which says what is windowed.
    """

    repo: Path
    registry: Path
    online: Path | str
    manifest: Path

    @property
    def is_redis(self) -> bool:
        """Whether the online store is Redis."""
        return isinstance(self.online, str)

    @property
    def configuration(self) -> Path:
        """Feast's configuration for this kind of online store."""
        return self.repo / ("feature_store.redis.yaml" if self.is_redis else "feature_store.yaml")

    @property
    def windows(self) -> Path | str:
        """Where the state of windows is: the same Redis, or a file beside Feast's."""
        return self.online.with_name("windows.db") if isinstance(self.online, Path) else self.online


@dataclass(frozen=True, slots=True)
class Materialised:
    """What is online after a call: the views written, and those left because they were as new already."""

    as_of: datetime
    written: tuple[str, ...]
    newer: tuple[str, ...]


def open_store(location: StoreLocation) -> feast.FeatureStore:
    """
    Open the feature store that ``feature_repo`` configures.

    Raises:
        FeatureError: The Redis URL cannot be used, or the configuration cannot be read.
    """
    import yaml  # noqa: PLC0415
    from feast import FeatureStore  # noqa: PLC0415
    from feast.repo_config import RepoConfig  # noqa: PLC0415

    path = location.configuration
    online = redis_connection(str(location.online)) if location.is_redis else str(location.online)
    values = {
        "RISKLOOM_FEAST_REGISTRY": str(location.registry),
        "RISKLOOM_FEAST_ONLINE": online,
        "RISKLOOM_DBT_MANIFEST": str(location.manifest),
        "RISKLOOM_WINDOWS": str(location.windows),
    }
    try:
        # values are filled in after the file is read, so that no path or password is taken for YAML
        content = _filled(yaml.safe_load(path.read_text(encoding="utf-8")), values)
    except (OSError, KeyError, yaml.YAMLError) as error:
        raise FeatureError(f"{path}: cannot be read as Feast's configuration: {error}") from error
    location.registry.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(location.online, Path):
        _prepare_sqlite(location.online)
    config = RepoConfig(**content, repo_path=location.repo)
    return FeatureStore(config=config)


def project_name(location: StoreLocation) -> str:
    """
    The project whose features these are, as ``feature_repo`` configures it.

    Raises:
        FeatureError: The configuration cannot be read.
    """
    import yaml  # noqa: PLC0415

    path = location.configuration
    try:
        return str(yaml.safe_load(path.read_text(encoding="utf-8"))["project"])
    except (OSError, KeyError, TypeError, yaml.YAMLError) as error:
        raise FeatureError(f"{path}: cannot be read as Feast's configuration: {error}") from error


def apply(store: feast.FeatureStore, domain: Domain, views: Sequence[FeatureView], marts: Path) -> None:
    """Bring the registry and the online store's tables up to what the views declare; views gone are removed."""
    wanted = {view.mart for view in views}
    gone = [view for view in store.list_feature_views(tags={"domain": domain.name}) if view.name not in wanted]
    store.apply(definitions(domain, views, marts), objects_to_delete=gone, partial=not gone)


def materialise(
    store: feast.FeatureStore, domain: Domain, views: Sequence[FeatureView], *, as_of: datetime
) -> Materialised:
    """
    Write each entity's state at the build's ``as_of`` to the online store, for views that are not windowed.

    The marts hold one row an entity at ``as_of``; only those are read, so nothing dated later can get in. A view that
    is online as of a later instant is left as it is: the online state never moves back. Windowed views are computed
    when they are read and never written.

    Args:
        store: With the domain applied.
        domain: The views' domain.
        views: The views to write.
        as_of: The instant the marts were built for; timezone-aware.

    Raises:
        FeatureError: A view is not applied, or the online store cannot be written.
    """
    written, newer = [], []
    for view in views:
        if view.is_windowed:
            continue
        online_as_of = _online_as_of(store, view)
        if online_as_of is not None and online_as_of > as_of:
            newer.append(view.name)
        else:
            written.append(view.name)
    names = [view.mart for view in views if view.name in written]
    if names:
        try:
            with redirect_stdout(StringIO()):  # Feast prints its progress, in colours
                store.materialize(start_date=as_of, end_date=as_of, feature_views=names)
        except Exception as error:
            raise FeatureError(f"{domain.name}: cannot write the online store: {error}") from error
    return Materialised(as_of=as_of, written=tuple(written), newer=tuple(newer))


def ensure_feature_service(
    store: feast.FeatureStore, domain: Domain, views: Sequence[FeatureView], *, name: str, features: Sequence[str]
) -> None:
    """
    Register which features of which views a model version reads; the same again changes nothing.

    Args:
        store: With the domain applied.
        domain: Its request features may be among ``features``; they are not Feast's and left out.
        views: The domain's views.
        name: ``<domain>__v<version>``.
        features: The model's features.

    Raises:
        FeatureError: A feature is unknown, or the name stands for other features already.
    """
    import feast  # noqa: PLC0415
    from feast.errors import FeatureServiceNotFoundException  # noqa: PLC0415

    owners = {feature: view for view in views for feature in view.features}
    unknown = [feature for feature in features if feature not in owners and feature not in domain.request_features]
    if unknown:
        raise FeatureError(f"{name}: no view of {domain.name} has the features {', '.join(unknown)}")
    wanted = {
        view.mart: [feature for feature in features if owners.get(feature) is view]
        for view in views
        if any(owners.get(feature) is view for feature in features)
    }
    try:
        existing = store.get_feature_service(name)
    except FeatureServiceNotFoundException:
        projections = [store.get_feature_view(mart)[chosen] for mart, chosen in wanted.items()]
        store.apply(
            [feast.FeatureService(name=name, features=projections, tags={"domain": domain.name}, owner=domain.owner)]
        )
        return
    found = {item.name: sorted(field.name for field in item.features) for item in existing.feature_view_projections}
    if found != {mart: sorted(chosen) for mart, chosen in wanted.items()}:
        raise FeatureError(f"the feature service {name} exists with other features; a model version never changes")


def redis_connection(url: str) -> str:
    """
    Feast's way of writing a Redis URL: ``host:port,db=0,…``.

    Raises:
        FeatureError: It is no Redis URL, or its password holds a comma, which Feast cannot take.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"redis", "rediss"} or not parts.hostname:
        raise FeatureError("the Redis URL must look like redis://[user:password@]host:port/db")
    options = {"db": parts.path.strip("/") or "0", "ssl": "true" if parts.scheme == "rediss" else "false"}
    options |= {"socket_timeout": str(REDIS_TIMEOUT), "socket_connect_timeout": str(REDIS_TIMEOUT)}
    for name, value in (("username", parts.username), ("password", parts.password)):
        if value:
            if "," in unquote(value):
                raise FeatureError(f"the Redis URL's {name} holds a comma, which Feast cannot take")
            options[name] = json.dumps(unquote(value))
    return ",".join([f"{parts.hostname}:{parts.port or 6379}", *(f"{key}={value}" for key, value in options.items())])


def _filled(node: object, values: dict[str, str]) -> object:
    if isinstance(node, dict):
        return {key: _filled(value, values) for key, value in node.items()}
    return Template(node).substitute(values) if isinstance(node, str) else node


def _prepare_sqlite(path: Path) -> None:
    """Readers must not wait for a materialisation, so the file is switched to a write-ahead log, once and for good."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma journal_mode = wal")


def _online_as_of(store: feast.FeatureStore, view: FeatureView) -> datetime | None:
    from feast.errors import FeatureViewNotFoundException  # noqa: PLC0415

    try:
        intervals = store.get_feature_view(view.mart).materialization_intervals
    except FeatureViewNotFoundException as error:
        raise FeatureError(f"the feature view {view.mart} is not applied") from error
    ends = [end if end.tzinfo else end.replace(tzinfo=UTC) for _, end in intervals]
    return max(ends, default=None)
