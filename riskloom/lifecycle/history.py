"""
The decisions that rules are tried on, each as it was known when it was made.

DuckDB joins to each decision the newest values of the views whose features are wanted. Request features and scores are
computed with the code that serves.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from riskloom.catalog import Domain
from riskloom.errors import FeatureError
from riskloom.features import FeatureView, mart_path, request_features
from riskloom.policy import CostPolicy
from riskloom.rules import MemberList
from riskloom.rules.schema import EVENT, FEATURE, SCORE
from riskloom.sql import Parameters, listed, quoted

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

#: Whether the policy would do anything about a decision by its score.
FLAGGED = "__is_flagged"
_BATCH = 200_000
_SECOND_US = 1_000_000


class FlaggingModel(Protocol):
    """A verified model, as far as a back-test needs it."""

    @property
    def manifest(self) -> Any:
        """With ``feature_names`` and ``unusual_from``."""
        ...

    def predict(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores, shape (rows,), of a matrix of shape (rows, features)."""
        ...


@dataclass(frozen=True, slots=True)
class History:
    """
    The decisions that a rule is tried on.

    Attributes:
        domain: Whose.
        views: Its feature views.
        marts: Where dbt publishes.
        start: First instant of the decisions; timezone-aware, like the others.
        end: First instant after them.
        as_of: Only labels observed before it are known.
        lists: With everybody who ever was on them.
        threads: For DuckDB.
        memory: For DuckDB, such as ``4GB``.
    """

    domain: Domain
    views: Sequence[FeatureView]
    marts: Path
    start: datetime
    end: datetime
    as_of: datetime
    lists: Mapping[str, MemberList] = field(default_factory=dict)
    threads: int = 2
    memory: str = "4GB"


def computed_names(domain: Domain) -> set[str]:
    """What is computed and not read: request features and the score, as conditions name them."""
    return {SCORE, *(f"{FEATURE}{name}" for name in domain.request_features)}


def readable_names(history: History) -> list[str]:
    """What is read and not computed: the event's columns and the features of all views, as conditions name them."""
    features = (f"{FEATURE}{name}" for view in history.views for name in view.features)
    return [*(f"{EVENT}{name}" for name in history.domain.event_table.columns), *features]


def select_decisions(
    connection: duckdb.DuckDBPyConnection,
    history: History,
    parameters: Parameters,
    wanted: Collection[str],
    *,
    only: str = "true",
) -> str:
    """
    A query of the decisions, a row each: what is known of it, and the columns and features that are wanted.

    Args:
        connection: Looks whether the views that are wanted can be read point in time.
        history: The decisions.
        parameters: Takes the query's values.
        wanted: Fields as conditions name them; no other column is read, and no view of which none is wanted.
        only: A condition on the columns of the event table, before anything is joined.

    Raises:
        FeatureError: A mart is missing, or a view has values that were made after they held.
    """
    domain, subject = history.domain, history.domain.subject
    columns = [name for name in domain.event_table.columns if f"{EVENT}{name}" in wanted]
    used = [f"s.{quoted(name)} as {quoted(EVENT + name)}" for name in columns]
    joins, features = [], []
    for number, view in enumerate(history.views):
        names = [name for name in view.features if f"{FEATURE}{name}" in wanted]
        if names:
            joins.append(_join(connection, history, view, names, number, parameters))
            features += [_within(view, name, number) for name in names]
    maturity = parameters.add(int(domain.label.maturity.total_seconds()) * _SECOND_US)
    return f"""
        select
            s.{quoted(subject.group)} as __entity,
            cast(s.{quoted(subject.amount)} as decimal(38, 4)) as __amount,
            coalesce(known.is_positive, false) as __is_bad,
            s.decision_at + to_microseconds({maturity}) <= {parameters.add(_naive(history.as_of))} as __is_matured,
            s.decision_at as __at
            {"".join(f", {each}" for each in (*used, *features))}
        from ({_subjects(history, parameters, only)}) as s
        left join ({_labels(history, parameters)}) as known on known.key = s.{quoted(subject.key)}
        {" ".join(joins)}
    """  # noqa: S608 - names come from the validated declaration and are quoted, values are bound


def _subjects(history: History, parameters: Parameters, only: str) -> str:
    path = parameters.add(_existing(mart_path(history.marts, history.domain, "subjects")))
    start, end = parameters.add(_naive(history.start)), parameters.add(_naive(history.end))
    return f"select * from read_parquet({path}) where decision_at >= {start} and decision_at < {end} and {only}"  # noqa: S608


