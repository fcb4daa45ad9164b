"""The Parquet files of scored and refused rows: written stretch by stretch, put in place at the end."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd


class _Rows:
    """A Parquet file that readers see whole or not at all."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path, self._schema = path, schema
        self._partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = pq.ParquetWriter(self._partial, self._schema, compression="zstd")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        self._partial.unlink(missing_ok=True)

    def publish(self) -> None:
        """Put it in its place."""
        self._close()
        self._partial.replace(self._path)

    def _write(self, columns: Sequence[pa.Array]) -> None:
        assert self._writer is not None  # noqa: S101 - rows are added inside the block only
        self._writer.write_table(pa.Table.from_arrays(list(columns), schema=self._schema))

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


class ScoredRows(_Rows):
    """
    One row an event: file and number of the row there, the subject's key, ``decision_at`` (UTC), score, outcome, model.

    Args:
        path: The file.
        key: The column of the subject's key.
    """

    def __init__(self, path: Path, key: str) -> None:
        self._key = key
        schema = pa.schema(
            [
                ("file", pa.dictionary(pa.int32(), pa.string())),
                ("row_number", pa.int64()),
                (key, pa.string()),
                ("decision_at", pa.timestamp("us", tz="UTC")),
                ("score", pa.float64()),
                ("outcome", pa.dictionary(pa.int32(), pa.string())),
                ("model_version", pa.dictionary(pa.int32(), pa.string())),
            ]
        )
        super().__init__(path, schema)

    def add(
        self, file: str, events: pd.DataFrame, scores: NDArray[np.float64], outcomes: Sequence[str], version: str
    ) -> None:
        """Rows of one file, in their order; a score that is no number is null."""
        instants = events["decision_at"].to_numpy().astype("datetime64[us]")
        self._write(
            [
                _repeated(file, len(events)),
                pa.array(events["_row"].to_numpy(dtype=np.int64)),
                pa.array(events[self._key].to_numpy(), type=pa.string()),
                pa.array(instants).cast(pa.timestamp("us", tz="UTC")),
                pa.array(scores, mask=~np.isfinite(scores)),
                pa.array(outcomes).dictionary_encode(),
                _repeated(version, len(events)),
            ]
        )


class RefusedRows(_Rows):
    """One row a refused one: file, number of the row there, and everything that is wrong with it, field by field."""

    def __init__(self, path: Path) -> None:
        self._count = 0
        schema = pa.schema([("file", pa.string()), ("row_number", pa.int64()), ("reasons", pa.list_(pa.string()))])
        super().__init__(path, schema)

    def add(self, file: str, rows: pa.Table) -> None:
        """Rows of one file: ``_row`` and ``_reasons``."""
        self._count += len(rows)
        numbers, reasons = (rows.column(name).combine_chunks() for name in ("_row", "_reasons"))
        self._write([pa.array([file] * len(rows)), numbers.cast(pa.int64()), reasons.cast(pa.list_(pa.string()))])

    def publish(self) -> None:
        """Put it in its place; where nothing was refused, what an earlier call left there goes."""
        if self._count:
            super().publish()
        else:
            self._path.unlink(missing_ok=True)


def _repeated(text: str, times: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(times, dtype=np.int32)), pa.array([text]))
