"""Lines of a text file as Arrow batches, in bounded memory: numbered, decoded, quoted line breaks kept together."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from riskloom.errors import ContractError

_CHUNK = 4 << 20
LONGEST_LINE = 1 << 20
_MOST_LINES_QUOTED = 100  # a quoted value with more line breaks than that is an unclosed quote
BOM = b"\xef\xbb\xbf"
_NEWLINE, _QUOTE = 10, 34
SCHEMA = pa.schema([("line", pa.int64()), ("text", pa.string()), ("problem", pa.string())])


@dataclass
class TextFile:
    """
    A file of lines, plain or gzip.

    Attributes:
        path: Where it lies.
        separator: Between the fields of a line where quotes may hold line breaks (CSV); None where each line stands
            alone.
        records: How many records were read so far; blank lines are none.
        failure: Why reading stopped early.
    """

    path: Path
    separator: str | None = None
    records: int = 0
    failure: ContractError | None = None
    _fields: int = field(default=0, repr=False)

    def first_line(self) -> str:
        """
        The first line, decoded; the empty text for an empty file.

        Raises:
            ContractError: It is not UTF-8 text.
        """
        with open_bytes(self.path) as stream:
            start = read_bytes(self.path, stream, LONGEST_LINE).removeprefix(BOM)
        line = start.split(b"\n", 1)[0]
        if b"\0" in line:
            raise refused(self.path, "binary content")
        try:
            return line.decode("utf-8").rstrip("\r")
        except UnicodeDecodeError as error:
            raise refused(self.path, f"a first line that is not: {error}") from error

    def reader(self, *, skip_first: bool, fields: int = 0) -> pa.RecordBatchReader:
        """Batches of ``line`` (its number), ``text`` (with its line break) and ``problem``; can be read once."""
        self.records, self.failure, self._fields = 0, None, fields
        return pa.RecordBatchReader.from_batches(SCHEMA, self._guarded(skip_first=skip_first))

    def _guarded(self, *, skip_first: bool) -> Iterator[pa.RecordBatch]:
        # What is raised in here reaches the caller only as text inside a DuckDB error, so it is kept as well.
        try:
            yield from self._batches(skip_first=skip_first)
        except ContractError as error:
            self.failure = error
            raise

    def _batches(self, *, skip_first: bool) -> Iterator[pa.RecordBatch]:
        number, rest, is_cut = 1, b"", False
        with open_bytes(self.path) as stream:
            while True:
                chunk = read_bytes(self.path, stream, _CHUNK)
                is_last = not chunk
                if is_cut and chunk:  # the rest of a line that was too long is no line of its own
                    _, newline, chunk = chunk.partition(b"\n")
                    is_cut = not newline
                data = rest + chunk
                if number == 1 and not rest:
                    data = data.removeprefix(BOM)
                ends = _line_ends(data, is_last=is_last)
                groups, kept = self._groups(data, ends, is_last=is_last)
                end = int(ends[kept - 1]) if kept else 0
                if kept:
                    batch = self._batch(data[:end], ends[:kept], groups, number)
                    first = 1 if skip_first and number == 1 else 0
                    self.records += batch.num_rows - first
                    yield batch.slice(first)
                number += kept
                rest = data[end:]
                is_cut = is_cut or (not is_last and end > 0 and data[end - 1] != _NEWLINE)
                if is_last:
                    return

    def _groups(self, data: bytes, ends: NDArray[np.int64], *, is_last: bool) -> tuple[NDArray[np.int64], int]:
        """The lines that end a record, and how many lines can be given out now."""
        lines = np.arange(len(ends))
        if self.separator is None or b'"' not in data:
            return lines, len(ends)
        odd = np.flatnonzero(_quotes(data, ends) % 2)
        inside = np.zeros(len(ends), dtype=np.bool_)
        kept, nth = len(ends), 0
        while nth < len(odd):
            first = int(odd[nth])
            last = int(odd[nth + 1]) if nth + 1 < len(odd) else None
            if last is None and not is_last and len(ends) - first <= _MOST_LINES_QUOTED:
                kept = first
                break
            if last is not None and self._is_record(data, ends, first, last):
                inside[first:last] = True
                nth += 1
            nth += 1
        return lines[:kept][~inside[:kept]], kept

    def _is_record(self, data: bytes, ends: NDArray[np.int64], first: int, last: int) -> bool:
        """Whether these lines together are one record with the right number of fields."""
        if last - first > _MOST_LINES_QUOTED:
            return False
        begin = int(ends[first - 1]) if first else 0
        text = data[begin : int(ends[last])].decode("utf-8", "replace")
        try:
            rows = list(csv.reader(text.splitlines(keepends=True), delimiter=self.separator or ",", strict=True))
        except csv.Error:
            return False
        return len(rows) == 1 and len(rows[0]) == self._fields

    def _batch(self, data: bytes, ends: NDArray[np.int64], groups: NDArray[np.int64], number: int) -> pa.RecordBatch:
        """The records that end at the lines ``groups``, without the blank ones."""
        stops = ends[groups]
        starts = np.concatenate([[0], stops[:-1]])
        first_lines = number + np.concatenate([[0], groups[:-1] + 1])
        text, problem = _decoded(data, starts, stops)
        is_blank = _is_blank(data, starts, stops)
        batch = pa.record_batch([pa.array(first_lines, pa.int64()), text, problem], schema=SCHEMA)
        return batch.filter(pa.array(~is_blank)) if is_blank.any() else batch


def open_bytes(path: Path) -> IO[bytes]:
    """
    Open a text file, plain or gzip.

    Raises:
        ContractError: It cannot be opened.
    """
    try:
        return cast("IO[bytes]", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")
    except OSError as error:
        raise refused(path, error.strerror or str(error)) from error


def read_bytes(path: Path, stream: IO[bytes], size: int) -> bytes:
    """
    Read up to ``size`` bytes.

    Raises:
        ContractError: The file is damaged.
    """
    try:
        return stream.read(size)
    except (EOFError, OSError, zlib.error) as error:
        raise refused(path, f"a damaged file: {error}") from error


def refused(path: Path, found: str) -> ContractError:
    """A file that is not the text its name says."""
    kind = "gzip of UTF-8 text" if path.suffix == ".gz" else "UTF-8 text"
    return ContractError(f"{path.name}: expected {kind}, found {found}")


def _line_ends(data: bytes, *, is_last: bool) -> NDArray[np.int64]:
    """Where each line ends, its line break included; a very long line is cut so that memory stays bounded."""
    ends = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == _NEWLINE).astype(np.int64) + 1
    end = int(ends[-1]) if len(ends) else 0
    if end < len(data) and (is_last or len(data) - end > 2 * LONGEST_LINE):
        ends = np.append(ends, len(data))
    return ends


def _quotes(data: bytes, ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many quotes each line holds."""
    positions = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == _QUOTE)
    return np.diff(np.searchsorted(positions, ends), prepend=0)


