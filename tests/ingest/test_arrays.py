"""Arrays of one length that belong together: rows of them, parts of them, and what was known before an instant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from riskloom.ingest.arrays import Columns, known_before


@dataclass(frozen=True, slots=True)
class Parcels(Columns):
    """Two columns."""

    number: NDArray[np.int64]
    is_late: NDArray[np.bool_]


PARCELS = Parcels(np.array([4, 5, 6]), np.array([True, False, True]))


@pytest.mark.parametrize("rows", [np.array([2, 0]), np.array([True, False, True]), slice(1, None)])
def test_rows_are_taken_of_every_column(rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> None:
    """By number, by mask or from one to another; what comes of it is of the same kind."""
    found = PARCELS.take(rows)
    assert type(found) is Parcels
    assert found.number.tolist() == np.array([4, 5, 6])[rows].tolist()
    assert found.is_late.tolist() == np.array([True, False, True])[rows].tolist()


def test_parts_are_joined_in_their_order() -> None:
    """Column by column, each with its type."""
    found = Parcels.joined([PARCELS, PARCELS.take(slice(0, 1))])
    assert found.number.tolist() == [4, 5, 6, 4]
    assert found.is_late.tolist() == [True, False, True, True]
    assert found.is_late.dtype == np.bool_


def test_what_is_observed_at_the_end_or_later_is_not_known() -> None:
    """The rest comes by time, and rows observed together stay in their order."""
    assert known_before(np.array([30, 10, 20, 10, 40]), 30).tolist() == [1, 3, 2]
