"""Which stages follow which, as data, and what a step changes of a rule's effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from riskloom.errors import RefusedStepError
from riskloom.ledger.schema import RuleStage

#: Where a version may go from each stage. A rule reaches everybody only by way of the shadow and a share of them.
NEXT: Mapping[RuleStage, tuple[RuleStage, ...]] = {
    "draft": ("shadow", "retired"),
    "shadow": ("rollout", "draft", "retired"),
    "rollout": ("rollout", "live", "shadow", "retired"),
    "live": ("rollout", "shadow", "retired"),
    "retired": ("draft",),
}
#: Stages that one version of a rule has at a time, and where the one before it goes.
DISPLACED: Mapping[RuleStage, RuleStage] = {"rollout": "shadow", "live": "retired"}
_EVERYBODY = 100


@dataclass(frozen=True, slots=True)
class Placement:
    """
    Where a version is.

    Raises:
        RefusedStepError: A percentage stands where none belongs, or none where one does.
    """

    stage: RuleStage
    percent: int | None = None

    def __post_init__(self) -> None:
        if (self.percent is not None) != (self.stage == "rollout"):
            raise RefusedStepError(
                f"percent: expected one for a rollout and for nothing else, found {self.percent} for {self.stage}"
            )
        if self.percent is not None and not 1 <= self.percent < _EVERYBODY:
            raise RefusedStepError(f"percent: expected 1 to 99, found {self.percent}")

    @property
    def reach(self) -> int:
        """The percentage of subjects on whom it has effect."""
        return _EVERYBODY if self.stage == "live" else self.percent or 0

    def __str__(self) -> str:
        return self.stage if self.percent is None else f"{self.stage} {self.percent}%"


def check_step(before: Placement, after: Placement) -> None:
    """
    See that a version may go from one place to another.

    Raises:
        RefusedStepError: It may not; says where it may go.
    """
    if after.stage not in NEXT[before.stage]:
        allowed = ", ".join(NEXT[before.stage])
        raise RefusedStepError(f"stage: expected one that follows {before} ({allowed}), found {after}")
    if before == after:
        raise RefusedStepError(f"stage: expected another than the present one, found {after}")


def needs_approval(before: Placement, after: Placement) -> bool:
    """Whether a second person must agree: where more subjects feel it. To take effect away nobody has to be asked."""
    return after.reach > before.reach