def _is_blank(data: bytes, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Lines that hold nothing but their line break."""
    is_blank = stops - starts <= 2  # noqa: PLR2004 (a line break is one byte or two)
    for nth in np.flatnonzero(is_blank):
        is_blank[nth] = not data[starts[nth] : stops[nth]].strip(b"\r\n")
    return is_blank


def _decoded(data: bytes, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> tuple[pa.Array, pa.Array]:
    """Text and problem of each record: no copy where all bytes are UTF-8 and no line is too long."""
    is_long = stops - starts > LONGEST_LINE
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        is_clean = False
    else:
        is_clean = not is_long.any()
    if is_clean:
        offsets = np.append(starts, stops[-1:]).astype(np.int32)
        text = pa.StringArray.from_buffers(len(stops), pa.py_buffer(offsets), pa.py_buffer(data))
        return text, pa.nulls(len(stops), pa.string())
    texts: list[str] = []
    problems: list[str | None] = []
    for start, stop, too_long in zip(starts, stops, is_long, strict=True):
        text, problem = decoded_line(data[start:stop])
        texts.append(text[:LONGEST_LINE])
        problems.append(f"line: expected at most {LONGEST_LINE} bytes, found more" if too_long else problem)
    return pa.array(texts, pa.string()), pa.array(problems, pa.string())


def decoded_line(line: bytes) -> tuple[str, str | None]:
    """A line's text, and what is wrong with it where it is not UTF-8."""
    try:
        return line.decode("utf-8"), None
    except UnicodeDecodeError as error:
        found = f"byte 0x{line[error.start]:02x} at position {error.start + 1}"
        return line.decode("utf-8", "replace"), f"line: expected UTF-8 text, found {found}"
