"""What rules and scenarios say of a decision, as the answer and the ledger have it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from riskloom.lifecycle.active import Hit, Judgement, ScenarioHit, why
from riskloom.policy import Said
from riskloom.rules import Facts, Reason
from riskloom.rules.scenario import LevelName


class RuleReason(BaseModel):
    """A comparison that made a rule hit."""

    model_config = ConfigDict(frozen=True)

    expression: str
    operator: str
    actual: float | str | bool | None = Field(description="Null where it was missing.")
    bound: str | None


class ScenarioReached(BaseModel):
    """A level that a scenario came to, and by which rules."""

    model_config = ConfigDict(frozen=True)

    level: LevelName
    threshold: float = Field(description="From how many points on.")
    rules: dict[str, float] = Field(description="What each rule that hit brought, by its id.")


class RuleHit(BaseModel):
    """A rule that hit, or a scenario that came to a level: what it does, and why."""

    model_config = ConfigDict(frozen=True)

    rule: str = Field(description="Its id.")
    version: int
    stage: Literal["live", "rollout", "shadow"] = Field(description="For this subject.")
    effect: Literal["force", "forbid", "score", "alert"] = Field(
        description="alert: a scenario that somebody has to look at, and that forces nothing."
    )
    outcome: str | None = Field(description="The outcome that is forced or forbidden.")
    points: float | None = Field(description="What a rule brings to scenarios; of a scenario, what it comes to.")
    scenario: ScenarioReached | None = Field(default=None, description="Null of a rule.")
    reasons: tuple[RuleReason, ...] = Field(description="In the order of the condition; of rules in shadow, none.")


class Shadow(BaseModel):
    """What would have happened had the rules in shadow been live."""

    model_config = ConfigDict(frozen=True)

    rules_hit: tuple[RuleHit, ...]
    outcome: str


def rules_hit(judgement: Judgement, facts: Facts) -> tuple[RuleHit, ...]:
    """The rules with effect that hit, then the scenarios with effect that came to a level."""
    rules = (_hit(hit, why(hit, facts)) for hit in judgement.hits)
    return *rules, *(_scenario(hit) for hit in judgement.scenarios)


def shadow_of(judgement: Judgement, choose: Callable[[Said, Said], str]) -> Shadow | None:
    """
    What rules and scenarios in shadow would have done; None where none of them hit.

    Args:
        judgement: What they say.
        choose: The policy's outcome of this subject, of outcomes that are forced and outcomes that are forbidden.
    """
    scenarios = judgement.shadow_scenarios
    if not judgement.shadow and not scenarios:
        return None
    return Shadow(
        rules_hit=(*(_hit(hit, ()) for hit in judgement.shadow), *(_scenario(hit) for hit in scenarios)),
        outcome=choose(judgement.forced(with_shadow=True), judgement.forbidden(with_shadow=True)),
    )


def _hit(hit: Hit, reasons: tuple[Reason, ...]) -> RuleHit:
    effect, outcome, points = hit.active.effect
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


def _scenario(hit: ScenarioHit) -> RuleHit:
    reached = hit.reached
    comparison = RuleReason(expression="points", operator=">=", actual=hit.points, bound=f"{reached.threshold:g}")
    return RuleHit(
        rule=hit.active.published.id,
        version=hit.active.published.version,
        stage=hit.stage,
        effect="alert" if reached.force is None else "force",
        outcome=reached.force,
        points=hit.points,
        scenario=ScenarioReached(level=reached.level, threshold=reached.threshold, rules=dict(hit.brought)),
        reasons=(comparison,),
    )
