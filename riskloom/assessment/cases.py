"""Cases from a mart as arrays: checked, in one order whatever order they came in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from riskloom.catalog import Assessment, Domain
from riskloom.errors import FeatureError
from riskloom.features import mart_path
from riskloom.training.windows import instant

FloatArray = NDArray[np.float64]
_NUMBERS = {"DOUBLE", "FLOAT", "BIGINT", "INTEGER", "SMALLINT", "TINYINT"}
_TYPES = {
    "key": {"VARCHAR"},
    "amount": {"DECIMAL"},
    "rate": _NUMBERS | {"DECIMAL"},
    "valid": {"BOOLEAN"},
    "payable": {"DECIMAL"},
    "known_at": {"TIMESTAMP"},
}


@dataclass(frozen=True)
class Cases:
    """
    Cases with their features and what became of them; row i is the same case in every array.

    ``claimed`` and ``payable`` are hundredths of the case's currency, ``rate`` turns them into the domain's. Where
    nothing became known, ``payable`` and ``valid`` are -1 and ``known`` is NaT.
    """

    features: tuple[str, ...]
    keys: NDArray[np.object_]
    decided: NDArray[np.datetime64]
    known: NDArray[np.datetime64]
    claimed: NDArray[np.int64]
    payable: NDArray[np.int64]
    rate: FloatArray
    valid: NDArray[np.int8]
    matrix: FloatArray

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Self:
        """Some of the cases, in the given order."""
        arrays = [field.name for field in fields(self) if field.name != "features"]
        return replace(self, **{name: getattr(self, name)[rows] for name in arrays})

    def is_known(self, as_of: datetime) -> NDArray[np.bool_]:
        """Which of them were known to have ended before an instant."""
        return np.asarray(self.known < instant(as_of))  # a comparison with NaT is false

    @property
    def is_usable(self) -> NDArray[np.bool_]:
        """Which of them can be learned from: something was claimed, and both labels are there."""
        return np.asarray((self.claimed > 0) & (self.valid >= 0) & (self.payable >= 0))

    @property
    def share(self) -> FloatArray:
        """What was payable of what was claimed, in [0, 1]; of usable cases."""
        return np.asarray(self.payable / self.claimed, dtype=np.float64)

    @property
    def money(self) -> FloatArray:
        """What is claimed in the domain's currency; NaN where no rate is known."""
        return np.asarray(self.claimed / 100 * self.rate, dtype=np.float64)

    def fingerprint(self) -> str:
        """SHA-256 over names and values."""
        state = hashlib.sha256("\0".join([*self.features, *map(str, self.keys)]).encode())
        for name in ("decided", "known", "claimed", "payable", "rate", "valid", "matrix"):
            values = getattr(self, name)
            state.update(values.astype(np.int64).tobytes() if values.dtype.kind == "M" else (values + 0).tobytes())
        return state.hexdigest()


def read_cases(domain: Domain, assessment: Assessment, marts: Path) -> Cases:
    """
    Read the cases of an assessment from its mart, ordered by decision time and key.

    Raises:
        FeatureError: The mart is missing, lacks a declared column, or holds a value that cannot be; it is named.
    """
    import duckdb  # noqa: PLC0415

    path = mart_path(marts, domain, assessment.mart)
    if not path.is_file():
        raise FeatureError(f"{path} is missing; run `riskloom features build {domain.name}` first")
    with duckdb.connect() as connection:
        described = connection.execute("describe select * from read_parquet($1)", [str(path)]).fetchall()
        types = {str(name): str(kind).split("(")[0] for name, kind, *_ in described}
        problems = list(_misfits(assessment, types))
        if problems:
            raise FeatureError("\n".join(f"{path.name}: {problem}" for problem in problems))
        features = tuple(name for name, kind in types.items() if kind in _NUMBERS and name not in assessment.columns)
        columns = connection.execute(_query(assessment, features), [str(path)]).fetchnumpy()
    cases = _from_columns(features, columns)
    problems = list(_impossible(assessment, cases, _nulls(columns)))
    if problems:
        raise FeatureError("\n".join(f"{path.name}: {problem}" for problem in problems))
    return cases


