"""A model as it answers: probability of being valid, payable share with an interval, and the outcome of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskloom.assessment.cases import Cases
from riskloom.assessment.intervals import in_order, widened
from riskloom.assessment.manifest import AssessmentManifest
from riskloom.catalog import Assessment
from riskloom.errors import RegistryError
from riskloom.registry.scorers import BoostedTrees
from riskloom.training.calibration import apply_calibration

FloatArray = NDArray[np.float64]
#: The payload, a LightGBM model in text form each: the classifier, and the quantiles of the payable share.
VALID, LOW, MIDDLE, HIGH = FILES = ("valid.txt", "low.txt", "middle.txt", "high.txt")


@dataclass(frozen=True)
class Judgement:
    """What a model says of cases, shape (cases,) each; shares are of what is claimed."""

    probability: FloatArray
    share: FloatArray
    low: FloatArray
    high: FloatArray

    def outcomes(self, assessment: Assessment) -> NDArray[np.object_]:
        """
        The answer to each case, by the declared thresholds.

        Denied is what is hardly valid; granted, as a whole or in part, what is likely valid and payable within an
        interval that is narrow enough to be relied on. All else is for a person.
        """
        limits, names = assessment.thresholds, assessment.outcomes
        is_denied = self.probability < limits.denied_below
        is_sure = (self.probability >= limits.valid_from) & (self.high - self.low <= limits.widest)
        granted = np.where(self.share >= limits.whole_from, names.valid, names.partial)
        return np.where(is_denied, names.denied, np.where(is_sure, granted, names.uncertain)).astype(object)

    def granted_share(self, assessment: Assessment) -> FloatArray:
        """What each answer grants: all, the payable share, nothing; NaN where a person decides."""
        outcomes, names = self.outcomes(assessment), assessment.outcomes
        granted = np.where(outcomes == names.valid, 1.0, np.where(outcomes == names.denied, 0.0, self.share))
        return np.where(outcomes == names.uncertain, np.nan, granted)


@dataclass(frozen=True)
class Amounts:
    """Payable amounts in hundredths with the ends of their intervals, all within [0, claimed]."""

    payable: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]


def to_amounts(judgement: Judgement, claimed: NDArray[np.int64]) -> Amounts:
    """Shares as hundredths: the amount to the nearest, the ends outwards, so that rounding loses no coverage."""
    low = np.floor(judgement.low * claimed).astype(np.int64)
    high = np.minimum(np.ceil(judgement.high * claimed).astype(np.int64), claimed)
    payable = np.clip(np.rint(judgement.share * claimed).astype(np.int64), low, high)
    return Amounts(payable, low, high)


class AssessmentModel:
    """A model opened from verified bytes."""

    def __init__(self, manifest: AssessmentManifest, payload: Mapping[str, bytes], version: str, *, where: str) -> None:
        if set(payload) != set(FILES):
            raise RegistryError(f"{where}: expected the files {', '.join(FILES)}, found {', '.join(sorted(payload))}")
        self.manifest, self.version = manifest, version
        self._trees = {
            name: BoostedTrees(content, len(manifest.features), file=f"{where}/{name}")
            for name, content in payload.items()
        }

    def judge(self, cases: Cases) -> Judgement:
        """
        Judge cases.

        Raises:
            RegistryError: They lack a feature that the model takes.
        """
        matrix = self._columns(cases)
        probability = apply_calibration(self.manifest.calibration, self._trees[VALID].raw(matrix))
        low, middle, high = in_order(*(self._trees[name].raw(matrix) for name in (LOW, MIDDLE, HIGH)))
        low, high = widened(low, high, self.manifest.margin)
        return Judgement(probability, np.clip(middle, low, high), low, high)

    def contributions(self, cases: Cases) -> FloatArray:
        """How far each feature moved each case's log-odds of being valid, shape (cases, features)."""
        return self._trees[VALID].contributions(self._columns(cases))

    def _columns(self, cases: Cases) -> FloatArray:
        position = {name: index for index, name in enumerate(cases.features)}
        lacking = [name for name in self.manifest.feature_names if name not in position]
        if lacking:
            raise RegistryError(
                f"version {self.version} of {self.manifest.domain}'s assessment {self.manifest.entity} takes features "
                f"that the mart no longer has: {', '.join(lacking)}"
            )
        return np.ascontiguousarray(cases.matrix[:, [position[name] for name in self.manifest.feature_names]])
