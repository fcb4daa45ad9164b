"""Training sets: decisions, what was known when they were made, and what turned out to be true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from riskloom.catalog import Domain
from riskloom.errors import FeatureError, LeakageError
from riskloom.features.request import request_features
from riskloom.features.views import FeatureView, mart_path
from riskloom.sql import quoted

if TYPE_CHECKING:
    import feast
    import pandas as pd

#: The column with the probability of a release at random.
RELEASE_PROPENSITY = "release_propensity"
_MICROSECONDS = "datetime64[us]"


@dataclass(frozen=True)
class TrainingSet:
    """
    One row a decision, ordered by decision time and subject key.

    ``frame`` has the subject's key, group and amount, ``decision_at`` and ``label_observed_at`` (datetime64[us], UTC
    without saying so), ``label`` (int8) and every name in ``features`` (float64, NaN where it was not known).
    ``label_observed_at`` of a decision nothing was said about is when its label matured: from then on silence means no.
    ``release_propensity`` (float64) is the probability with which a would-be hardest outcome was let through at random,
    NaN where it was not: labels of these rows, weighted by one over it, say what refusals hide.
    """

    frame: pd.DataFrame
    features: tuple[str, ...]


@dataclass(frozen=True)
class DecisionSet:
    """As a :class:`TrainingSet`, without labels: what is known of decisions at the moment they are made."""

    frame: pd.DataFrame
    features: tuple[str, ...]


def training_set(
    domain: Domain,
    views: Sequence[FeatureView],
    store: feast.FeatureStore,
    marts: Path,
    *,
    as_of: datetime,
    start: datetime,
    end: datetime,
    released: Mapping[str, float] = MappingProxyType({}),
) -> TrainingSet:
    """
    Join decisions of ``[start, end)`` with their features and with their labels as known at ``as_of``.

    Args:
        domain: What is scored, and where the truth comes from.
        views: The domain's views, applied to ``store``.
        store: Joins point in time; only values created by the decision take part.
        marts: Where dbt publishes.
        as_of: Only statements observed before it are known; timezone-aware, like the others.
        start: First instant of the decisions.
        end: First instant after them.
        released: Subjects that were let through at random, with which probability.

    Raises:
        LeakageError: A label in the range has not matured at ``as_of``.
        FeatureError: There is no decision in the range, a mart is missing, or the join lost or doubled rows.
    """
    if end + domain.label.maturity > as_of:
        raise LeakageError(
            f"{domain.name}: labels of decisions before {end.isoformat()} mature at "
            f"{(end + domain.label.maturity).isoformat()}, after as_of {as_of.isoformat()}"
        )
    if start >= end:
        raise FeatureError(f"{domain.name}: start {start.isoformat()} is not before end {end.isoformat()}")
    subjects = _subjects(domain, views, marts, as_of=as_of, start=start, end=end)
    if subjects.empty:
        raise FeatureError(f"{domain.name}: no decision from {start.isoformat()} to {end.isoformat()}")
    values = features_at(domain, views, store, subjects)
    frame = _frame(domain, subjects, values)
    if RELEASE_PROPENSITY in frame:
        raise FeatureError(f"{domain.name}: expected no feature called {RELEASE_PROPENSITY}, found one")
    frame[RELEASE_PROPENSITY] = frame[domain.subject.key].map(released).astype("float64")
    return TrainingSet(frame=frame, features=tuple(values))


def features_at(
    domain: Domain, views: Sequence[FeatureView], store: feast.FeatureStore, events: pd.DataFrame
) -> dict[str, Any]:
    """
    Every feature of events as it was known at each one's ``decision_at``, of the views and of the request.

    Args:
        domain: What is scored.
        views: The domain's views, applied to ``store``.
        store: Joins point in time; only values created by the decision take part.
        events: The event table's columns and ``decision_at`` (datetime64, UTC without saying so); at least one row.

    Returns:
        Arrays of float64 by name, shape (rows,), in the order of the events; NaN where nothing was known.

    Raises:
        FeatureError: The join failed, or lost or doubled rows.
    """
    values = _point_in_time(domain, views, store, events)
    return values | request_features(domain, _columns(domain, events, values))


def decision_set(
    domain: Domain,
    views: Sequence[FeatureView],
    store: feast.FeatureStore,
    marts: Path,
    *,
    start: datetime,
    end: datetime,
) -> DecisionSet:
    """
    Join decisions of ``[start, end)`` with their features, whether or not their labels have matured.

    Args:
        domain: What is scored.
        views: The domain's views, applied to ``store``.
        store: Joins point in time; only values created by the decision take part.
        marts: Where dbt publishes.
        start: First instant of the decisions; timezone-aware.
        end: First instant after them.

    Returns:
        The decisions; none of them where there was none.

    Raises:
        FeatureError: A mart is missing, or the join lost or doubled rows.
    """
    import numpy as np  # noqa: PLC0415

    subjects = _subjects(domain, views, marts, as_of=end, start=start, end=end)
    if subjects.empty:
        values: dict[str, Any] = {name: np.empty(0) for view in views for name in view.features}
    else:
        values = _point_in_time(domain, views, store, subjects)
    values |= request_features(domain, _columns(domain, subjects, values))
    frame = _frame(domain, subjects, values).drop(columns=["label", "label_observed_at"])
    return DecisionSet(frame=frame, features=tuple(values))


def _subjects(
    domain: Domain, views: Sequence[FeatureView], marts: Path, *, as_of: datetime, start: datetime, end: datetime
) -> pd.DataFrame:
    """Decisions with the event table's columns and their labels as known at ``as_of``, in order."""
    import duckdb  # noqa: PLC0415

    key = quoted(domain.subject.key)
    query = f"""
        with known as (
            select {key}, is_positive, observed_at,
                row_number() over (
                    partition by {key} order by observed_at desc, effective_at desc, is_positive desc
                ) as age
            from read_parquet($labels)
            where observed_at < $as_of
        )
        select subjects.*,
            cast(coalesce(known.is_positive, false) as tinyint) as label,
            coalesce(known.observed_at, subjects.decision_at + to_microseconds($maturity)) as label_observed_at
        from read_parquet($subjects) as subjects
        left join known on known.{key} = subjects.{key} and known.age = 1
        where subjects.decision_at >= $start and subjects.decision_at < $end
        order by subjects.decision_at, subjects.{key}
    """  # noqa: S608 - names come from the validated declaration and are quoted, values are bound
    bound = {
        "subjects": _existing(mart_path(marts, domain, "subjects")),
        "labels": _existing(mart_path(marts, domain, "labels")),
        "as_of": _naive(as_of),
        "start": _naive(start),
        "end": _naive(end),
        "maturity": domain.label.maturity.days * 86_400_000_000 + domain.label.maturity.seconds * 1_000_000,
    }
    for view in views:
        _existing(mart_path(marts, domain, view.name))
    with duckdb.connect() as connection:
        return connection.execute(query, bound).df()


