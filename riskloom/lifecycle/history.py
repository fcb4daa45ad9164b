"""
The decisions that rules are tried on, each as it was known when it was made.

DuckDB joins to each decision the newest values of the views whose features are wanted. Request features and scores are
computed with the code that serves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from riskloom.catalog import Domain
from riskloom.errors import FeatureError
from riskloom.features import FeatureView, mart_path, request_features
from riskloom.rules import MemberList
from riskloom.rules.schema import EVENT, FEATURE, SCORE
from riskloom.sql import listed, quoted

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_BATCH = 200_000
_SECOND_US = 1_000_000


class FlaggingModel(Protocol):
    """A verified model, as far as a back-test needs it."""

    @property
    def manifest(self) -> Any:
        """With ``feature_names`` and ``threshold``."""
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


def load_decisions(connection: duckdb.DuckDBPyConnection, history: History, wanted: set[str] | None) -> None:
    """The table ``decisions``: a row each, with the columns and features that are wanted, all of them for None."""
    domain, subject = history.domain, history.domain.subject
    columns = domain.event_table.columns
    used = [name for name in columns if wanted is None or f"{EVENT}{name}" in wanted]
    bound = {
        "subjects": _existing(mart_path(history.marts, domain, "subjects")),
        "labels": _existing(mart_path(history.marts, domain, "labels")),
        "start": _naive(history.start),
        "end": _naive(history.end),
        "as_of": _naive(history.as_of),
        "maturity": int(domain.label.maturity.total_seconds()) * _SECOND_US,
    }
    joins, features = [], []
    for number, view in enumerate(history.views):
        names = [name for name in view.features if wanted is None or f"{FEATURE}{name}" in wanted]
        if names:
            joins.append(_join(connection, history, view, names, number, bound))
            features += [_within(view, name, number) for name in names]
    key = quoted(subject.key)
    connection.execute(
        f"""
        create temp table decisions as
        with known as (
            select {key} as key, arg_max(is_positive, (observed_at, effective_at, is_positive)) as is_positive
            from read_parquet($labels)
            where observed_at < $as_of
            group by {key}
        )
        select
            s.decision_at as __at,
            s.{quoted(subject.group)} as __entity,
            cast(s.{quoted(subject.amount)} as decimal(38, 4)) as __amount,
            coalesce(known.is_positive, false) as __is_bad,
            s.decision_at + to_microseconds($maturity) <= $as_of as __is_matured,
            {", ".join([*(f"s.{quoted(name)} as {quoted(EVENT + name)}" for name in used), *features]) or "1 as __none"}
        from (
            select * from read_parquet($subjects) where decision_at >= $start and decision_at < $end
        ) as s
        left join known on known.key = s.{key}
        {" ".join(joins)}
        """,  # noqa: S608 - names come from the validated declaration and are quoted, values are bound
        bound,
    )


def _join(
    connection: duckdb.DuckDBPyConnection,
    history: History,
    view: FeatureView,
    names: Sequence[str],
    number: int,
    bound: dict[str, Any],
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
    bound[f"view_{number}"], bound[f"earliest_{number}"] = path, _naive(history.start) - view.ttl
    return f"""
        asof left join (
            select {quoted(view.join_key)} as key, event_timestamp as at, {listed(names)}
            from read_parquet($view_{number})
            where event_timestamp >= $earliest_{number} and event_timestamp < $end
        ) as v{number} on s.{quoted(view.join_key)} = v{number}.key and s.decision_at >= v{number}.at
    """  # noqa: S608


def _within(view: FeatureView, name: str, number: int) -> str:
    """A feature, missing where its value is older than the view lets it be."""
    limit = f"to_microseconds({int(view.ttl.total_seconds()) * _SECOND_US})"
    value = f"case when s.decision_at <= v{number}.at + {limit} then v{number}.{quoted(name)} end"
    return f"{value} as {quoted(FEATURE + name)}"


def compute_values(connection: duckdb.DuckDBPyConnection, history: History, model: FlaggingModel | None) -> pa.Table:
    """Request features and scores of all decisions, in the order of the table; scores are NaN without a model."""
    import pyarrow as pa  # noqa: PLC0415

    reader = connection.sql("select * from decisions").to_arrow_reader(_BATCH)
    batches = [_computed_of(pa.Table.from_batches([batch]), history, model) for batch in reader]
    if not batches:
        return pa.table({name: pa.array([], pa.float64()) for name in sorted(computed_names(history.domain))})
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
    scores = np.full(rows.num_rows, np.nan)
    if model is not None and rows.num_rows:
        scores = model.predict(np.column_stack([values[name] for name in model.manifest.feature_names]))
    return pa.table({**found, SCORE: scores})


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
