"""A training set as arrays: checked, in one order whatever order it came in, and with a fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from riskloom.catalog import Domain
from riskloom.errors import TrainingError

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]
_MICROSECONDS = "datetime64[us]"


@dataclass(frozen=True)
class LabelledRows:
    """Decisions with their features and what turned out to be true; row i is the same decision in every array."""

    features: tuple[str, ...]
    matrix: FloatArray
    labels: NDArray[np.int8]
    amounts: FloatArray
    groups: NDArray[np.int64]
    decided: NDArray[np.datetime64]
    label_observed: NDArray[np.datetime64]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def positives(self) -> int:
        """How many rows are positive."""
        return int(self.labels.sum())

    @property
    def days(self) -> NDArray[np.int64]:
        """The day (UTC) of each decision, counted from 1970-01-01."""
        return self.decided.astype("datetime64[D]").astype(np.int64)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Self:
        """Some of the rows, in the given order."""
        return replace(
            self,
            matrix=self.matrix[rows],
            labels=self.labels[rows],
            amounts=self.amounts[rows],
            groups=self.groups[rows],
            decided=self.decided[rows],
            label_observed=self.label_observed[rows],
        )


def labelled_rows(domain: Domain, frame: pd.DataFrame, features: Sequence[str]) -> LabelledRows:
    """
    Turn a training set's frame into arrays, ordered by decision time and subject key.

    Args:
        domain: Names the columns for key, group and amount.
        frame: One row a decision: key, group, amount, ``decision_at``, ``label``, ``label_observed_at``, features.
        features: The columns a model may use, in order.

    Raises:
        TrainingError: A column is missing, a subject occurs twice, or a value is one no model can take.
    """
    import pandas as pd  # noqa: PLC0415

    subject = domain.subject
    fixed = [subject.key, subject.group, subject.amount, "decision_at", "label", "label_observed_at"]
    missing = [name for name in dict.fromkeys([*fixed, *features]) if name not in frame.columns]
    if missing:
        raise TrainingError(f"the training set lacks the columns {', '.join(missing)}")
    if frame.empty:
        raise TrainingError("the training set has no rows: is there history before as_of?")
    frame = frame.sort_values(["decision_at", subject.key], kind="stable")
    if (repeated := int(frame[subject.key].duplicated().sum())) > 0:
        raise TrainingError(f"{repeated} rows of the training set repeat a {subject.key}: expected one row a decision")
    codes, _ = pd.factorize(frame[subject.group], sort=True)
    rows = LabelledRows(
        features=tuple(features),
        matrix=np.ascontiguousarray(frame[list(features)].to_numpy(dtype=np.float64)),
        labels=frame["label"].to_numpy(dtype=np.int8),
        amounts=frame[subject.amount].to_numpy(dtype=np.float64),
        groups=codes.astype(np.int64),
        decided=frame["decision_at"].to_numpy(dtype=_MICROSECONDS),
        label_observed=frame["label_observed_at"].to_numpy(dtype=_MICROSECONDS),
        fingerprint=_fingerprint(frame, fixed, features),
    )
    _check_values(rows)
    return rows


def _check_values(rows: LabelledRows) -> None:
    if not np.isin(rows.labels, (0, 1)).all():
        raise TrainingError(f"label: expected 0 or 1, found {sorted(set(rows.labels.tolist()) - {0, 1})}")
    if not (np.isfinite(rows.amounts) & (rows.amounts >= 0)).all():
        raise TrainingError("amounts: expected numbers from 0 on in every row")
    infinite = [name for name, values in zip(rows.features, rows.matrix.T, strict=True) if np.isinf(values).any()]
    if infinite:
        raise TrainingError(f"features with infinite values: {', '.join(infinite)}; a missing value is NaN")


def _fingerprint(frame: pd.DataFrame, fixed: Sequence[str], features: Sequence[str]) -> str:
    """SHA-256 over names and values of the ordered rows; the order they came in plays no part."""
    state = hashlib.sha256()
    texts = set(fixed[:2])
    times = {"decision_at", "label_observed_at"}
    for name in dict.fromkeys([*fixed, *features]):
        state.update(f"{name}:{len(frame)}\n".encode())
        if name in texts:
            state.update("\0".join(frame[name].astype(str)).encode())
        elif name in times:
            state.update(frame[name].to_numpy(dtype=_MICROSECONDS).astype(np.int64).tobytes())
        else:
            values = frame[name].to_numpy(dtype=np.float64) + 0.0  # -0.0 and 0.0 are one value
            values[np.isnan(values)] = np.nan  # and so are all NaNs
            state.update(values.tobytes())
    return state.hexdigest()
