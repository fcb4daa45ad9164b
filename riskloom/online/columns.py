"""Columns of keys, values and times in Feast's online layout: as ``layout`` says it of one, for a batch at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from riskloom.online import layout
from riskloom.online.layout import TAGS, ValueKind

_VARINT_SIZE = 10  # the longest integer of 64 bits
_MORE, _SEVEN = np.uint64(0x80), np.uint64(0x7F)

#: A row of bytes for each value, and how many of them count.
_Padded = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]


def entity_keys(join_key: str, values: pa.Array, *, project: str = "") -> pa.Array:
    """
    The keys of entities.

    Args:
        join_key: The entity's join key.
        values: Strings, none of them null.
        project: With it these are Redis's keys, without it SQLite's.
    """
    text = values.cast(pa.binary())
    lengths = pc.binary_length(text).to_numpy(zero_copy_only=False).astype("<u4")
    sized = pa.FixedSizeBinaryArray.from_buffers(pa.binary(4), len(text), [None, pa.py_buffer(lengths)])
    return _joined(layout.entity_key_prefix(join_key), sized.cast(pa.binary()), text, project.encode())


def value_column(kind: ValueKind, values: pa.Array) -> pa.Array:
    """Values of one feature as Feast keeps them: never null, no bytes for null and NaN."""
    if kind == "string":
        return _strings(values)
    numbers = values.cast(pa.uint8()) if kind == "bool" else values
    present = values.is_valid().to_numpy(zero_copy_only=False)
    rows, lengths = _PADDED[kind](numbers.fill_null(0).to_numpy(zero_copy_only=False))
    tagged = np.empty((len(rows), rows.shape[1] + 1), np.uint8)
    tagged[:, 0], tagged[:, 1:] = TAGS[kind], rows
    return _cut(tagged, np.where(present & (lengths > 0), lengths + 1, 0))


def time_column(at_us: pa.Array, encoded: Callable[[int], Any], kind: pa.DataType) -> pa.Array:
    """Times as a function of ``layout`` encodes them; a batch has few different ones."""
    found = at_us.dictionary_encode()
    return pa.array([encoded(each) for each in found.dictionary.to_pylist()], kind).take(found.indices)


def bulk_strings(values: pa.Array) -> pa.Array:
    """Bytes as arguments in Redis's protocol: ``$length``, the bytes, each followed by a new line."""
    lengths = pc.binary_length(values).cast(pa.string()).cast(pa.binary())
    return _joined(b"$", lengths, b"\r\n", values, b"\r\n")


def side_by_side(*columns: pa.Array) -> pa.Array:
    """The bytes of several columns, row by row, one after the other."""
    return _joined(*columns)


def _joined(*parts: Any) -> pa.Array:
    return pc.binary_join_element_wise(*(pa.scalar(p, pa.binary()) if isinstance(p, bytes) else p for p in parts), b"")


def _strings(values: pa.Array) -> pa.Array:
    text = values.fill_null("").cast(pa.binary())
    sizes = _cut(*_varints(pc.binary_length(text).to_numpy(zero_copy_only=False)))
    encoded = _joined(bytes((TAGS["string"],)), sizes, text)
    return pc.if_else(values.is_valid(), encoded, pa.scalar(b"", pa.binary()))


def _doubles(values: npt.NDArray[Any]) -> _Padded:
    return _floats(values.astype("<f8"))


def _singles(values: npt.NDArray[Any]) -> _Padded:
    return _floats(values.astype("<f4"))


def _floats(numbers: npt.NDArray[Any]) -> _Padded:
    rows = numbers.view(np.uint8).reshape(len(numbers), numbers.itemsize)
    return rows, np.where(np.isnan(numbers), 0, numbers.itemsize)


def _varints(values: npt.NDArray[Any]) -> _Padded:
    """Integers of 64 bits, seven bits a byte, lowest first; negative ones as their two's complement."""
    rest = values.astype(np.int64).view(np.uint64)
    rows = np.zeros((len(rest), _VARINT_SIZE), np.uint8)
    lengths = np.ones(len(rest), np.int64)
    for place in range(_VARINT_SIZE):
        digits, rest = rest & _SEVEN, rest >> np.uint64(7)
        goes_on = rest > 0
        rows[:, place] = np.where(goes_on, digits | _MORE, digits)
        lengths += goes_on
        if not goes_on.any():
            break
    return rows, lengths


def _cut(rows: npt.NDArray[np.uint8], lengths: npt.NDArray[np.int64]) -> pa.Array:
    """The first ``lengths`` bytes of each row, as an Arrow array of bytes."""
    counted = np.arange(rows.shape[1]) < lengths[:, None]
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(rows[counted])]
    return pa.BinaryArray.from_buffers(pa.binary(), len(lengths), buffers)


_PADDED: dict[ValueKind, Callable[[npt.NDArray[Any]], _Padded]] = {
    "double": _doubles,
    "float": _singles,
    "int64": _varints,
    "int32": _varints,
    "bool": _varints,
    "unix_timestamp": _varints,
}