def _labels(history: History, parameters: Parameters) -> str:
    """The newest statement about each subject that was known."""
    path = parameters.add(_existing(mart_path(history.marts, history.domain, "labels")))
    key = quoted(history.domain.subject.key)
    return f"""
        select {key} as key, arg_max(is_positive, (observed_at, effective_at, is_positive)) as is_positive
        from read_parquet({path})
        where observed_at < {parameters.add(_naive(history.as_of))}
        group by {key}
    """  # noqa: S608


def _join(
    connection: duckdb.DuckDBPyConnection,
    history: History,
    view: FeatureView,
    names: Sequence[str],
    number: int,
    parameters: Parameters,
) -> str:
    """The join that brings the newest earlier values of a view; right where each was known when it held."""
    path = _existing(mart_path(history.marts, history.domain, view.name))
    late = connection.execute(
        "select count(*) from read_parquet($path) where created_timestamp > event_timestamp", {"path": path}
    ).fetchall()[0][0]
    if late:
        raise FeatureError(
            f"{path}: expected values that were known when they held, found {late:,} that were made later; a rule on "
            "them cannot be tried on a history"
        )
    earliest, end = parameters.add(_naive(history.start) - view.ttl), parameters.add(_naive(history.end))
    return f"""
        asof left join (
            select {quoted(view.join_key)} as key, event_timestamp as at, {listed(names)}
            from read_parquet({parameters.add(path)})
            where event_timestamp >= {earliest} and event_timestamp < {end}
        ) as v{number} on s.{quoted(view.join_key)} = v{number}.key and s.decision_at >= v{number}.at
    """  # noqa: S608


def _within(view: FeatureView, name: str, number: int) -> str:
    """A feature, missing where its value is older than the view lets it be."""
    limit = f"to_microseconds({int(view.ttl.total_seconds()) * _SECOND_US})"
    value = f"case when s.decision_at <= v{number}.at + {limit} then v{number}.{quoted(name)} end"
    return f"{value} as {quoted(FEATURE + name)}"


def compute_values(connection: duckdb.DuckDBPyConnection, history: History, model: FlaggingModel | None) -> pa.Table:
    """
    Request features, scores and the model's flag for the table ``decisions``, in its order.

    A decision is flagged where the policy chooses another outcome than the mildest by the score alone. Without a model
    scores are NaN, and nothing is flagged.
    """
    import pyarrow as pa  # noqa: PLC0415

    reader = connection.sql("select * from decisions").to_arrow_reader(_BATCH)
    batches = [_computed_of(pa.Table.from_batches([batch]), history, model) for batch in reader]
    if not batches:
        nothing = {name: pa.array([], pa.float64()) for name in sorted(computed_names(history.domain))}
        return pa.table({**nothing, FLAGGED: pa.array([], pa.bool_())})
    return pa.concat_tables(batches)


def _computed_of(rows: pa.Table, history: History, model: FlaggingModel | None) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415

    domain = history.domain
    columns: dict[str, NDArray[Any]] = {
        name: _array(rows[f"{EVENT}{name}"], column.type) for name, column in domain.event_table.columns.items()
    }
    columns |= {name: _array(rows[f"{FEATURE}{name}"], "double") for view in history.views for name in view.features}
    found = {f"{FEATURE}{name}": values for name, values in request_features(domain, columns).items()}
    values = {**columns, **{name.removeprefix(FEATURE): array for name, array in found.items()}}
    if model is None or not rows.num_rows:
        return pa.table({**found, SCORE: np.full(rows.num_rows, np.nan), FLAGGED: np.zeros(rows.num_rows, dtype=bool)})
    scores = model.predict(np.column_stack([values[name] for name in model.manifest.feature_names]))
    amounts = columns[domain.subject.amount]
    chosen = CostPolicy(domain).choose_rows(scores, amounts, threshold=model.manifest.unusual_from)
    return pa.table({**found, SCORE: scores, FLAGGED: np.isfinite(scores) & (chosen > 0)})


def _array(column: pa.ChunkedArray, kind: str) -> NDArray[Any]:
    """A column as request features take it."""
    import pyarrow as pa  # noqa: PLC0415

    if kind == "string":
        return np.array(column.to_pylist(), dtype=object)
    if kind == "timestamp":
        since = column.cast(pa.timestamp("us")).cast(pa.int64())
        return np.asarray(since.fill_null(np.iinfo(np.int64).min).to_numpy())
    return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)


def _existing(path: Path) -> str:
    if not path.is_file():
        raise FeatureError(f"{path} is missing; run `riskloom features build` first")
    return str(path)


def _naive(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise FeatureError(f"expected a timezone-aware time, got {instant.isoformat()}")
    return instant.astimezone(UTC).replace(tzinfo=None)
