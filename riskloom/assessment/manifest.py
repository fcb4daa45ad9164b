"""The manifest of an assessment's model; what is signed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from riskloom.catalog.declaration import Slug
from riskloom.registry import Calibration, Estimate, FeatureSpec
from riskloom.registry.manifest import Digest, FileName, canonical_json


class AssessmentWindows(BaseModel):
    """
    Which cases the model learned from, was calibrated on and was judged on; ISO 8601, UTC, ends exclusive.

    Cases of the first two were known to have ended before ``holdout_start``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    fit_start: str
    calibration_start: str
    holdout_start: str
    holdout_end: str


class AssessmentManifest(BaseModel):
    """It holds no clock, so the same inputs give the same bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    domain: Slug
    entity: Slug
    features: tuple[FeatureSpec, ...] = Field(min_length=1)
    calibration: Calibration
    coverage: Annotated[float, Field(ge=0.5, lt=1)]
    margin: float = Field(description="By how much the quantiles' ends are moved outwards, as a share of the claim.")
    windows: AssessmentWindows
    as_of: str
    seed: int
    rows: int = Field(description="Cases learned from and calibrated on.")
    positives: int = Field(description="Valid ones among them.")
    metrics: dict[str, Estimate]
    data_fingerprint: Digest
    commit: str
    libraries: dict[str, str]
    files: dict[FileName, Digest] = Field(min_length=1, description="SHA-256 of each file of the payload.")

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the matrix's columns, in order."""
        return tuple(feature.name for feature in self.features)

    def to_bytes(self) -> bytes:
        """The manifest as canonical JSON; the bytes that are signed."""
        return canonical_json(self.model_dump(mode="json"))
