"""
A mart's rows into the online store, fast: read by DuckDB, encoded by columns, written in batches.

A batch is there or is not, and of each entity and view the later event time stays: what holds at an earlier one is
left out, what holds at the same is written again, so that a mart that was built anew is what is served. Feast keeps
which ranges were written and is told after the last batch, so a writer that was stopped begins again and loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pyarrow as pa

from riskloom.errors import FeatureError
from riskloom.online.mart import Mart, MartRows, Span, open_mart

#: How far a clock may run behind the one that stamped a row before the row counts as one from the future.
CLOCK_TOLERANCE = timedelta(minutes=5)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Writer(Protocol):
    """Puts rows of one view into an online store."""

    @property
    def rows(self) -> int:
        """How many rows it takes at once."""

    def write(self, rows: pa.RecordBatch) -> None:
        """Take rows, as :meth:`MartRows.batches` gives them; some may be under way when this returns."""

    def finish(self) -> int:
        """Wait until all rows are written; returns how many were not older than what is there."""


@dataclass(frozen=True)
class Written:
    """What came of writing a view: entities whose row was written, and entities of which there is a later one."""

    written: int
    newer: int


def write_mart(mart: Mart, writer: Writer, *, start: datetime, end: datetime, now: datetime) -> Written:
    """
    Write each entity's newest row of a range of event times.

    Args:
        mart: The view and where its rows lie.
        writer: Of the store they go to.
        start: The first event time; timezone-aware, like the others.
        end: The last event time.
        now: The clock.

    Raises:
        FeatureError: A row is dated in the future or before 1970 (nothing is written then), the mart cannot be read, or
            the store does not take the rows.
    """
    span = Span(_microseconds(start), _microseconds(end))
    if span.start_us < 0:
        raise FeatureError(f"{mart.view}: expected a start in 1970 or later, found {start.isoformat()}")
    count = 0
    with open_mart(mart, span) as found:
        _refuse_future(found, now)
        for batch in found.batches(writer.rows):
            writer.write(batch)
            count += len(batch)
    written = writer.finish()
    return Written(written=written, newer=count - written)


def _refuse_future(found: MartRows, now: datetime) -> None:
    """One event dated ahead would keep its entity's values until then."""
    if found.newest_us is not None and found.newest_us > _microseconds(now + CLOCK_TOLERANCE):
        newest = _EPOCH + found.newest_us * _MICROSECOND
        raise FeatureError(
            f"{found.mart.path}: {found.mart.timestamp}: expected times up to now, {now.isoformat()}; "
            f"found {newest.isoformat()}"
        )


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND
