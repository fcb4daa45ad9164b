"""Which days a fold trains on and tests on, and which test rows count (handbook, section 3.4 and 5.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from riskloom.errors import ConfigError

TRAIN_DAYS = 7
DELAY_DAYS = 7
TEST_DAYS = 7


@dataclass(frozen=True, slots=True, order=True)
class Fold:
    """One fold: train on seven days from ``start``, wait seven for the labels, test the next seven."""

    start: date

    @property
    def train_end(self) -> date:
        """First day after training."""
        return self.start + timedelta(days=TRAIN_DAYS)

    @property
    def test_start(self) -> date:
        """First day of the test, when all labels of the training days are known."""
        return self.train_end + timedelta(days=DELAY_DAYS)

    @property
    def test_end(self) -> date:
        """First day after the test."""
        return self.test_start + timedelta(days=TEST_DAYS)


def parse_starts(text: str) -> tuple[Fold, ...]:
    """
    Read fold starts, ``2018-05-30,2018-06-06``, in order of time.

    Raises:
        ConfigError: A start is no ISO date, stands there twice, or there is none.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    try:
        starts = [date.fromisoformat(part) for part in parts]
    except ValueError as error:
        raise ConfigError(f"--starts: expected ISO dates such as 2018-05-30,2018-06-06, found {text!r}") from error
    if not starts or len(set(starts)) < len(starts):
        raise ConfigError(f"--starts: expected one or more different dates, found {text!r}")
    return tuple(sorted(map(Fold, starts)))


def check_folds(folds: Sequence[Fold], first_day: date, last_day: date) -> None:
    """
    Refuse folds for which the data has no days.

    Args:
        folds: The test folds.
        first_day: First day with transactions.
        last_day: Last day with transactions.

    Raises:
        ConfigError: A fold trains before the first day or tests after the last.
    """
    for fold in folds:
        last_tested = fold.test_end - timedelta(days=1)
        if fold.start < first_day or last_tested > last_day:
            raise ConfigError(
                f"--starts: the fold {fold.start} needs transactions from {fold.start} to {last_tested}; "
                f"expected days within the data, found data from {first_day} to {last_day}"
            )


def validation_folds(first: Fold, first_day: date, *, count: int = 4) -> tuple[Fold, ...]:
    """
    The folds on which settings are chosen before ``first`` is tested (prequential validation, section 5.2).

    Their test weeks end seven days before ``first`` is tested or earlier, so every label they use was known by then.

    Raises:
        ConfigError: The data does not begin early enough for one such fold.
    """
    latest = first.start - timedelta(days=DELAY_DAYS + TEST_DAYS)
    starts = [latest - timedelta(days=TEST_DAYS * index) for index in range(count)]
    folds = tuple(sorted(Fold(start) for start in starts if start >= first_day))
    if not folds:
        raise ConfigError(
            f"--starts: the tuned baseline chooses its settings on an earlier fold that starts by {latest}; "
            f"expected data from {latest} or earlier, found data from {first_day}"
        )
    return folds


def training_rows(transactions: pd.DataFrame, fold: Fold) -> pd.DataFrame:
    """The rows of the fold's training days; ``transactions`` has ``day`` (datetime64)."""
    return transactions[_between(transactions, fold.start, fold.train_end)]


def test_rows(transactions: pd.DataFrame, fold: Fold) -> pd.DataFrame:
    """
    The rows of the fold's test days, without the cards known by then to be compromised.

    Known on the n-th test day (n from 0) are the cards with a fraud in the training days or, cumulatively, on the day
    ``delay + 1`` before each test day so far. Frauds that fall between the end of training and that day are not known.

    Args:
        transactions: One row per transaction with ``day`` (datetime64), ``customer_id``, ``is_fraud`` (0 or 1).
        fold: The fold to test.

    Returns:
        The rows that count, in the order of ``transactions``.
    """
    frauds = transactions.loc[transactions["is_fraud"] == 1, ["day", "customer_id"]]
    usable = frauds[_between(frauds, fold.start, fold.test_end)]
    # seven days of delay, and what becomes known during a day is used from the next one on
    first_known = usable.groupby("customer_id")["day"].min() + timedelta(days=DELAY_DAYS + 1)
    rows = transactions[_between(transactions, fold.test_start, fold.test_end)]
    known_from = pd.to_datetime(rows["customer_id"].map(first_known))
    return rows[~(known_from <= rows["day"])]


def _between(frame: pd.DataFrame, start: date, end: date) -> pd.Series[bool]:
    return (frame["day"] >= pd.Timestamp(start)) & (frame["day"] < pd.Timestamp(end))
