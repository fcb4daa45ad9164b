"""One monitoring run: take the windows from the marts, assess them, publish what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from riskloom.catalog import Domain
from riskloom.errors import ConfigError, FeatureError
from riskloom.features import FeatureView, decision_set, mart_path, training_set
from riskloom.monitoring.assessment import assess
from riskloom.monitoring.frames import Decisions, MonitoredWindows
from riskloom.monitoring.publish import publish
from riskloom.monitoring.verdict import MonitoringVerdict
from riskloom.registry import LoadedModel, ModelStore, load_model, read_record

if TYPE_CHECKING:
    import feast

#: Evidently's workspace, below the monitoring folder.
WORKSPACE = "workspace"


@dataclass(frozen=True)
class Source:
    """Where decisions come from: the domain's views, the store that joins them, and dbt's marts."""

    views: Sequence[FeatureView]
    store: feast.FeatureStore
    marts: Path


def run(
    domain: Domain,
    source: Source,
    *,
    models: ModelStore,
    registry: Path,
    folder: Path,
    as_of: datetime,
    seed: int = 0,
) -> MonitoringVerdict:
    """
    Judge the decisions of the last window before ``as_of`` and the champion by those whose labels have matured.

    The reference is the champion's holdout: decisions it did not learn from and was promoted for. Without a champion it
    is the window before the current one; there are no scores and no performance then, and the verdict says so.

    Args:
        domain: Its monitoring section says how long a window is and when drift is an alarm.
        source: Where decisions come from.
        models: Where models are.
        registry: Where the record of champions is.
        folder: The monitoring folder, for verdicts and workspace.
        as_of: Only what was known before it takes part; timezone-aware. The same again replaces what was written.
        seed: Of sampling and bootstrap.

    Raises:
        ConfigError: ``as_of`` has no time zone.
        FeatureError: A mart is missing, or the champion needs a feature that is no longer built.
        SignatureError: The champion is not what was signed.
    """
    if as_of.tzinfo is None:
        raise ConfigError(f"as_of needs a time zone, found {as_of.isoformat()}")
    champion = read_record(registry, domain.name).champion
    model = load_model(models, domain.name, champion) if champion else None
    windows = gather(domain, source, model, as_of.astimezone(UTC))
    assessment = assess(domain, windows, model=model, as_of=as_of.astimezone(UTC), seed=seed)
    publish(assessment, domain, folder=folder, workspace=folder / WORKSPACE, seed=seed)
    return assessment.verdict


def gather(domain: Domain, source: Source, model: LoadedModel | None, as_of: datetime) -> MonitoredWindows:
    """Read the windows of a run from the marts; raises as :func:`run` does."""
    span = domain.monitoring.window
    current = _decisions(domain, source, "the last window", as_of - span, as_of)
    if model is None:
        reference = _decisions(
            domain, source, "the window before, for want of a champion", as_of - 2 * span, as_of - span
        )
        return MonitoredWindows(current.features, reference.decisions, current.decisions, matured=None)
    lacking = [name for name in model.manifest.feature_names if name not in current.features]
    if lacking:
        raise FeatureError(
            f"{domain.name}: the champion, version {model.version}, needs features that are no longer built: "
            f"{', '.join(lacking)}"
        )
    holdout = model.manifest.windows
    reference = _decisions(
        domain,
        source,
        f"the holdout of the champion, version {model.version}",
        datetime.fromisoformat(holdout.holdout_start),
        datetime.fromisoformat(holdout.holdout_end),
    )
    matured = _matured(domain, source, model, as_of)
    return MonitoredWindows(model.manifest.feature_names, reference.decisions, current.decisions, matured)


@dataclass(frozen=True)
class _Window:
    decisions: Decisions
    features: tuple[str, ...]


def _decisions(domain: Domain, source: Source, name: str, start: datetime, end: datetime) -> _Window:
    found = decision_set(domain, source.views, source.store, source.marts, start=start, end=end)
    return _Window(Decisions(name, start, end, found.frame), found.features)


def _matured(domain: Domain, source: Source, model: LoadedModel, as_of: datetime) -> Decisions | None:
    """The newest window of matured decisions, as far as the champion did not learn from it."""
    end = as_of - domain.label.maturity
    start = max(end - domain.monitoring.window, datetime.fromisoformat(model.manifest.windows.fit_end))
    if start >= end or not _has_decisions(mart_path(source.marts, domain, "subjects"), start, end):
        return None
    found = training_set(domain, source.views, source.store, source.marts, as_of=as_of, start=start, end=end)
    return Decisions("the newest matured window", start, end, found.frame)


def _has_decisions(subjects: Path, start: datetime, end: datetime) -> bool:
    import duckdb  # noqa: PLC0415

    bounds = [instant.astimezone(UTC).replace(tzinfo=None) for instant in (start, end)]
    query = "select count(*) from read_parquet($1) where decision_at >= $2 and decision_at < $3"
    with duckdb.connect() as connection:
        counted = connection.execute(query, [str(subjects), *bounds]).fetchone()
    return counted is not None and counted[0] > 0
