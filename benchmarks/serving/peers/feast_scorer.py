"""Features through Feast's SDK and a LightGBM booster, as the peers with a web framework use them."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import feast
import lightgbm
import numpy as np
from feast.repo_config import RepoConfig

from riskloom.catalog import load_domain
from riskloom.features import compute_one

#: Path of a JSON file with the domain, Feast's configuration, the feature service, features, keys and the model's file.
CONFIGURATION = "BENCHMARK_PEER"

_PARSERS: Mapping[str, Callable[[Any], Any]] = {"timestamp": datetime.fromisoformat, "string": str}


class FeastScorer:
    """
    Scores one event; what can be looked up once is looked up here.

    Args:
        content: What the file that ``CONFIGURATION`` names holds.
    """

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._domain = load_domain(content["domain"])
        self._store = feast.FeatureStore(config=RepoConfig(**content["feast"]))
        self._service = self._store.get_feature_service(content["feature_service"])
        self._features: list[str] = content["features"]
        self._keys: list[str] = content["join_keys"]
        self._model = lightgbm.Booster(model_file=content["model"])
        columns = self._domain.event_table.columns
        self._parsers = {name: _PARSERS.get(column.type, float) for name, column in columns.items()}

    def score(self, event: Mapping[str, Any]) -> float:
        """The probability before calibration."""
        return float(self._model.predict(np.array([self.row(event)]), num_threads=1)[0])

    def row(self, event: Mapping[str, Any]) -> list[float]:
        """The model's features, in its order; NaN where one is not known."""
        event = {**event, **self._domain.event_table.joined_values(event)}
        online = self._online(event)
        parsed = {
            name: value if value is None else self._parsers[name](value)
            for name, value in event.items()
            if name in self._parsers
        }
        known = {**online, **compute_one(self._domain, parsed, online)}
        return [known[name] for name in self._features]

    def _online(self, event: Mapping[str, Any]) -> dict[str, float]:
        """What Feast has of the event's entities, read from its answer's messages as they came."""
        answer = self._store.get_online_features(
            features=self._service, entity_rows=[{key: event[key] or "" for key in self._keys}]
        ).proto
        return {
            name: _number(vector.values[0])
            for name, vector in zip(answer.metadata.feature_names.val, answer.results, strict=True)
            if name not in self._keys
        }


def load_scorer() -> FeastScorer:
    """The scorer that the environment names."""
    return FeastScorer(json.loads(Path(os.environ[CONFIGURATION]).read_text(encoding="utf-8")))


def _number(value: Any) -> float:
    kind = value.WhichOneof("val")
    return math.nan if kind is None else float(getattr(value, kind))
