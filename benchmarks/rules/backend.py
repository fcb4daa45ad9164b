"""What a scoring service needs besides rules, kept in memory: a model of one number, and features drawn at random."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from riskloom.catalog import Domain
from riskloom.errors import ConfigError
from riskloom.features import FeatureView, ReadPlan, compile_plan
from riskloom.intake import Door
from riskloom.lifecycle.active import ActiveRules, Mark
from riskloom.lifecycle.floods import FloodRequest
from riskloom.registry import Record
from riskloom.windows import WindowPlan
from services.scoring.ports import Matrix, Status

_SCORE, _VIEW = 0.02, "activity"


@dataclass(frozen=True)
class _Manifest:
    feature_names: tuple[str, ...]
    unusual_from: float | None = None


@dataclass(frozen=True)
class _Model:
    manifest: _Manifest

    def predict(self, matrix: Matrix) -> Matrix:
        return np.full(len(matrix), _SCORE)

    def predict_one(self, row: Matrix) -> float:
        del row
        return _SCORE

    def predict_each(self, matrix: Matrix) -> Matrix:
        return self.predict(matrix)

    def top_features(self, row: Matrix, count: int) -> list[tuple[str, float]]:
        return [(name, 0.5) for name in self.manifest.feature_names[: min(count, row.size)]]


@dataclass(frozen=True)
class _Row:
    at: datetime
    values: Mapping[str, float]
    observed: Mapping[str, datetime | None]
    status: Mapping[str, Status]


@dataclass(frozen=True)
class _Store:
    view: str
    entity: str
    features: Mapping[str, Mapping[str, float]]
    nobody: Mapping[str, float]

    async def connect(self) -> None:
        """Nothing to connect to."""

    async def decide(self, event: Mapping[str, Any], *, now: datetime) -> _Row:
        return _Row(now, self.features.get(event[self.entity], self.nobody), {self.view: now}, {self.view: "fresh"})

    async def read(self, row: Mapping[str, str | None], *, now: datetime) -> _Row:
        return await self.decide({self.entity: "", **row}, now=now)

    async def check(self) -> None:
        """Memory is always there."""

    def close(self) -> None:
        """There is nothing to let go of."""


@dataclass(frozen=True)
class MemoryBackend:
    """
    A backend for the scoring service.

    Attributes:
        domain: The only one.
        features: Values by entity and feature.
        in_force: The rules; None for a service without any.
        asked: What was asked to be stopped.
        entity: The event's column that names it.
    """

    domain: Domain
    features: Mapping[str, Mapping[str, float]]
    in_force: ActiveRules | None
    asked: list[FloodRequest] = field(default_factory=list)
    entity: str = "account"

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(next(iter(self.features.values())))

    def stamp(self, domain: str) -> object:
        """The champion never changes."""
        return domain

    def record(self, domain: str) -> Record:
        """The only version is champion."""
        return Record(domain=domain, champion="1")

    def load(self, domain: str, version: str) -> _Model:
        """A model that gives one number to all."""
        del domain, version
        return _Model(_Manifest(self._names))

    def plan(self, domain: str, version: str) -> ReadPlan:
        """One view with all features."""
        given = dict.fromkeys(self._names, "double")
        told = dict.fromkeys(self._names, "Made for a benchmark.")
        view = FeatureView(_VIEW, "entity", self.entity, timedelta(days=1), given, "Activity.", _VIEW, told)
        windows = WindowPlan(domain, (), ())
        return compile_plan(self.domain, [view], windows, project="benchmark", version=version, features=self._names)

    def open_store(self, domain: str, plan: ReadPlan) -> _Store:
        """The features by entity."""
        del domain, plan
        return _Store(_VIEW, self.entity, self.features, dict.fromkeys(self._names, 0.0))

    def events_stamp(self, domain: str) -> object:
        """Windows are never declared otherwise."""
        return domain

    def open_door(self, domain: str) -> Door:
        """No events are pushed."""
        raise ConfigError(f"{domain}: expected no pushed events here, found one")

    def compute(self, domain: str, event: Mapping[str, Any], online: Mapping[str, float]) -> Mapping[str, float]:
        """No feature is computed."""
        del domain, event, online
        return {}

    def rules_stamp(self, domain: str) -> object:
        """The rules never change."""
        return domain

    def rules(self, domain: str) -> ActiveRules | None:
        """The rules in force."""
        del domain
        return self.in_force

    def asked_to_stop(self, domain: str) -> set[Mark]:
        """Nothing before this process."""
        del domain
        return set()

    def ask_to_stop(self, request: FloodRequest) -> None:
        """Keep the request."""
        self.asked.append(request)
