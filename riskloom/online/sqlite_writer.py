"""Rows of a view into SQLite: one transaction a batch."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import chain, compress, repeat
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from riskloom.errors import FeatureError
from riskloom.online import layout
from riskloom.online.columns import entity_keys, time_column, value_column
from riskloom.online.mart import AT, CREATED, KEY, Mart
from riskloom.sql import quoted

_PATIENCE = 30.0  # seconds to wait for another writer


class SqliteWriter:
    """
    Writes one view into Feast's SQLite file.

    Args:
        path: The file; the view's table is there since the view was applied.
        mart: The view.
        project: Feast's project.
    """

    #: So many rows are one transaction: readers do not wait for it, other writers do.
    rows = 2_000

    def __init__(self, path: Path, mart: Mart, *, project: str) -> None:
        self._path = path
        self._mart = mart
        self._written = 0
        table = quoted(layout.sqlite_table(project, mart.view))
        columns = ", ".join(layout.SQLITE_COLUMNS)
        changed = ", ".join(f"{name} = excluded.{name}" for name in layout.SQLITE_COLUMNS[2:])
        self._put = f"""
            insert into {table} ({columns}) values (?, ?, ?, ?, ?, ?)
            on conflict (entity_key, feature_name) do update set {changed}
        """  # noqa: S608 - the table's name is quoted, values are bound
        self._held = f"select entity_key, max(event_ts) from {table} where entity_key in (%s) group by 1"  # noqa: S608

    def __enter__(self) -> Self:
        try:
            self._connection = sqlite3.connect(self._path, timeout=_PATIENCE, isolation_level=None)
        except sqlite3.Error as error:
            raise self._refused(error) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()  # which undoes a transaction that was not committed

    def write(self, rows: pa.RecordBatch) -> None:
        """
        Write rows in one transaction.

        Raises:
            FeatureError: The file cannot be written, or has no table for the view.
        """
        keys = entity_keys(self._mart.join_key, rows.column(KEY)).to_pylist()
        times = time_column(rows.column(AT), layout.sqlite_time, pa.int64()).to_pylist()
        try:
            self._connection.execute("begin immediate")
            newer = self._newer(keys, times)
            chosen = [key not in newer for key in keys]
            self._connection.executemany(self._put, self._cells(rows, keys, times, chosen))
            self._connection.execute("commit")
        except sqlite3.Error as error:
            raise self._refused(error) from error
        self._written += len(keys) - len(newer)

    def finish(self) -> int:
        """How many rows were written; of the others the file holds a later one."""
        return self._written

    def _newer(self, keys: Sequence[bytes], times: Sequence[int]) -> set[bytes]:
        """The entities of which the file holds a later row."""
        held = self._connection.execute(self._held % ", ".join("?" * len(keys)), keys).fetchall()
        at = dict(zip(keys, times, strict=True))
        return {key for key, held_at in held if held_at > at[key]}

    def _cells(
        self, rows: pa.RecordBatch, keys: Sequence[bytes], times: Sequence[int], chosen: Sequence[bool]
    ) -> Iterator[tuple[Any, ...]]:
        """A row of the table for each feature of each chosen entity, in the order of the table's index."""
        created = time_column(rows.column(CREATED), _sqlite_time_or_none, pa.int64()).to_pylist()
        by_feature = []
        for name, kind in sorted(self._mart.features.items()):
            column = rows.column(name)
            values = value_column(kind, column).to_pylist()
            texts = repeat(None) if kind == "unix_timestamp" else map(layout.value_text, column.to_pylist())
            by_feature.append(zip(keys, repeat(name), values, texts, times, created, strict=False))
        return chain.from_iterable(compress(zip(*by_feature, strict=True), chosen))

    def _refused(self, error: sqlite3.Error) -> FeatureError:
        return FeatureError(f"{self._path}: {self._mart.view}: SQLite does not take the rows: {error}")


def _sqlite_time_or_none(at_us: int | None) -> int | None:
    return None if at_us is None else layout.sqlite_time(at_us)
