"""Made-up cases whose payable share is known in law: features, two labels that come late, and some that stay open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from riskloom.assessment import Cases
from riskloom.catalog import Assessment, Domain, load_catalog
from riskloom.features import mart_path
from riskloom.ingest.arrays import money

START = datetime(2026, 1, 1, tzinfo=UTC)
AS_OF = START + timedelta(days=200)
DAY = 86_400_000_000
FEATURES = ("signal", "spread", "noise", "level")

ASSESSMENT = Assessment.model_validate(
    {
        "entity": "claim",
        "mart": "claim_cases",
        "key": "claim_id",
        "description": "A claim of a test's own: is it valid, and what is payable.",
        "amount": "asked_amount",
        "rate": "rate",
        "valid": "is_valid",
        "payable": "payable_amount",
        "known_at": "resolved_at",
        "history": "200d",
        "maturity": "20d",
        "holdout": "60d",
        "coverage": 0.8,
        "gate": {"metric": "roc_auc", "minimum": 0.6, "min_positives": 30, "reason": "a test's gate, not a real one"},
        "thresholds": {"denied_below": 0.25, "valid_from": 0.6, "whole_from": 0.9, "widest": 0.8},
        "outcomes": {"valid": "grant", "partial": "grant_part", "denied": "refuse", "uncertain": "ask"},
    }
)


def a_domain(*assessments: Assessment) -> Domain:
    """A declared domain with these assessments in place of its own."""
    domain = next(iter(load_catalog().values()))
    return domain.model_copy(update={"assessment": assessments or (ASSESSMENT,)})


def make_cases(seed: int, count: int = 1_500) -> Cases:
    """
    Cases of two hundred days, most of which end within three weeks.

    A case is the likelier valid the higher its ``signal``, and then its payable share lies around one that follows from
    its ``level``, the farther off the larger its ``spread``; an invalid one may be granted a little out of goodwill.
    """
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(count, len(FEATURES)))
    signal, spread, _, level = matrix.T
    valid = rng.random(count) < 1 / (1 + np.exp(-0.6 - 1.6 * signal))
    centre = np.where(valid, 0.55 + 0.1 * np.tanh(level), 0.15)
    width = np.where(valid, 0.04 + 0.12 / (1 + np.exp(-spread)), 0.05)
    share = np.clip(centre + width * rng.uniform(-2, 2, count), 0.001, 0.999)
    matrix[rng.random(count) < 0.1, 2] = np.nan
    decided = np.sort(rng.integers(0, 200 * DAY, count))
    known = decided + (rng.lognormal(np.log(5), 0.7, count) * DAY).astype(np.int64)
    claimed = np.exp(rng.normal(10, 1.2, count)).astype(np.int64) + 100
    first = int(START.timestamp()) * 1_000_000
    is_open = rng.random(count) < 0.02
    return Cases(
        features=FEATURES,
        keys=np.array([f"c{number:05}" for number in range(count)], dtype=object),
        decided=(decided + first).astype("datetime64[us]"),
        known=np.where(is_open, np.datetime64("NaT"), (known + first).astype("datetime64[us]")),
        claimed=claimed,
        payable=np.where(is_open, -1, np.rint(share * claimed).astype(np.int64)),
        rate=np.full(count, 0.5),
        valid=np.where(is_open, -1, valid).astype(np.int8),
        matrix=matrix,
    )


def with_labels(cases: Cases, rows: Any, **values: Any) -> Cases:
    """Cases with other labels in some rows."""
    changed = {}
    for name, value in values.items():
        array = getattr(cases, name).copy()
        array[rows] = value
        changed[name] = array
    return replace(cases, **changed)


def to_table(cases: Cases, assessment: Assessment = ASSESSMENT) -> pa.Table:
    """The mart that holds these cases."""
    is_open = cases.valid < 0
    columns: Mapping[str, Any] = {
        assessment.key: pa.array(cases.keys, pa.string()),
        "decision_at": pa.array(cases.decided, pa.timestamp("us")),
        assessment.amount: money(cases.claimed),
        **({assessment.rate: pa.array(cases.rate)} if assessment.rate else {}),
        assessment.valid: pa.array(cases.valid == 1, mask=is_open),
        assessment.payable: _nulled(money(np.maximum(cases.payable, 0)), is_open),
        assessment.known_at: pa.array(cases.known, pa.timestamp("us")),
        "remark": pa.array(["text is no feature"] * len(cases)),
        **{
            name: pa.array(values, from_pandas=True)
            for name, values in zip(cases.features, cases.matrix.T, strict=True)
        },
    }
    return pa.table(dict(columns))


def write_mart(marts: Path, domain: Domain, table: pa.Table, assessment: Assessment = ASSESSMENT) -> Path:
    """Put a mart where it is read."""
    path = mart_path(marts, domain, assessment.mart)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path


def _nulled(column: pa.Array, is_null: Any) -> pa.Array:
    return pa.array(
        [None if gone else value for value, gone in zip(column.to_pylist(), is_null, strict=True)], column.type
    )
