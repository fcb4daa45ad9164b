"""The manifest of a model version: everything needed to serve it, to explain it and to make it again."""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from riskloom.catalog.declaration import Probability, Slug

#: Only plain names: no folder, no dot at the start, so that a manifest cannot point outside its own folder.
FileName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}(\.[a-z0-9]{1,10})?$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Kind = Literal["logistic_regression", "hist_gradient_boosting", "lightgbm", "detector"]
Parameter = bool | int | float | str | None


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


#: The calibration of a model that learned without labels: its raw score is a tail's complement already.
TAIL = "tail"


class FeatureSpec(_Part):
    """One column of the matrix that the model takes, with what was seen of it when the model was fitted."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
    type: Literal["double"] = "double"
    reference: float | None = Field(description="Median of the values that were there; none where none was.")
    missing: Probability = Field(description="Share of rows without a value.")
    importance: float = Field(description="Mean absolute contribution to the log-odds on the holdout.")


class Calibration(_Part):
    """A rising curve from the model's raw score to a probability, as the corners of straight lines."""

    method: str
    raw: tuple[float, ...] = Field(min_length=2)
    probability: tuple[Probability, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if len(self.raw) != len(self.probability):
            raise ValueError("as many probabilities as raw scores")
        is_rising = all(low < high for low, high in pairwise(self.raw))
        if not is_rising or any(low > high for low, high in pairwise(self.probability)):
            raise ValueError("raw scores that rise and probabilities that do not fall")
        return self


class Windows(_Part):
    """Which decisions the model learned from and which it was judged on; ISO 8601, UTC, ends exclusive."""

    fit_start: str
    fit_end: str
    holdout_start: str
    holdout_end: str


class Estimate(_Part):
    """One metric on the holdout with its 95 % interval (bootstrap over subject groups)."""

    value: float | None
    low: float | None
    high: float | None


class ModelManifest(_Part):
    """What is signed; it holds no clock, so the same inputs give the same bytes."""

    format: Literal[1] = 1
    domain: Slug
    kind: Kind
    params: dict[str, Parameter]
    features: tuple[FeatureSpec, ...] = Field(min_length=1)
    request_features: tuple[str, ...]
    calibration: Calibration
    threshold: Probability | None = Field(
        default=None,
        description="The score from which it flags; of a model whose scores are probabilities nobody asks.",
    )
    windows: Windows
    as_of: str
    seed: int
    rows: int
    positives: int
    metrics: dict[str, Estimate]
    data_fingerprint: Digest
    commit: str
    libraries: dict[str, str]
    files: dict[FileName, Digest] = Field(min_length=1, description="SHA-256 of each file of the payload.")

    @model_validator(mode="after")
    def _features_once(self) -> Self:
        names = self.feature_names
        if len(set(names)) < len(names):
            raise ValueError("each feature once")
        return self

    @model_validator(mode="after")
    def _flags_from_somewhere(self) -> Self:
        if self.is_unlabelled and self.threshold is None:
            raise ValueError("a threshold: its scores are no probabilities that costs could be weighed by")
        return self

    @property
    def unusual_from(self) -> float | None:
        """The score from which a row is unusual, where it learned without labels; none beside probabilities."""
        return self.threshold if self.is_unlabelled else None

    @property
    def is_unlabelled(self) -> bool:
        """Whether it learned without labels: its scores say how unusual a row is, not how likely it is bad."""
        return self.calibration.method == TAIL

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the matrix's columns, in order."""
        return tuple(feature.name for feature in self.features)

    @property
    def reference(self) -> NDArray[np.float64]:
        """Median of each feature in training, NaN where it was never there, shape (features,)."""
        return np.array([np.nan if f.reference is None else f.reference for f in self.features], dtype=np.float64)

    def to_bytes(self) -> bytes:
        """The manifest as canonical JSON: sorted keys, no white space, no NaN; the bytes that are signed."""
        return canonical_json(self.model_dump(mode="json"))


def canonical_json(document: object) -> bytes:
    """A document as JSON with one possible spelling: sorted keys, no white space, ASCII only, no NaN or infinity."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def digest(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
