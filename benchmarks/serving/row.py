"""One row as a decision has it: the model's score and the request features, after other work has had the cache."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from benchmarks.rows import Row
from benchmarks.workbench import Workbench
from riskloom.catalog import Domain
from riskloom.contracts.json_text import parse_json
from riskloom.features import compute_one, request_features
from riskloom.registry.forest import Forest
from riskloom.registry.lightgbm_library import Trees
from services.scoring.schema import example, read_event, request_reader

_FEATURES, _TREES, _LEAVES, _ROWS = 94, 400, 31, 20_000
#: Bytes that are read between two rows: more than a core keeps near.
_OTHER_WORK = 16_000_000
_SEED = 7
_MISSING = 0.3


def measure(bench: Workbench) -> Iterator[Row]:
    """Each row alone, with other data read in between."""
    times = bench.size(2_000, 100)
    text, rows = _model()
    forest, trees = Forest(text), Trees(text)
    ours = _microseconds([partial(forest.predict_one, row) for row in rows[:times]])
    theirs = _microseconds([partial(trees.predict, row.reshape(1, -1)) for row in rows[:times]])
    what = f"{_TREES} trees of {_LEAVES} leaves, {_FEATURES} features"
    yield Row(f"row: a score, {what}", ours, "us", "lower", "LightGBM's C API, a matrix of one row", theirs)
    domain = bench.domain
    event = _event(domain)
    columns = _Columns(domain, event)
    request_features(domain, columns)
    online = dict.fromkeys(columns.asked, 1.0)
    single = _microseconds([partial(compute_one, domain, event, online)] * times)
    arrays = _microseconds([partial(request_features, domain, columns)] * times)
    count = len(domain.request_features)
    name = f"row: {count} request features of {domain.name}"
    yield Row(name, single, "us", "lower", "the same function on arrays of length one, which were made before", arrays)


class _Columns(dict[str, NDArray[Any]]):
    """An event's columns as arrays of length one, and ones for what the domain asks of the views."""

    def __init__(self, domain: Domain, event: Mapping[str, Any]) -> None:
        super().__init__({name: _array(domain.event_table.columns[name].type, value) for name, value in event.items()})
        self.asked: list[str] = []

    def __missing__(self, name: str) -> NDArray[Any]:
        """One, for a feature of a view."""
        self.asked.append(name)
        self[name] = np.ones(1)
        return self[name]


def _event(domain: Domain) -> dict[str, Any]:
    """The contract's example, as the service reads it."""
    event = read_event(request_reader(domain), parse_json(json.dumps(example(domain)).encode()))
    return {**event, **domain.event_table.joined_values(event), "observed_at": datetime.now(UTC)}


def _array(kind: str, value: Any) -> NDArray[Any]:
    if kind == "string":
        return np.array([value], dtype=object)
    if isinstance(value, datetime):
        return np.array([int(value.timestamp() * 1e6)])
    return np.array([np.nan if value is None else float(value)])


def _model() -> tuple[str, NDArray[np.float64]]:
    random = np.random.default_rng(_SEED)
    rows = random.normal(size=(_ROWS, _FEATURES))
    rows[random.random(rows.shape) < _MISSING] = np.nan
    label = (np.nan_to_num(rows[:, :8]).sum(axis=1) + random.normal(size=_ROWS) > 0).astype(float)
    settings = {"objective": "binary", "num_leaves": _LEAVES, "verbosity": -1, "seed": _SEED}
    booster = lgb.train(settings, lgb.Dataset(rows, label, params={"verbosity": -1}), num_boost_round=_TREES)
    return str(booster.model_to_string()), rows


def _microseconds(works: Sequence[Callable[[], object]]) -> float:
    """The median of what each takes, where a core's cache holds something else before."""
    other = np.zeros(_OTHER_WORK // 8)
    taken = []
    for work in works:
        other += 1.0
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return float(np.median(taken)) * 1e6
