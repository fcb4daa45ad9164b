"""What values the features of a domain usually have: a summary of its newest decisions, kept for some minutes."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from riskloom.ledger.schema import Decision

#: So many decisions are a population: reading them takes some hundredths of a second.
NEWEST = 2_000
#: With fewer values nothing is said of what is usual.
FEWEST = 50
_KEPT = timedelta(minutes=10)
_BINS = 24
#: The bars span the values between these quantiles: one outlier would leave all others in one bar.
_SPAN = (0.01, 0.99)

Values = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Standing:
    """
    A value among those of other decisions.

    Attributes:
        heights: Of the bars, each relative to the highest; shape (bins,).
        place: Where the value lies between the first bar's begin and the last one's end, 0 to 1.
        below: Share of the others that are smaller, those that are equal counting half.
        size: How many others.
    """

    heights: tuple[float, ...]
    place: float
    below: float
    size: int


class Populations:
    """The newest decisions' features by domain, read at first use and again when they are some minutes old."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[datetime, Values]] = {}

    def of(self, session: Session, domain: str, *, at: datetime) -> Values:
        """
        The sorted values of each feature of a domain; missing ones are left out.

        Args:
            session: Of a reading transaction.
            domain: Whose.
            at: The time, timezone-aware.
        """
        with self._lock:
            known = self._kept.get(domain)
            if known is None or at - known[0] >= _KEPT:
                known = self._kept[domain] = (at, _newest(session, domain))
            return known[1]


def standing(values: Values, feature: str, value: float | None) -> Standing | None:
    """Where a feature's value stands; None where it is missing, or too few others are known."""
    known = values.get(feature)
    if known is None or value is None or known.size < FEWEST:
        return None
    low, high = np.quantile(known, _SPAN)
    if low == high:  # nearly all are the same: the span then takes in whoever is not
        low, high = min(known[0], value), max(known[-1], value)
    if low == high:
        low, high = low - 0.5, high + 0.5
    counts, _ = np.histogram(np.clip(known, low, high), bins=_BINS, range=(low, high))
    left, right = np.searchsorted(known, value, "left"), np.searchsorted(known, value, "right")
    return Standing(
        heights=tuple((counts / counts.max()).tolist()),
        place=float(np.clip((value - low) / (high - low), 0, 1)),
        below=float((left + right) / 2 / known.size),
        size=int(known.size),
    )


def _newest(session: Session, domain: str) -> Values:
    statement = (
        select(Decision.features)
        .where(Decision.domain == domain)
        .order_by(Decision.decided_at.desc(), Decision.decision_id.desc())
        .limit(NEWEST)
    )
    rows: Sequence[Mapping[str, float | None]] = session.scalars(statement).all()
    names = {name for row in rows for name in row}
    return {name: np.sort([value for row in rows if (value := row.get(name)) is not None]) for name in names}