def _point_in_time(
    domain: Domain, views: Sequence[FeatureView], store: feast.FeatureStore, subjects: pd.DataFrame
) -> dict[str, Any]:
    """The views' features for each subject, as float64 arrays in the order of the subjects."""
    import numpy as np  # noqa: PLC0415

    features = [name for view in views for name in view.features]
    entities = subjects[list(dict.fromkeys(view.join_key for view in views))].copy()
    entities["event_timestamp"] = subjects["decision_at"].dt.tz_localize("UTC")
    entities["row_number"] = np.arange(len(subjects), dtype=np.int64)
    try:
        joined = store.get_historical_features(
            entity_df=entities,
            features=[f"{view.mart}:{name}" for view in views for name in view.features],
            filter_by_created_timestamp=True,
        ).to_arrow()
    except Exception as error:
        raise FeatureError(f"{domain.name}: the point-in-time join failed: {error}") from error
    order = joined["row_number"].to_numpy()
    if not np.array_equal(np.sort(order), entities["row_number"].to_numpy()):
        lost = len(subjects) - len(np.unique(order))
        doubled = len(order) - len(np.unique(order))
        raise FeatureError(
            f"{domain.name}: the point-in-time join must keep each of {len(subjects)} decisions once; "
            f"it lost {lost} and doubled {doubled}"
        )
    position = np.argsort(order)
    return {name: _floats(joined[name])[position] for name in features}


def _columns(domain: Domain, subjects: pd.DataFrame, values: Mapping[str, Any]) -> dict[str, Any]:
    """What request features are computed from: the event table's fields and the views' features, as arrays."""
    import numpy as np  # noqa: PLC0415

    columns: dict[str, Any] = {}
    for name, column in domain.event_table.columns.items():
        series = subjects[name]
        if column.type == "string":
            columns[name] = series.astype(object).where(series.notna(), None).to_numpy()
        elif column.type == "timestamp":
            columns[name] = series.to_numpy().astype(_MICROSECONDS).astype(np.int64)
        else:
            columns[name] = series.to_numpy(dtype=np.float64, na_value=np.nan)
    return {**columns, **values}


def _frame(domain: Domain, subjects: pd.DataFrame, values: Mapping[str, Any]) -> pd.DataFrame:
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    subject = domain.subject
    fixed: dict[str, Any] = {
        subject.key: subjects[subject.key].to_numpy(),
        subject.group: subjects[subject.group].to_numpy(),
        subject.amount: subjects[subject.amount].to_numpy(dtype=np.float64),
        "decision_at": subjects["decision_at"].to_numpy().astype(_MICROSECONDS),
        "label": subjects["label"].to_numpy().astype(np.int8),
        "label_observed_at": subjects["label_observed_at"].to_numpy().astype(_MICROSECONDS),
    }
    for name in fixed.keys() & values.keys():
        # the amount may itself be a feature; any other meaning under the same name would go unnoticed
        if name != subject.amount or not np.array_equal(fixed[name], values[name], equal_nan=True):
            raise FeatureError(f"{domain.name}: the feature {name} has the name of a column that says something else")
    return pd.DataFrame({**fixed, **values})


def _floats(column: Any) -> Any:
    """An Arrow column as float64, NaN where it is null."""
    import pyarrow as pa  # noqa: PLC0415

    return column.cast(pa.float64()).to_numpy()


def _naive(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise FeatureError(f"expected a timezone-aware time, got {instant.isoformat()}")
    return instant.astimezone(UTC).replace(tzinfo=None)


def _existing(path: Path) -> str:
    if not path.is_file():
        raise FeatureError(f"{path} is missing; run `riskloom features build` first")
    return str(path)
