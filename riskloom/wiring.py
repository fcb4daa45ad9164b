"""From settings to what the library takes as arguments; for the command line and the DAGs' tasks. Imports are light."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from riskloom.catalog import Domain
from riskloom.errors import ConfigError
from riskloom.settings import Settings, environment

if TYPE_CHECKING:
    from riskloom.features import StoreLocation
    from riskloom.features.dbt import DbtProject
    from riskloom.monitoring import Source
    from riskloom.registry import ModelStore
    from riskloom.training.pipeline import FeatureSource


def dbt_project(settings: Settings) -> DbtProject:
    """Where dbt works."""
    from riskloom.features.dbt import DbtProject  # noqa: PLC0415

    return DbtProject(
        folder=settings.dbt_project,
        target=settings.dbt_target,
        manifest=settings.dbt_manifest,
        marts=settings.marts,
        entries=settings.entries,
        environment=environment(settings),
    )


def store_location(settings: Settings) -> StoreLocation:
    """Where Feast works."""
    from riskloom.features import StoreLocation  # noqa: PLC0415

    redis = settings.redis_url.get_secret_value() if settings.online_store == "redis" else None
    return StoreLocation(
        repo=settings.project / "feature_repo",
        registry=settings.feast_registry,
        online=redis or settings.feast_online,
        manifest=settings.dbt_manifest,
    )


def model_store(settings: Settings) -> ModelStore:
    """Where models are."""
    from riskloom.registry import ModelStore  # noqa: PLC0415

    return ModelStore(settings.bentoml_home, settings.keys)


def decision_source(settings: Settings, domain: Domain) -> Source:
    """Where a domain's decisions come from; opens Feast's store, which takes seconds to import."""
    from riskloom.features import load_views, open_store  # noqa: PLC0415
    from riskloom.monitoring import Source  # noqa: PLC0415

    return Source(
        views=load_views(domain, dbt_project(settings).manifest),
        store=open_store(store_location(settings)),
        marts=settings.marts,
    )


def feature_source(settings: Settings, domain: Domain) -> FeatureSource:
    """Where a domain's training sets come from; the feature store is opened at the first use."""
    from riskloom.training.pipeline import FeatureSource  # noqa: PLC0415

    return FeatureSource(domain, dbt_project(settings).manifest, store_location(settings), settings.marts)


def commit_of(project: Path) -> str:
    """The commit of a checkout, with a plus sign where it has changes; ``unknown`` where there is no checkout."""
    commit = _git(project, "rev-parse", "HEAD")
    if commit is None:
        return "unknown"
    return f"{commit}+" if _git(project, "status", "--porcelain", "--untracked-files=no") else commit


def as_of_or_watermark(settings: Settings, domain: Domain, text: str | None) -> datetime:
    """
    The time given, or that of the newest event landed; in UTC.

    Raises:
        ConfigError: The text is no time, or there is none and nothing has landed.
    """
    from riskloom.ingest import watermark  # noqa: PLC0415

    if text is not None:
        try:
            given = datetime.fromisoformat(text)
        except ValueError as error:
            raise ConfigError(f"as_of: expected a time such as 2026-03-01T00:00:00, found {text!r}") from error
        return given.astimezone(UTC) if given.tzinfo else given.replace(tzinfo=UTC)
    newest = watermark(domain, settings.landing)
    if newest is None:
        raise ConfigError(f"{domain.name}: nothing has landed yet, so there is no present state; give as_of")
    return newest


def _git(project: Path, *arguments: str) -> str | None:
    """What git answers, or None where there is no git or no checkout."""
    try:
        done = subprocess.run(["git", "-C", str(project), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
