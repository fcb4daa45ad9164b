"""The handbook's transactions with its own fifteen features, read from any directory of Parquet."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from riskloom.errors import ConfigError

#: What is read; ``TX_FRAUD_SCENARIO``, which says how a fraud was simulated, is not among it.
COLUMNS = ("TRANSACTION_ID", "TX_DATETIME", "CUSTOMER_ID", "TERMINAL_ID", "TX_AMOUNT", "TX_FRAUD")

_WINDOW_DAYS = (1, 7, 30)
_DELAY_DAYS = 7

FEATURES = (
    "amount",
    "is_weekend",
    "is_night",
    *(f"customer_{kind}_{days}d" for days in _WINDOW_DAYS for kind in ("count", "average")),
    *(f"terminal_{kind}_{days}d" for days in _WINDOW_DAYS for kind in ("count", "risk")),
)


def find_files(folder: Path) -> tuple[Path, ...]:
    """
    The Parquet files of a directory, by name, each checked to have the columns that are read.

    Raises:
        ConfigError: No such directory, no Parquet in it, or a file that is not Parquet or lacks a column.
    """
    if not folder.is_dir():
        raise ConfigError(f"--data: expected a directory with Parquet files, found no directory {folder}")
    files = tuple(sorted(folder.glob("*.parquet")))
    if not files:
        raise ConfigError(f"--data: expected Parquet files (*.parquet) in {folder}, found none")
    for path in files:
        try:
            found = pq.read_schema(path).names
        except pa.ArrowInvalid as error:
            raise ConfigError(f"{path}: expected a Parquet file, found something else ({error})") from error
        missing = [name for name in COLUMNS if name not in found]
        if missing:
            raise ConfigError(f"{path}: expected the columns {', '.join(COLUMNS)}; missing: {', '.join(missing)}")
    return files


def read_transactions(files: tuple[Path, ...], *, threads: int = 2) -> pd.DataFrame:
    """
    Read all transactions and compute the handbook's features on them (section 3.3).

    Customer windows are ``(t - w, t]`` and hold the transaction itself; of transactions of one customer at one instant
    each sees those with a smaller identifier. Terminal windows are ``(t - 7d - w, t - 7d]``; risk is the share of
    frauds there, 0 where there were none.

    Returns:
        One row per transaction in the order of time and identifier: ``transaction_id``, ``customer_id`` (strings),
        ``occurred_at`` (UTC, naive), ``day`` (midnight of it), ``is_fraud`` (int8) and ``FEATURES`` (float64).

    Raises:
        ConfigError: A value is missing, a transaction occurs twice, or there are no rows.
    """
    with duckdb.connect(config={"threads": threads}) as connection:
        connection.execute(_TRANSACTIONS, [[str(path) for path in files]])
        _check_rows(connection)
        return connection.execute(_features_query()).df()


def days_of(transactions: pd.DataFrame) -> tuple[date, date]:
    """First and last day with transactions."""
    return transactions["day"].min().date(), transactions["day"].max().date()


_TRANSACTIONS = """
create temp table transactions as
select
    cast(TRANSACTION_ID as varchar) as transaction_id,
    cast(CUSTOMER_ID as varchar) as customer_id,
    cast(TERMINAL_ID as varchar) as terminal_id,
    cast(TX_DATETIME as timestamp) as occurred_at,
    cast(TX_AMOUNT as double) as amount,
    cast(TX_FRAUD as tinyint) as is_fraud,
    row_number() over (order by TX_DATETIME, TRANSACTION_ID) as position
from read_parquet(?, union_by_name = true)
"""


def _check_rows(connection: duckdb.DuckDBPyConnection) -> None:
    found = connection.execute(
        """
        select
            count(*),
            count(distinct transaction_id),
            count(*) filter (
                where not (transaction_id is null or customer_id is null or terminal_id is null
                    or occurred_at is null or amount is null or is_fraud is null)
            )
        from transactions
        """
    ).fetchone()
    rows, ids, complete = found or (0, 0, 0)
    if rows == 0:
        raise ConfigError("--data: expected transactions, found files without rows")
    if complete < rows:
        raise ConfigError(
            f"--data: expected a value in each of {', '.join(COLUMNS)}, found {rows - complete} rows without"
        )
    if ids < rows:
        raise ConfigError(f"--data: expected each TRANSACTION_ID once, found {rows - ids} rows that repeat one")


def _features_query() -> str:
    """
    The query for ``FEATURES``.

    ``axis`` is the time in nanoseconds plus the position among the transactions of the same instant, so that a frame
    over it includes a row's earlier equals and not its later ones, as a pandas rolling window by time does.
    """
    columns, windows = [], []
    for days in _WINDOW_DAYS:
        columns += [
            f"cast(count(*) over customer_{days}d as double) as customer_count_{days}d",
            f"avg(amount) over customer_{days}d as customer_average_{days}d",
            f"cast(count(*) over terminal_{days}d as double) as terminal_count_{days}d",
            f"coalesce(avg(is_fraud) over terminal_{days}d, 0) as terminal_risk_{days}d",
        ]
        windows += [
            f"customer_{days}d as ({_frame('customer', days, 0)} and current row)",
            f"terminal_{days}d as ({_frame('terminal', days, _DELAY_DAYS)} and {_delayed()})",
        ]
    return f"""
    with
    numbered as (
        select
            *,
            row_number() over (partition by customer_id, occurred_at order by position) - 1 as customer_tie,
            row_number() over (partition by terminal_id, occurred_at order by position) - 1 as terminal_tie
        from transactions
    ),
    placed as (
        select
            *,
            epoch_us(occurred_at) * 1000 + customer_tie as customer_axis,
            epoch_us(occurred_at) * 1000 + terminal_tie as terminal_axis
        from numbered
    ),
    featured as (
        select
            position, transaction_id, customer_id, occurred_at, is_fraud, amount,
            cast(date_trunc('day', occurred_at) as timestamp) as day,
            cast(isodow(occurred_at) >= 6 as double) as is_weekend,
            cast(hour(occurred_at) <= 6 as double) as is_night,
            {", ".join(columns)}
        from placed
        window {", ".join(windows)}
    )
    select transaction_id, customer_id, occurred_at, day, is_fraud, {", ".join(FEATURES)}
    from featured
    order by position
    """  # noqa: S608 - built from the constants above only


def _frame(entity: str, days: int, delay_days: int) -> str:
    """A frame's partition, order and open lower bound: after the instant ``days + delay_days`` before."""
    begin = f"{_nanoseconds(days + delay_days)} - 1000 + {entity}_tie preceding"
    return f"partition by {entity}_id order by {entity}_axis range between {begin}"


def _delayed() -> str:
    """The closed upper bound of terminal windows: all transactions of the instant seven days before."""
    return f"{_nanoseconds(_DELAY_DAYS)} - 999 + terminal_tie preceding"


def _nanoseconds(days: int) -> int:
    return days * 86_400 * 1_000_000_000