def _misfits(assessment: Assessment, types: Mapping[str, str]) -> Iterator[str]:
    """Declared columns that the mart has not, or of another type."""
    expected = {getattr(assessment, part): kinds for part, kinds in _TYPES.items() if getattr(assessment, part)}
    expected["decision_at"] = {"TIMESTAMP"}
    for name, kinds in expected.items():
        if name not in types:
            yield f"{name}: expected a column of this name, found {', '.join(types)}"
        elif types[name] not in kinds:
            yield f"{name}: expected a column of type {' or '.join(sorted(kinds))}, found {types[name]}"
    if not any(kind in _NUMBERS and name not in assessment.columns for name, kind in types.items()):
        yield "expected at least one column of a number that is a feature, found none"


def _query(assessment: Assessment, features: tuple[str, ...]) -> str:
    rate = "1.0" if assessment.rate is None else f'cast("{assessment.rate}" as double)'
    parts = [
        f'"{assessment.key}" as "key"',
        "decision_at as decided",
        f'"{assessment.known_at}" as known',
        f'cast(round("{assessment.amount}" * 100) as bigint) as claimed',
        f'cast(round("{assessment.payable}" * 100) as bigint) as payable',
        f"{rate} as rate",
        f'cast("{assessment.valid}" as tinyint) as valid',
        *(f'cast("{name}" as double) as "feature {name}"' for name in features),
    ]
    return f'select {", ".join(parts)} from read_parquet($1) order by decision_at, "{assessment.key}"'  # noqa: S608 - names are slugs or the mart's own


def _from_columns(features: tuple[str, ...], columns: Mapping[str, Any]) -> Cases:
    def filled(name: str, value: Any, kind: str) -> Any:
        return np.asarray(np.ma.filled(columns[name], value)).astype(kind)

    matrix = [filled(f"feature {name}", np.nan, "f8") for name in features]
    return Cases(
        features=features,
        keys=np.asarray(np.ma.filled(columns["key"], ""), dtype=object),
        decided=filled("decided", np.datetime64("NaT"), "M8[us]"),
        known=filled("known", np.datetime64("NaT"), "M8[us]"),
        claimed=filled("claimed", -1, "i8"),
        payable=filled("payable", -1, "i8"),
        rate=filled("rate", np.nan, "f8"),
        valid=filled("valid", -1, "i1"),
        matrix=np.column_stack(matrix),
    )


def _nulls(columns: Mapping[str, Any]) -> dict[str, int]:
    return {name: int(np.ma.getmaskarray(columns[name]).sum()) for name in ("key", "decided", "claimed")}


def _impossible(assessment: Assessment, cases: Cases, nulls: Mapping[str, int]) -> Iterator[str]:
    """What no case can hold, with how many do."""
    names = {"key": assessment.key, "decided": "decision_at", "claimed": assessment.amount}
    for part, count in nulls.items():
        if count:
            yield f"{names[part]}: expected a value in every row, found {count} without"
    if (repeated := len(cases) - len(set(cases.keys))) > 0:
        yield f"{assessment.key}: expected one row a case, found {repeated} that repeat one"
    if (below := int((cases.claimed < 0).sum()) - nulls["claimed"]) > 0:
        yield f"{assessment.amount}: expected amounts from 0 on, found {below} below"
    is_closed = ~np.isnat(cases.known)
    if (early := int((cases.known[is_closed] < cases.decided[is_closed]).sum())) > 0:
        yield f"{assessment.known_at}: expected nothing to be known before its case, found {early} rows"
    if (above := int((cases.payable > cases.claimed).sum())) > 0:
        yield f"{assessment.payable}: expected at most {assessment.amount}, found {above} above"
    if (unknown := int(((cases.valid >= 0) & ~is_closed).sum())) > 0:
        yield f"{assessment.valid}: expected nothing while {assessment.known_at} is empty, found {unknown} values"
    infinite = [name for name, values in zip(cases.features, cases.matrix.T, strict=True) if np.isinf(values).any()]
    if infinite:
        yield f"{', '.join(infinite)}: expected numbers, found infinity; a missing value is null"
