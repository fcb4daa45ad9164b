"""
What simulators are made of: arrays of one length that belong together, and such arrays as Arrow columns of a contract's
types, without a Python object a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Columns:
    """Base of dataclasses whose fields are arrays with a row each for the same things."""

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64] | slice) -> Self:
        """What is at ``rows``, by mask, by number or from one to another."""
        return type(self)(*(getattr(self, one.name)[rows] for one in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The rows of all parts, one after the other; there is at least one part."""
        return cls(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(cls)))


def known_before(observed: NDArray[np.int64], end: int) -> NDArray[np.int64]:
    """The numbers of the rows observed before an instant, by time; rows observed together keep their order."""
    order = np.argsort(observed, kind="stable")
    return order[observed[order] < end]


def identifiers(prefix: str, numbers: NDArray[np.int64], *, width: int = 7) -> pa.Array:
    """Numbers as text such as ``c-0000123``; a negative number is a null."""
    column = pa.array(numbers, mask=numbers < 0)
    digits = pc.utf8_lpad(pc.cast(column, pa.string()), width, "0")
    return pc.binary_join_element_wise(pa.scalar(prefix), digits, "-")


def choices(names: tuple[str, ...], codes: NDArray[np.integer]) -> pa.Array:
    """Codes as the names they stand for; a negative code is a null."""
    return pa.array(names, pa.string()).take(pa.array(codes, mask=codes < 0))


def timestamps(microseconds: NDArray[np.int64]) -> pa.Array:
    """Microseconds since 1970 (UTC) as timestamps."""
    return pa.array(microseconds.astype("datetime64[us]"), pa.timestamp("us"))


def money(cents: NDArray[np.int64], *, precision: int = 18) -> pa.Array:
    """Amounts in hundredths (not negative) as exact decimals of scale 2."""
    return decimals(cents, scale=2, precision=precision)


def decimals(units: NDArray[np.int64], *, scale: int, precision: int = 18) -> pa.Array:
    """Whole numbers of the smallest unit (not negative), such as thousandths, as exact decimals of that scale."""
    # A 128-bit little-endian number whose upper half is zero is the lower half followed by eight zero bytes.
    words = np.zeros((len(units), 2), dtype="<i8")
    words[:, 0] = units
    return pa.Array.from_buffers(pa.decimal128(precision, scale), len(units), [None, pa.py_buffer(words)])
