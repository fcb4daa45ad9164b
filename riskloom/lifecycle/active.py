"""The rules in force on the path of a decision: compiled together, and for each subject in effect or in shadow."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from riskloom.lifecycle.assignment import is_reached
from riskloom.lifecycle.publication import ActiveStage, Publication, PublishedRule
from riskloom.rules import Conditions, Facts, MemberList, Reason, Rule, Schema, parse_rule, reasons

#: A version at a step: what was stopped then is not stopped once somebody has moved the rule again.
Mark = tuple[str, int, int]
Effect = Literal["force", "forbid", "score"]


@dataclass(frozen=True, slots=True)
class ActiveRule:
    """A version of a rule, ready to be evaluated."""

    rule: Rule
    published: PublishedRule

    @property
    def mark(self) -> Mark:
        """Names the version as it was published."""
        return self.published.id, self.published.version, self.published.step

    @property
    def effect(self) -> tuple[Effect, str | None, float | None]:
        """What it does: force or forbid an outcome, or bring points."""
        declared = self.rule.declaration
        if declared.outcome is None:
            return "score", None, declared.score
        if declared.outcome.force is not None:
            return "force", declared.outcome.force, None
        return "forbid", declared.outcome.forbid, None

    def is_for(self, entity: str | None) -> bool:
        """Whether a roll-out reaches an entity; of one that is not known, nobody can say that it does."""
        percent = self.published.percent or 0
        return entity is not None and is_reached(entity, percent, bytes.fromhex(self.published.key))


@dataclass(frozen=True, slots=True)
class Hit:
    """A version that hit, as live, in roll-out or in shadow for this subject."""

    active: ActiveRule
    stage: ActiveStage


@dataclass(frozen=True, slots=True)
class Judgement:
    """
    What the rules in force say of one subject.

    Attributes:
        in_effect: Versions that have effect on this subject, whether or not they hit.
        hits: Those of them that hit.
        shadow: Versions without effect that hit.
    """

    in_effect: tuple[ActiveRule, ...]
    hits: tuple[Hit, ...]
    shadow: tuple[Hit, ...]

    def forced(self, *, with_shadow: bool = False) -> dict[str, list[str]]:
        """The outcomes that must be, with the rules that say so; with those in shadow, what would have to be."""
        return self._outcomes("force", with_shadow=with_shadow)

    def forbidden(self, *, with_shadow: bool = False) -> dict[str, list[str]]:
        """The outcomes that must not be, with the rules that say so."""
        return self._outcomes("forbid", with_shadow=with_shadow)

    def _outcomes(self, wanted: Effect, *, with_shadow: bool) -> dict[str, list[str]]:
        said: dict[str, list[str]] = {}
        for hit in (*self.hits, *self.shadow) if with_shadow else self.hits:
            effect, outcome, _ = hit.active.effect
            if effect == wanted and outcome:
                said.setdefault(outcome, []).append(hit.active.published.id)
        return said


NOTHING = Judgement((), (), ())


class ActiveRules:
    """
    What is in force in a domain, compiled.

    Args:
        publication: What was published.
        schema: The names that conditions may use now.

    Raises:
        CatalogError: A rule does not fit the schema any more; nothing of it can be relied on then.
    """

    def __init__(self, publication: Publication, schema: Schema) -> None:
        self.version = publication.version
        self.published_at: datetime = publication.published_at
        self.rules = tuple(
            ActiveRule(parse_rule(each.source, file=f"{each.id} version {each.version}", schema=schema), each)
            for each in publication.rules
        )
        self.lists: dict[str, MemberList] = publication.member_lists()
        self._conditions = Conditions(active.rule.condition for active in self.rules)

    def judge(self, facts: Facts, entity: str | None, stopped: Collection[Mark] = ()) -> Judgement:
        """
        Evaluate every rule on one subject.

        Args:
            facts: Of the decision, with these rules' lists.
            entity: Whom the subject belongs to; chooses whom roll-outs reach.
            stopped: Versions that have no effect whatever was published: they are in shadow.

        Raises:
            ContractError: A value of the event has another type than its column.
        """
        stages = self._stages(entity, stopped)
        hits = [
            Hit(self.rules[index], stage)
            for index in self._conditions.true_of(facts)
            if (stage := stages[index]) is not None
        ]
        return Judgement(
            in_effect=tuple(
                active for active, stage in zip(self.rules, stages, strict=True) if stage in {"live", "rollout"}
            ),
            hits=tuple(hit for hit in hits if hit.stage != "shadow"),
            shadow=tuple(hit for hit in hits if hit.stage == "shadow"),
        )

    def _stages(self, entity: str | None, stopped: Collection[Mark]) -> list[ActiveStage | None]:
        """Each version's stage for this subject; None of a live one in whose place a roll-out's stands."""
        stages: list[ActiveStage | None] = []
        replaced: set[str] = set()
        for active in self.rules:
            stage = active.published.stage
            if active.mark in stopped or (stage == "rollout" and not active.is_for(entity)):
                stage = "shadow"
            if stage == "rollout":
                replaced.add(active.published.id)
            stages.append(stage)
        return [
            None if stage == "live" and active.published.id in replaced else stage
            for active, stage in zip(self.rules, stages, strict=True)
        ]


def why(hit: Hit, facts: Facts) -> tuple[Reason, ...]:
    """The comparisons that made a rule hit."""
    return reasons(hit.active.rule.condition, facts)
