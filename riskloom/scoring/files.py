"""
Score the events of files: checked as ingest checks them, with their features point in time, a stretch of rows at once.

A row has the features that a training set would give the same decision, and the score that the service would give
those features, to the last bit. Neither rules nor releases play a part in its outcome: both depend on the moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from riskloom.catalog import Domain
from riskloom.errors import ConfigError, ContractError, FeatureError
from riskloom.ingest.mapping import check_sources, same_names
from riskloom.ingest.sources import open_source
from riskloom.ingest.staging import Staged, connected, layout_of, stage
from riskloom.policy import CostPolicy
from riskloom.registry import LoadedModel
from riskloom.scoring.output import RefusedRows, ScoredRows
from riskloom.sql import listed

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

FloatArray = NDArray[np.float64]
#: What DuckDB hands over at once; it counts in vectors of so many rows.
_VECTOR_ROWS = 2_048
#: Rows whose features are joined together, about: a join reads the marts once for all of them.
ROWS_AT_ONCE = 64 * _VECTOR_ROWS


class Features(Protocol):
    """Where the features of events come from."""

    def __call__(self, events: pd.DataFrame) -> Mapping[str, FloatArray]:
        """Every feature at each event's ``decision_at``, shape (rows,); raises FeatureError."""
        ...


@dataclass(frozen=True, slots=True)
class FileScores:
    """One file: each of its rows was scored or refused."""

    file: str
    scored: int
    refused: int


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """
    What one call did.

    Attributes:
        model_version: That scored.
        files: In the order given.
        out: Where the scores are.
        refused: Where the refused rows are, with their reasons; None where there were none.
    """

    model_version: str
    files: tuple[FileScores, ...]
    out: Path
    refused: Path | None

    @property
    def scored(self) -> int:
        """Rows with a score, of all files."""
        return sum(file.scored for file in self.files)


def score_files(
    domain: Domain,
    model: LoadedModel,
    features: Features,
    files: Sequence[Path],
    out: Path,
    *,
    observed_at: datetime,
    scratch: Path,
    jobs: int,
    memory: str = "2GB",
    pseudonym_key: bytes | None = None,
) -> ScoreReport:
    """
    Score the rows of files, one file after the other, into one Parquet file that is there whole or not at all.

    Args:
        domain: Whose event table the rows keep.
        model: Scores them.
        features: Of the domain, at any time.
        files: CSV, JSON (also as .gz) or Parquet, with the event table's columns.
        out: The file with the scores; what is there already is replaced. Rows that break the contract go to
            ``<name>.refused.parquet`` beside it.
        observed_at: The clock, timezone-aware: when rows were decided that do not say when they were observed.
        scratch: A folder for what is put aside meanwhile.
        jobs: Threads that check and score.
        memory: Most that DuckDB takes for checking, such as ``2GB``.
        pseudonym_key: Where the event table asks for pseudonyms.

    Raises:
        ConfigError: The event table asks for pseudonyms and there is no key.
        ContractError: A file cannot be read, or lacks a column; nothing was written.
        FeatureError: A feature that the model takes is not there, or the join failed.
    """
    if pseudonym_key is None and domain.event_table.pseudonyms:
        raise ConfigError(
            f"{domain.event_table.name}: the contract asks for pseudonyms: expected their key, found none"
        )
    work = _Work(domain, model, features, observed_at, scratch, jobs, memory, pseudonym_key)
    refused_path = out.with_name(f"{out.stem}.refused.parquet")
    with ExitStack() as stack:
        scored = stack.enter_context(ScoredRows(out, domain.subject.key))
        refused = stack.enter_context(RefusedRows(refused_path))
        pool = stack.enter_context(ThreadPoolExecutor(jobs, thread_name_prefix="score"))
        done = tuple(_score_file(work, path, scored, refused, pool) for path in files)
        refused.publish()
        scored.publish()
    return ScoreReport(model.version, done, out, refused_path if any(file.refused for file in done) else None)


@dataclass(frozen=True, slots=True)
class _Work:
    """What is the same for all files of a call."""

    domain: Domain
    model: LoadedModel
    features: Features
    observed_at: datetime
    scratch: Path
    jobs: int
    memory: str
    pseudonym_key: bytes | None


def _score_file(work: _Work, path: Path, scored: ScoredRows, refused: RefusedRows, pool: Executor) -> FileScores:
    with connected(work.scratch, threads=work.jobs, memory=work.memory) as (connection, scratch):
        staged = _staged(work, path, connection, scratch)
        if staged.bad:
            query = "SELECT _row, _reasons FROM staged WHERE _reasons IS NOT NULL"
            refused.add(path.name, connection.execute(query).to_arrow_table())
        for events in _stretches(work, connection):
            scores, outcomes = _scored(work, events, pool)
            scored.add(path.name, events, scores, outcomes, work.model.version)
    return FileScores(path.name, staged.rows - staged.bad, staged.bad)


def _staged(work: _Work, path: Path, connection: duckdb.DuckDBPyConnection, scratch: Path) -> Staged:
    table = work.domain.event_table
    source = open_source(path, connection, layout_of(None))
    if source.is_empty:
        raise ContractError(f"{path.name}: expected events, found none")
    try:
        mapping = same_names(work.domain, table, source.columns)
        check_sources(mapping, source.columns, source.has)
    except ContractError as error:
        raise type(error)(f"{path.name}: {error}") from error
    return stage(
        source, table, mapping, connection, scratch, observed_at=work.observed_at, pseudonym_key=work.pseudonym_key
    )


def _stretches(work: _Work, connection: duckdb.DuckDBPyConnection) -> Iterator[pd.DataFrame]:
    """The good rows in the file's order, some at once, each decided when it was observed."""
    columns = listed(work.domain.event_table.columns)
    query = f"SELECT _row, {columns}, observed_at AS decision_at FROM staged WHERE _reasons IS NULL"  # noqa: S608
    result = connection.execute(query)
    while len(events := result.fetch_df_chunk(ROWS_AT_ONCE // _VECTOR_ROWS)):
        yield events


def _scored(work: _Work, events: pd.DataFrame, pool: Executor) -> tuple[FloatArray, list[str]]:
    """Scores and outcomes of a stretch of events; the rows are shared out among the threads."""
    values, names = work.features(events), work.model.manifest.feature_names
    if missing := [name for name in names if name not in values]:
        raise FeatureError(
            f"model {work.domain.name}:{work.model.version}: expected the features it takes, "
            f"found none called {', '.join(missing)}"
        )
    matrix = np.column_stack([values[name] for name in names])
    scores = np.concatenate(list(pool.map(work.model.predict_each, np.array_split(matrix, work.jobs))))
    amounts = events[work.domain.subject.amount].to_numpy(dtype=np.float64, na_value=np.nan)
    policy = CostPolicy(work.domain)
    chosen: Any = policy.choose_rows(scores, amounts, threshold=work.model.manifest.unusual_from)
    return scores, [policy.names[place] for place in chosen]
