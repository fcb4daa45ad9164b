"""
The scoring service one gets from the tools' front pages: BentoML's ``@api`` over Feast's SDK and a LightGBM booster.

It answers with a score alone: no outcome, no freshness, no check of the contract, no log. Started by ``scoring``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import bentoml
import feast
import lightgbm
import numpy as np
from feast.repo_config import RepoConfig

from riskloom.catalog import load_domain
from riskloom.features import request_features

#: Path of a JSON file with the domain, Feast's configuration, the feature service, the features and the model's file.
CONFIGURATION = "BENCHMARK_PEER"


@bentoml.service
class Peer:
    """Score one event."""

    def __init__(self) -> None:
        content = json.loads(Path(os.environ[CONFIGURATION]).read_text(encoding="utf-8"))
        self._domain = load_domain(content["domain"])
        self._store = feast.FeatureStore(config=RepoConfig(**content["feast"]))
        self._service: str = content["feature_service"]
        self._features: list[str] = content["features"]
        self._keys: list[str] = content["join_keys"]
        self._model = lightgbm.Booster(model_file=content["model"])

    @bentoml.api  # type: ignore[untyped-decorator]
    def score(self, event: dict[str, Any]) -> dict[str, float]:
        """Look the features up, compute the others, predict."""
        online = self._store.get_online_features(
            features=self._store.get_feature_service(self._service),
            entity_rows=[{key: event[key] or "" for key in self._keys}],
        ).to_dict()
        values = {
            name: np.array([np.nan if value[0] is None else value[0]], dtype=object) for name, value in online.items()
        }
        return {"score": float(self._model.predict(self._matrix(event, values))[0])}

    def _matrix(self, event: dict[str, Any], values: dict[str, Any]) -> Any:
        """One row in the model's order."""
        columns = {name: self._column(name, event.get(name)) for name in self._domain.event_table.columns}
        looked_up = {name: value.astype(float) for name, value in values.items() if name in self._features}
        known = {**looked_up, **request_features(self._domain, {**columns, **looked_up})}
        return np.array([[known[name][0] for name in self._features]])

    def _column(self, name: str, value: Any) -> Any:
        kind = self._domain.event_table.columns[name].type
        if kind == "string":
            return np.array([value], dtype=object)
        if kind == "timestamp":
            return np.array([np.datetime64(str(value).rstrip("Z"), "us") if value else np.datetime64(0, "us")]).astype(
                int
            )
        return np.array([np.nan if value is None else float(value)])
