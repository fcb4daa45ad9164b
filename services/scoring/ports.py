"""What scoring needs from the rest of the system, as narrow as it is used; what is not async is called in threads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from riskloom.features import ReadPlan
from riskloom.intake import Door
from riskloom.lifecycle.active import ActiveRules, Mark
from riskloom.lifecycle.floods import FloodRequest
from riskloom.registry import Record

Matrix = NDArray[np.float64]
Status = Literal["fresh", "stale", "missing"]


class Manifest(Protocol):
    """What a model says of itself."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The columns of the matrix it takes, in order."""
        ...

    @property
    def unusual_from(self) -> float | None:
        """The score from which a subject is unusual; None where scores are probabilities."""
        ...


class Model(Protocol):
    """A verified model."""

    @property
    def manifest(self) -> Manifest:
        """What it says of itself."""
        ...

    def predict(self, matrix: Matrix) -> Matrix:
        """Calibrated probabilities, shape (rows,), of a matrix of shape (rows, features)."""
        ...

    def predict_one(self, row: Matrix) -> float:
        """The calibrated probability of one row, shape (features,); for one thread at a time."""
        ...

    def predict_each(self, matrix: Matrix) -> Matrix:
        """Those of many rows, shape (rows,), each exactly what ``predict_one`` gives; for any thread."""
        ...

    def top_features(self, row: Matrix, count: int) -> list[tuple[str, float]]:
        """The features that raised one row's score most, with their contribution in log-odds."""
        ...


class View(Protocol):
    """A declared group of features with one age."""

    @property
    def name(self) -> str:
        """Its name, unique within a domain."""
        ...

    @property
    def join_key(self) -> str:
        """The event's column that names the entity."""
        ...

    @property
    def features(self) -> Mapping[str, object]:
        """Its features by name."""
        ...

    @property
    def descriptions(self) -> Mapping[str, str]:
        """What each feature is, by name."""
        ...


class OnlineRow(Protocol):
    """What was known of one event's entities."""

    @property
    def at(self) -> datetime:
        """The instant it is about: the decision's."""
        ...

    @property
    def values(self) -> Mapping[str, float]:
        """Each feature of each view; NaN where it is missing or too old."""
        ...

    @property
    def observed(self) -> Mapping[str, datetime | None]:
        """When each view's values held, by view; None where there are none."""
        ...

    @property
    def status(self) -> Mapping[str, Status]:
        """Whether each view's values could be used, by view."""
        ...


class OnlineStore(Protocol):
    """The online features of one domain, for one event loop."""

    async def connect(self) -> None:
        """Connect; raises whatever the store's client raises."""
        ...

    async def decide(self, event: Mapping[str, Any], *, now: datetime) -> OnlineRow:
        """Count the event, and read every view as it was before it; raises EventRefusedError where it cannot be."""
        ...

    async def read(self, row: Mapping[str, str | None], *, now: datetime) -> OnlineRow:
        """Read every view's values for the entities that the row's join keys name."""
        ...

    async def check(self) -> None:
        """Raise where an event could not be counted or read now; connects anew where the connection is gone."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class Backend(Protocol):
    """Where models, features and rules come from."""

    def stamp(self, domain: str) -> object:
        """Something that changes when the champion may have changed."""
        ...

    def record(self, domain: str) -> Record:
        """Who is champion, canary and in shadow; raises RiskloomError where the record is no record."""
        ...

    def load(self, domain: str, version: str) -> Model:
        """Check and open a version; raises RiskloomError where it is not what was signed."""
        ...

    def plan(self, domain: str, version: str) -> ReadPlan:
        """What a version reads by; raises PlanError where there is none, SignatureError where it is not as signed."""
        ...

    def open_store(self, domain: str, plan: ReadPlan) -> OnlineStore:
        """What reads online features by a plan, not connected yet; called in a thread."""
        ...

    def events_stamp(self, domain: str) -> object:
        """Something that changes when events may move other windows."""
        ...

    def open_door(self, domain: str) -> Door:
        """Open the door for events that are pushed; raises whatever the store's client raises."""
        ...

    def compute(self, domain: str, event: Mapping[str, Any], online: Mapping[str, float]) -> Mapping[str, float]:
        """The features that are computed from the event's columns and the views' values."""
        ...

    def rules_stamp(self, domain: str) -> object:
        """Something that changes when the rules in force, or what was asked about them, may have changed."""
        ...

    def rules(self, domain: str) -> ActiveRules | None:
        """The rules in force, compiled; None where none were published; raises RiskloomError where they are refused."""
        ...

    def asked_to_stop(self, domain: str) -> set[Mark]:
        """The versions that this process or another has asked to be stopped; raises LedgerError."""
        ...

    def ask_to_stop(self, request: FloodRequest) -> None:
        """Ask that a version be put back to the shadow."""
        ...
