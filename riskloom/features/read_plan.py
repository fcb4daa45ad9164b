"""
What the features of a model version are read by: views, keys, fields, types, lifetimes, defaults, windows.

A plan is compiled from what is declared, and from then on nothing else is read to serve the model, so that a change of
declarations does not change a model that is in service. It has all views of the domain, as rules may speak of any.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from functools import cached_property
from hashlib import sha256
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from riskloom.catalog import Domain, load_domain
from riskloom.catalog.declaration import Slug
from riskloom.errors import PlanError
from riskloom.features.store import StoreLocation, project_name
from riskloom.features.views import FeatureType, FeatureView, load_views
from riskloom.online import layout as online
from riskloom.windows import WindowPlan, load_plan

_MICROSECOND = timedelta(microseconds=1)
_Version = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,8}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PlannedFeature(_Part):
    """A feature of a view, and where its value lies."""

    name: str
    type: FeatureType
    field: str = Field(pattern=r"^[0-9a-f]{8}$", description="Of its entity's hash in Redis, hexadecimal.")
    default: float | None = Field(
        default=None,
        allow_inf_nan=False,
        description="Stands where no value may be used; null for unknown, as the training set has it there.",
    )
    description: str

    @property
    def nothing(self) -> float:
        """What the model is given where no value may be used."""
        return math.nan if self.default is None else self.default


class PlannedView(_Part):
    """
    A view, and where its rows lie.

    A windowed view is computed from the live windows, where there are some, and looked up otherwise.
    """

    name: str
    mart: str = Field(description="Its name in Feast.")
    join_key: str
    is_windowed: bool
    ttl_us: int = Field(gt=0)
    table: str = Field(description="In SQLite, not quoted.")
    time_field: str = Field(description="Of its entity's hash in Redis: when its values held.")
    planned: tuple[PlannedFeature, ...] = Field(min_length=1)

    @property
    def ttl(self) -> timedelta:
        """How long a value may be used."""
        return self.ttl_us * _MICROSECOND

    @cached_property
    def features(self) -> Mapping[str, FeatureType]:
        """Types of its features by name, in order."""
        return {feature.name: feature.type for feature in self.planned}

    @cached_property
    def descriptions(self) -> Mapping[str, str]:
        """What each of its features is, by name."""
        return {feature.name: feature.description for feature in self.planned}


class Reads(_Part):
    """What is read of a domain, whichever of its models asks."""

    layout: online.Name = online.NAME
    project: str = Field(description="Feast's.")
    views: tuple[PlannedView, ...] = Field(min_length=1)
    windows: WindowPlan = Field(description="All windows of the domain, as the keys of their state follow from them.")


class ReadPlan(_Part):
    """What one model version's features are read by."""

    format: Literal[1] = 1
    domain: Slug
    version: _Version = Field(description="Of the model.")
    features: tuple[str, ...] = Field(description="Those that the model takes, in their order.")
    request_features: tuple[str, ...] = Field(description="Those that the domain computes from the request.")
    reads: Reads

    @property
    def digest(self) -> str:
        """SHA-256 of the plan in hexadecimal: the same plan has the same."""
        return sha256(self.to_bytes()).hexdigest()

    @property
    def given(self) -> frozenset[str]:
        """The features that all views together give."""
        return frozenset(name for view in self.reads.views for name in view.features)

    def to_bytes(self) -> bytes:
        """
        The bytes that are signed: JSON without white space, its keys in the order in which they are declared.

        They are not sorted: the order of a stream's fields decides how state is laid out, so it is signed as well.
        """
        return json.dumps(self.model_dump(mode="json"), separators=(",", ":"), allow_nan=False).encode("ascii")


def compile_plan(
    domain: Domain,
    views: Sequence[FeatureView],
    windows: WindowPlan,
    *,
    project: str,
    version: str,
    features: Sequence[str],
) -> ReadPlan:
    """
    Compile what a model version's features are read by.

    Args:
        domain: Whose model.
        views: All that the domain declares.
        windows: All that is windowed in it.
        project: Feast's.
        version: The model's.
        features: Those that it takes, in order.

    Raises:
        PlanError: Nothing gives one of them; names each with the nearest name that there is.
    """
    given = [name for view in views for name in view.features] + list(domain.request_features)
    if unknown := [name for name in features if name not in given]:
        told = "; ".join(f"{name} (nearest: {_nearest(name, given)})" for name in unknown)
        raise PlanError(f"version {version} of {domain.name}: no view, window or request feature gives {told}")
    return ReadPlan(
        domain=domain.name,
        version=version,
        features=tuple(features),
        request_features=tuple(domain.request_features),
        reads=Reads(project=project, views=tuple(_planned(view, project) for view in views), windows=windows),
    )


@dataclass(frozen=True, slots=True)
class PlanCompiler:
    """
    Compiles plans from what is declared when it is called.

    Attributes:
        location: dbt's manifest, and the Feast project.
    """

    location: StoreLocation

    def __call__(self, domain_name: str, version: str, features: Sequence[str]) -> ReadPlan:
        """
        The plan of a model version.

        Raises:
            PlanError: Nothing gives one of the features.
            FeatureError: There is no manifest, or Feast's configuration cannot be read.
            CatalogError: Something is declared wrongly.
        """
        domain, manifest = load_domain(domain_name), self.location.manifest
        return compile_plan(
            domain,
            load_views(domain, manifest),
            load_plan(domain, manifest),
            project=project_name(self.location),
            version=version,
            features=features,
        )


def _planned(view: FeatureView, project: str) -> PlannedView:
    return PlannedView(
        name=view.name,
        mart=view.mart,
        join_key=view.join_key,
        is_windowed=view.is_windowed,
        ttl_us=view.ttl // _MICROSECOND,
        table=online.sqlite_table(project, view.mart),
        time_field=online.redis_time_field(view.mart).decode(),
        planned=tuple(
            PlannedFeature(
                name=name,
                type=kind,
                field=online.redis_field(view.mart, name).hex(),
                description=view.descriptions.get(name, ""),
            )
            for name, kind in view.features.items()
        ),
    )


def _nearest(name: str, given: Sequence[str]) -> str:
    return next(iter(get_close_matches(name, given, n=1, cutoff=0.0)), "none")
