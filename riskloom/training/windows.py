"""Which decisions a model may learn from and which it is judged on, as they were known at one instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from riskloom.catalog import Domain
from riskloom.errors import LeakageError, TrainingError
from riskloom.registry import Windows

Times = NDArray[np.datetime64]


@dataclass(frozen=True)
class TrainingWindows:
    """
    Fit on ``[fit_start, fit_end)``, judge on ``[fit_end, holdout_end)``; all timezone-aware.

    Every label of either window is mature at ``as_of``: silence about a decision made then means «no».
    """

    as_of: datetime
    fit_start: datetime
    fit_end: datetime
    holdout_end: datetime

    def to_manifest(self) -> Windows:
        """The windows as a manifest states them."""
        return Windows(
            fit_start=isoformat(self.fit_start),
            fit_end=isoformat(self.fit_end),
            holdout_start=isoformat(self.fit_end),
            holdout_end=isoformat(self.holdout_end),
        )


@dataclass(frozen=True)
class Fold:
    """One split of the rows that a setting is judged on: positions to learn from and positions to predict."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]


def training_windows(domain: Domain, as_of: datetime) -> TrainingWindows:
    """
    The windows of a training at ``as_of``: the newest holdout whose labels are mature, and the history before it.

    Raises:
        TrainingError: ``as_of`` has no time zone.
    """
    if as_of.tzinfo is None:
        raise TrainingError(f"as_of needs a time zone, found {as_of.isoformat()}")
    holdout_end = as_of.astimezone(UTC) - domain.label.maturity
    fit_end = holdout_end - domain.training.holdout
    return TrainingWindows(as_of.astimezone(UTC), fit_end - domain.training.history, fit_end, holdout_end)


def check_matured(decided: Times, label_observed: Times, *, as_of: datetime, maturity: timedelta) -> None:
    """
    Refuse rows whose label could not be known yet.

    Args:
        decided: When each decision was made (naive UTC), shape (rows,).
        label_observed: When each label was learned; NaT where silence is the label.
        as_of: Everything used must have been known before this instant.
        maturity: How long silence must last to mean «no».

    Raises:
        LeakageError: A row is younger than that, or its label was observed at ``as_of`` or later.
    """
    late = label_observed[~np.isnat(label_observed)] >= instant(as_of)
    if late.any():
        raise LeakageError(f"{late.sum()} labels were observed at or after as_of {isoformat(as_of)}: not known then")
    young = decided >= instant(as_of - maturity)
    if young.any():
        days = maturity / timedelta(days=1)
        raise LeakageError(
            f"{young.sum()} decisions are younger than {days:g} days at as_of {isoformat(as_of)}: "
            "their labels are not mature"
        )


def time_folds(decided: Times, *, holdout: timedelta, gap: timedelta, count: int) -> list[Fold]:
    """
    Split rows into folds that only ever predict the future.

    The newest ``count`` stretches of ``holdout`` are predicted, each from what lies at least ``gap`` before it: when
    its first decision was made, younger labels were not known. Where the history is too short for that, the stretches
    are shortened evenly; the gap never is.

    Args:
        decided: When each decision was made, rising, shape (rows,).
        holdout: Length of a stretch.
        gap: Maturity of the labels.
        count: How many folds.

    Raises:
        TrainingError: The history is not longer than the gap.
    """
    first, end = decided[0], decided[-1] + np.timedelta64(1, "us")
    room = (end - first) - np.timedelta64(gap)
    if room <= np.timedelta64(0, "us"):
        raise TrainingError(
            f"a history of {_days(end - first):.1f} days leaves nothing to learn from: "
            f"labels take {_days(np.timedelta64(gap)):g} days to mature"
        )
    length = min(np.timedelta64(holdout).astype("m8[us]"), room // (count + 1))
    folds = []
    for number in range(count):
        stop = end - number * length
        start = stop - length
        train = np.flatnonzero(decided < start - np.timedelta64(gap))
        test = np.flatnonzero((decided >= start) & (decided < stop))
        folds.append(Fold(train, test))
    return folds


def instant(at: datetime) -> np.datetime64:
    """A timezone-aware instant as numpy and Parquet hold it: naive, meaning UTC, microseconds."""
    return np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "us")


def isoformat(at: datetime) -> str:
    """An instant as ISO 8601 in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _days(span: np.timedelta64) -> float:
    return float(span / np.timedelta64(1, "D"))
