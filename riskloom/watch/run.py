"""One run of a watch: learn from the rows before the newest period what is usual, and judge the period's rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from riskloom.catalog import Domain, Watch
from riskloom.detector import Detector, fit_detector
from riskloom.errors import DetectorError, WatchError
from riskloom.features.views import mart_path
from riskloom.sql import quoted
from riskloom.watch.report import Finding, Reason, WatchReport

FloatArray = NDArray[np.float64]

DECIDED, PEERS = "decision_at", "peer_group"
_ROWS = "rows"
#: More rows than the detector learns from; of more, so many are taken evenly by a hash of their key.
_HISTORY_ROWS = 100_000
_FEWEST_ROWS = 200
_REASONS = 5
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL", "BOOLEAN")


@dataclass(frozen=True)
class _Judged:
    """Rows of a mart: who, when, compared with whom, and the features, shape (rows, features)."""

    keys: list[str]
    decided: list[datetime]
    peers: list[str | None]
    matrix: FloatArray


def run(
    domain: Domain, watch: Watch, marts: Path, *, as_of: datetime, threads: int = 2, memory: str = "2GB"
) -> WatchReport:
    """
    Judge the newest period of a watch's mart that was known at ``as_of``.

    Args:
        domain: Whose watch it is; its training seed draws the detector's samples.
        watch: Declares mart, period, history and what is flagged.
        marts: Where dbt published.
        as_of: Timezone-aware; rows from it on play no part.
        threads: DuckDB's.
        memory: DuckDB's, such as ``2GB``.

    Raises:
        WatchError: The mart is missing, is not as a watch's must be, or holds too few rows to compare with.
    """
    path = mart_path(marts, domain, watch.mart)
    place = f"{domain.name}: watch of {watch.entity}"
    if not path.is_file():
        raise WatchError(f"{place}: expected the mart {path.name}, found none; run `riskloom features build`")
    with duckdb.connect(config={"threads": threads, "memory_limit": memory}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.read_parquet(str(path)).create_view(_ROWS)
        columns = {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE {_ROWS}").fetchall()}
        features = _features(columns, watch, place)
        reader = _Reader(connection, watch, features, has_peers=PEERS in columns)
        end = reader.newest(as_of)
        if end is None:
            raise WatchError(f"{place}: expected rows before {as_of.isoformat()}, found none")
        start = end - watch.period
        history = reader.history(start - watch.history, start)
        judged = reader.rows(start, end)
    if len(history) < _FEWEST_ROWS:
        raise WatchError(
            f"{place}: expected at least {_FEWEST_ROWS} rows to compare with from {start - watch.history} to {start}, "
            f"found {len(history)}"
        )
    try:
        detector = fit_detector(history, seed=domain.training.seed)
    except DetectorError as error:
        raise WatchError(f"{place}: {error}") from error
    return WatchReport(
        domain=domain.name,
        entity=watch.entity,
        as_of=as_of.astimezone(UTC),
        start=start.replace(tzinfo=UTC),
        end=end.replace(tzinfo=UTC),
        rows=len(judged.keys),
        history=len(history),
        one_in=watch.one_in,
        expected=len(judged.keys) / watch.one_in,
        findings=tuple(_findings(detector, judged, history, features, watch)),
    )


def _features(columns: dict[str, str], watch: Watch, place: str) -> list[str]:
    """The numeric columns besides key and time; anything else that the mart has is a mistake in it."""
    lacking = [name for name in (watch.key, DECIDED) if name not in columns]
    if lacking:
        raise WatchError(
            f"{place}: expected the columns {watch.key} and {DECIDED}, found no {' and no '.join(lacking)}"
        )
    features = [name for name in columns if name not in {watch.key, DECIDED, PEERS}]
    for name in features:
        if columns[name].split("(")[0] not in _NUMBERS:
            raise WatchError(f"{place}: column {name}: expected numbers, found {columns[name]}")
    if not features:
        raise WatchError(f"{place}: expected columns with numbers, found none")
    return features


@dataclass(frozen=True)
class _Reader:
    connection: duckdb.DuckDBPyConnection
    watch: Watch
    features: list[str]
    has_peers: bool

    def newest(self, as_of: datetime) -> datetime | None:
        """When the newest row before the instant was known."""
        before = as_of.astimezone(UTC).replace(tzinfo=None)
        query = f"SELECT max({DECIDED}) FROM {_ROWS} WHERE {DECIDED} < $before"  # noqa: S608
        (found,) = self.connection.execute(query, {"before": before}).fetchall()
        newest: datetime | None = found[0]
        return newest

    def history(self, after: datetime, until: datetime) -> FloatArray:
        """Features of at most ``_HISTORY_ROWS`` rows known in ``(after, until]``, in an order of their own."""
        key = quoted(self.watch.key)
        return self._matrix(
            self._select(self._numbers(), f"hash({key}, {DECIDED}), {key}, {DECIDED} LIMIT {_HISTORY_ROWS}"),
            {"after": after, "until": until},
        )

    def rows(self, after: datetime, until: datetime) -> _Judged:
        """The rows known in ``(after, until]``, by key."""
        bounds, order = {"after": after, "until": until}, f"{quoted(self.watch.key)}, {DECIDED}"
        peers = PEERS if self.has_peers else "NULL::VARCHAR"
        who = self._select(f"{quoted(self.watch.key)}, {DECIDED}, {peers}", order)
        found = self.connection.execute(who, bounds).fetchall()
        return _Judged(
            keys=[key for key, _, _ in found],
            decided=[decided.replace(tzinfo=UTC) for _, decided, _ in found],
            peers=[peer_group for _, _, peer_group in found],
            matrix=self._matrix(self._select(self._numbers(), order), bounds),
        )

    def _select(self, columns: str, order: str) -> str:
        # names come from the mart's contract and the declaration; values are bound
        return f"SELECT {columns} FROM {_ROWS} WHERE {DECIDED} > $after AND {DECIDED} <= $until ORDER BY {order}"  # noqa: S608

    def _matrix(self, query: str, bounds: dict[str, datetime]) -> FloatArray:
        """Columns side by side, NaN where a value is missing."""
        columns = self.connection.execute(query, bounds).fetchnumpy()
        return np.column_stack(
            [np.ma.filled(np.ma.asarray(columns[name], dtype=np.float64), np.nan) for name in self.features]
        )

    def _numbers(self) -> str:
        return ", ".join(f"{quoted(name)}::DOUBLE AS {quoted(name)}" for name in self.features)


def _findings(
    detector: Detector, judged: _Judged, history: FloatArray, features: list[str], watch: Watch
) -> Iterator[Finding]:
    """The rows that are as unusual as declared, the most unusual first."""
    one_in = detector.one_in(judged.matrix)
    scores = detector.score(judged.matrix)
    flagged = np.flatnonzero(one_in >= watch.one_in)
    flagged = flagged[np.argsort(-scores[flagged], kind="stable")]
    usual = [_median(column) for column in history.T]
    for row, parts in zip(flagged, detector.contributions(judged.matrix[flagged]), strict=True):
        yield Finding(
            key=judged.keys[row],
            decision_at=judged.decided[row],
            peer_group=judged.peers[row],
            one_in=float(one_in[row]),
            score=float(scores[row]),
            reasons=tuple(_reasons(parts, judged.matrix[row], usual, features)),
        )


def _reasons(parts: FloatArray, values: FloatArray, usual: list[float | None], features: list[str]) -> Iterator[Reason]:
    added = np.maximum(parts, 0)
    for index in np.argsort(-added, kind="stable")[:_REASONS]:
        if added[index] > 0:
            value = float(values[index])
            yield Reason(
                feature=features[index],
                value=None if np.isnan(value) else value,
                usual=usual[index],
                share=float(added[index] / added.sum()),
            )


def _median(column: FloatArray) -> float | None:
    known = column[~np.isnan(column)]
    return float(np.median(known)) if len(known) else None
