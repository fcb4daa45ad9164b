"""Records that stand for several rows: one for each element of a list that each of them holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from riskloom.errors import ContractError
from riskloom.ingest.documents import JsonDocument, value_below
from riskloom.ingest.lines import SCHEMA, TextFile

_LARGEST = 64 << 20  # characters that one record may have when it is spread
_ROWS_A_BATCH = 4096


@dataclass
class SpreadText:
    """
    A text of JSON records with one record for each element of the list below ``key``.

    In each of them the list holds that element alone; everything else is as it came. A record without such a list, or
    with an empty one, stays one record.

    Attributes:
        text: The records as they came.
        key: A key of each record.
        records: How many records were made so far; they are numbered by it.
    """

    text: TextFile | JsonDocument
    key: str
    records: int = 0

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self.text.path

    @property
    def failure(self) -> ContractError | None:
        """Why reading stopped early."""
        return self.text.failure

    def reader(self, *, skip_first: bool, fields: int = 0) -> pa.RecordBatchReader:
        """Batches of ``line`` (the number of the record made), ``text`` and ``problem``; can be read once."""
        self.records = 0
        return pa.RecordBatchReader.from_batches(SCHEMA, self._batches(skip_first=skip_first, fields=fields))

    def _batches(self, *, skip_first: bool, fields: int) -> Iterator[pa.RecordBatch]:
        made: list[tuple[str, str | None]] = []
        for batch in self.text.reader(skip_first=skip_first, fields=fields):
            for text, problem in zip(batch["text"].to_pylist(), batch["problem"].to_pylist(), strict=True):
                for one in [(text, problem)] if problem is not None else spread(text, self.key):
                    made.append(one)
                    if len(made) == _ROWS_A_BATCH:
                        yield self._batch(made)
                        made = []
        if made:
            yield self._batch(made)

    def _batch(self, made: list[tuple[str, str | None]]) -> pa.RecordBatch:
        first = self.records + 1
        self.records += len(made)
        texts, problems = zip(*made, strict=True)
        numbers = pa.array(range(first, self.records + 1), pa.int64())
        return pa.record_batch([numbers, pa.array(texts, pa.string()), pa.array(problems, pa.string())], schema=SCHEMA)


def spread(text: str, key: str) -> Iterator[tuple[str, str | None]]:
    """
    The records that one stands for, each with what is wrong with it; a record that cannot be read stays as it is.

    A record that would become larger than memory should hold is not spread, and says so.
    """
    found = value_below(text, key) if text.lstrip()[:1] == "{" else None
    values: Any = None if found is None else found.value
    if found is None or not isinstance(values, list) or len(values) <= 1:
        yield text, None
    elif len(values) * (len(text) - (found.end - found.start)) > _LARGEST:
        most = f"a record of at most {_LARGEST} characters when it is spread"
        yield text, f"{key}: expected {most}, found {len(values)} rows"
    else:
        before, after = text[: found.start], text[found.end :]
        for value in values:
            yield f"{before}[{json.dumps(value)}]{after}", None
