"""What rules say of a decision, as the answer and the ledger have it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from riskloom.lifecycle.active import Hit, Judgement, why
from riskloom.policy import Said
from riskloom.rules import Facts


class RuleReason(BaseModel):
    """A comparison that made a rule hit."""

    model_config = ConfigDict(frozen=True)

    expression: str
    operator: str
    actual: float | str | bool | None = Field(description="Null where it was missing.")
    bound: str | None


class RuleHit(BaseModel):
    """A rule that hit, what it does, and why it hit."""

    model_config = ConfigDict(frozen=True)

    rule: str
    version: int
    stage: Literal["live", "rollout", "shadow"] = Field(description="For this subject.")
    effect: Literal["force", "forbid", "score"]
    outcome: str | None = Field(description="The outcome that is forced or forbidden.")
    points: float | None = Field(description="What it brings to scenarios.")
    reasons: tuple[RuleReason, ...] = Field(description="In the order of the condition; of rules in shadow, none.")


class Shadow(BaseModel):
    """What would have happened had the rules in shadow been live."""

    model_config = ConfigDict(frozen=True)

    rules_hit: tuple[RuleHit, ...]
    outcome: str


def rules_hit(judgement: Judgement, facts: Facts) -> tuple[RuleHit, ...]:
    """The rules with effect that hit."""
    return tuple(_hit(hit, facts) for hit in judgement.hits)


def shadow_of(judgement: Judgement, choose: Callable[[Said, Said], str]) -> Shadow | None:
    """
    What rules in shadow would have done; None where none of them hit.

    Args:
        judgement: What rules say.
        choose: The policy's outcome of this subject, of outcomes that are forced and outcomes that are forbidden.
    """
    if not judgement.shadow:
        return None
    return Shadow(
        rules_hit=tuple(_hit(hit, None) for hit in judgement.shadow),
        outcome=choose(judgement.forced(with_shadow=True), judgement.forbidden(with_shadow=True)),
    )


def _hit(hit: Hit, facts: Facts | None) -> RuleHit:
    effect, outcome, points = hit.active.effect
    reasons = () if facts is None else why(hit, facts)
    return RuleHit(
        rule=hit.active.published.id,
        version=hit.active.published.version,
        stage=hit.stage,
        effect=effect,
        outcome=outcome,
        points=points,
        reasons=tuple(
            RuleReason(expression=reason.expression, operator=reason.operator, actual=reason.actual, bound=reason.bound)
            for reason in reasons
        ),
    )
