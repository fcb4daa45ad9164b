"""Records of a JSON document, a list or an object with a list below a key, as Arrow batches in bounded memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from riskloom.errors import ContractError
from riskloom.ingest.lines import BOM, LONGEST_LINE, SCHEMA, decoded_line, open_bytes, read_bytes

_CHUNK = 4 << 20
_HEAD = 1 << 20  # what stands before the records, and what stands behind them, may have this many bytes
_QUOTE, _BACKSLASH, _COMMA = 34, 92, 44
_OPENING, _CLOSING = (91, 123), (93, 125)
_BLANK = b" \t\r\n"


def open_document(path: Path, key: str | None) -> JsonDocument | None:
    """
    Look at a file's beginning: a document with records, or None where it is JSON lines.

    Args:
        path: JSON, plain or gzip.
        key: Below which key of an object the records stand, or which path of keys with dots; None for lists only.

    Raises:
        ContractError: It is a JSON document in which there is no such list, or no UTF-8 text.
    """
    with open_bytes(path) as stream:
        head = read_bytes(path, stream, _HEAD).removeprefix(BOM)
    first = head.lstrip(_BLANK)[:1]
    if first == b"[":
        return JsonDocument(path, head.index(b"[") + 1, head[: head.index(b"[")])
    if first != b"{" or key is None:
        return None
    start = _list_below(head.decode("utf-8", "replace"), key)
    if start is not None:
        before = head.decode("utf-8", "replace")[: start - 1]
        return JsonDocument(path, len(before.encode()) + 1, before.encode())
    if not _is_object(head.split(b"\n", 1)[0]):
        raise ContractError(
            f"{path.name}: expected JSON lines, an object on each line, or a document with a list below {key!r}, "
            "found neither"
        )
    return None


@dataclass
class JsonDocument:
    """
    A file that is one JSON document.

    Attributes:
        path: Where it lies.
        start: First byte of the list's content, a byte-order mark not counted.
        before: What stands before the list, which with what follows it must be JSON as well.
        records: How many records were read so far.
        failure: Why reading stopped early.
    """

    path: Path
    start: int
    before: bytes
    records: int = 0
    failure: ContractError | None = None

    def reader(self, *, skip_first: bool, fields: int = 0) -> pa.RecordBatchReader:  # noqa: ARG002 (as text has it)
        """Batches of ``line`` (the record's number), ``text`` and ``problem``; can be read once."""
        self.records, self.failure = 0, None
        return pa.RecordBatchReader.from_batches(SCHEMA, self._guarded())

    def _guarded(self) -> Iterator[pa.RecordBatch]:
        # What is raised in here reaches the caller only as text inside a DuckDB error, so it is kept as well.
        try:
            yield from self._batches()
        except ContractError as error:
            self.failure = error
            raise

    def _batches(self) -> Iterator[pa.RecordBatch]:
        scan, tail = _Scan(), b""
        with open_bytes(self.path) as stream:
            data = read_bytes(self.path, stream, self.start + len(BOM) + 1)
            data = data.removeprefix(BOM)[self.start :]
            while data:
                tail += scan.feed(data) if not scan.is_done else data
                if scan.found:
                    yield self._batch(scan.taken())
                if len(tail) > _HEAD:
                    raise self._refused(f"more than {_HEAD} bytes after the records")
                data = read_bytes(self.path, stream, _CHUNK)
        if not scan.is_done:
            raise self._refused(
                f"the end of the file after {self.records} whole records: it was cut off, or a bracket is open"
            )
        self._check_rest(tail)

    def _batch(self, found: list[tuple[bytes, int]]) -> pa.RecordBatch:
        texts: list[str] = []
        problems: list[str | None] = []
        for content, size in found:
            text, problem = decoded_line(content)
            is_long = size > LONGEST_LINE
            texts.append(text)
            problems.append(f"record: expected at most {LONGEST_LINE} bytes, found {size}" if is_long else problem)
        first = self.records + 1
        self.records += len(found)
        numbers = pa.array(np.arange(first, self.records + 1), pa.int64())
        columns = [numbers, pa.array(texts, pa.string()), pa.array(problems, pa.string())]
        return pa.record_batch(columns, schema=SCHEMA)

    def _check_rest(self, tail: bytes) -> None:
        """Whether the document without its records is JSON; what stands twice or follows it could be lost records."""
        try:
            json.loads((self.before + b"[]" + tail).decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise self._refused(f"something else around its records: {error}") from error

    def _refused(self, found: str) -> ContractError:
        return ContractError(f"{self.path.name}: expected one whole JSON document, found {found}")


@dataclass
class _Scan:
    """
    Cuts the content of a list at the commas between its elements, whatever stands inside of them.

    Only brackets, commas and quotes are looked at, so depth costs nothing and a bad element does not hide the next.
    """

    found: list[tuple[bytes, int]] = field(default_factory=list)
    is_done: bool = False
    _depth: int = 1
    _is_text: bool = False
    _is_escaped: bool = False
    _open: bytes = b""
    _open_size: int = 0
    _is_first: bool = True

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; returns what follows the list's end."""
        content = np.frombuffer(data, dtype=np.uint8)
        marks = self._marks(content)
        kinds = content[marks]
        step = np.isin(kinds, _OPENING).astype(np.int64) - np.isin(kinds, _CLOSING)
        depth = self._depth + np.cumsum(step)
        ends = np.flatnonzero(depth == 0)
        last = int(ends[0]) if len(ends) else len(marks)
        begin = 0
        for place in marks[:last][(kinds[:last] == _COMMA) & (depth[:last] == 1)]:
            self._close(data[begin:place])
            begin = int(place) + 1
        if len(ends):
            self.is_done = True
            self._close(data[begin : int(marks[last])], is_last=True)
            return data[int(marks[last]) + 1 :]
        self._keep(data[begin:])
        self._depth = int(depth[-1]) if len(depth) else self._depth
        return b""

    def taken(self) -> list[tuple[bytes, int]]:
        """The elements found so far, each with its size, of very long ones the beginning; they are given once."""
        found, self.found = self.found, []
        return found

    def _marks(self, content: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Where brackets and commas stand that are not part of a text."""
        quotes = np.flatnonzero(content == _QUOTE)
        escaped = self._escaped(content)
        quotes = quotes[~np.isin(quotes, escaped)]
        marks = np.flatnonzero(np.isin(content, (*_OPENING, *_CLOSING, _COMMA)))
        is_inside = (np.searchsorted(quotes, marks) + self._is_text) % 2 == 1
        self._is_text = bool((len(quotes) + self._is_text) % 2)
        outside: NDArray[np.int64] = marks[~is_inside]
        return outside

    def _escaped(self, content: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Positions behind an odd number of backslashes, of which the first may stand at the end of the last bytes."""
        slashes = np.flatnonzero(content == _BACKSLASH)
        if self._is_escaped:
            slashes = np.concatenate([[-1], slashes])
        begins = np.flatnonzero(np.diff(slashes, prepend=-3) != 1)
        lengths = np.diff(np.append(begins, len(slashes)))
        behind: NDArray[np.int64] = (slashes[begins] + lengths)[lengths % 2 == 1]
        self._is_escaped = bool(len(behind)) and int(behind[-1]) == len(content)
        return behind

    def _keep(self, part: bytes) -> None:
        self._open_size += len(part)
        self._open += part[: max(LONGEST_LINE - len(self._open), 0)]

    def _close(self, part: bytes, *, is_last: bool = False) -> None:
        """An element ends; a list without any has nothing between its brackets."""
        self._keep(part)
        content = self._open.strip(_BLANK)
        if content or not (is_last and self._is_first):
            self.found.append((content, self._open_size))
        self._open, self._open_size, self._is_first = b"", 0, False


@dataclass(frozen=True, slots=True)
class Below:
    """What stands below a key of an object: its value, None where it was not read, and where its text is."""

    start: int
    end: int
    value: object


def value_below(text: str, key: str) -> Below | None:
    """What stands below a key of the object that a text begins with; None without one, or where it cannot be read."""
    for name, start in _keys(text, 0):
        if name == key:
            try:
                value, end = json.JSONDecoder().raw_decode(text, start)
            except (ValueError, RecursionError):
                return None
            return Below(start, end, value)
    return None


def _list_below(text: str, path: str) -> int | None:
    """Where the content of the list at a path of the outermost object begins; None without one in this text."""
    place = _list_at(text, 0, [path])
    return place if place is not None or "." not in path else _list_at(text, 0, path.split("."))


def _list_at(text: str, begin: int, keys: list[str]) -> int | None:
    for name, start in _keys(text, begin):
        if name == keys[0]:
            if len(keys) > 1:
                return _list_at(text, start, keys[1:])
            return start + 1 if text[start : start + 1] == "[" else None
    return None


def _keys(text: str, begin: int) -> Iterator[tuple[str, int]]:
    """The keys of the object at or after a place, each with where its value begins, as far as they can be read."""
    decoder = json.JSONDecoder()
    try:
        place = _past_blank(text, begin)
        if text[place] != "{":
            return
        place += 1
        while True:
            name, place = decoder.raw_decode(text, _past_blank(text, place))
            place = _past_blank(text, place)
            if not isinstance(name, str) or text[place] != ":":
                return
            place = _past_blank(text, place + 1)
            yield name, place
            _, place = decoder.raw_decode(text, place)
            place = _past_blank(text, place)
            if text[place] != ",":
                return
            place += 1
    except (ValueError, IndexError, RecursionError):
        return


def _past_blank(text: str, place: int) -> int:
    while text[place] in " \t\r\n":
        place += 1
    return place


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
