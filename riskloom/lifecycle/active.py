"""The rules in force on the path of a decision: compiled together, and for each subject in effect or in shadow."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Self

from riskloom.lifecycle.assignment import is_reached
from riskloom.lifecycle.publication import ActiveStage, Publication, PublishedRule
from riskloom.rules import Conditions, Explainer, Facts, MemberList, Reason, Rule, Schema, parse_rule

#: A version at a step: what was stopped then is not stopped once somebody has moved the rule again.
Mark = tuple[str, int, int]
Effect = Literal["force", "forbid", "score"]


@dataclass(frozen=True, slots=True)
class ActiveRule:
    """
    A version of a rule, ready to be evaluated; what every decision asks of it is looked up once.

    Attributes:
        rule: What its text says.
        published: How it was published.
        mark: Names the version as it was published.
        effect: What it does: force or forbid an outcome, or bring points.
        max_share: Of recent decisions it may hit.
        explainer: Says why it hit.
    """

    rule: Rule
    published: PublishedRule
    mark: Mark
    effect: tuple[Effect, str | None, float | None]
    max_share: float
    explainer: Explainer

    @classmethod
    def of(cls, rule: Rule, published: PublishedRule) -> Self:
        """A version as it was published."""
        return cls(
            rule=rule,
            published=published,
            mark=(published.id, published.version, published.step),
            effect=_effect(rule),
            max_share=rule.declaration.max_share,
            explainer=Explainer(rule.condition),
        )

    def is_for(self, entity: str | None) -> bool:
        """Whether a roll-out reaches an entity; of one that is not known, nobody can say that it does."""
        percent = self.published.percent or 0
        return entity is not None and is_reached(entity, percent, bytes.fromhex(self.published.key))


def _effect(rule: Rule) -> tuple[Effect, str | None, float | None]:
    declared = rule.declaration
    if declared.outcome is None:
        return "score", None, declared.score
    if declared.outcome.force is not None:
        return "force", declared.outcome.force, None
    return "forbid", declared.outcome.forbid, None


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
        hits: Versions that have effect on this subject and hit.
        shadow: Versions without effect that hit.
        spared: Versions that have effect on others and not on this subject: of roll-outs that do not reach it, and
            live ones in whose place one does.
    """

    hits: tuple[Hit, ...]
    shadow: tuple[Hit, ...]
    spared: tuple[Mark, ...]

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
            ActiveRule.of(parse_rule(each.source, file=f"{each.id} version {each.version}", schema=schema), each)
            for each in publication.rules
        )
        self.lists: dict[str, MemberList] = publication.member_lists()
        self._conditions = Conditions(active.rule.condition for active in self.rules)
        self._published: tuple[ActiveStage, ...] = tuple(each.stage for each in publication.rules)
        self._places = {active.mark: index for index, active in enumerate(self.rules)}
        self._rollouts = tuple(
            (index, tuple(place for place, sibling in enumerate(publication.rules) if sibling.id == each.id))
            for index, each in enumerate(publication.rules)
            if each.stage == "rollout"
        )

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
        stages, spared = self._stages(entity, stopped)
        hits = [
            Hit(self.rules[index], stage)
            for index in self._conditions.true_of(facts)
            if (stage := stages[index]) is not None
        ]
        return Judgement(
            hits=tuple(hit for hit in hits if hit.stage != "shadow"),
            shadow=tuple(hit for hit in hits if hit.stage == "shadow"),
            spared=tuple(self.rules[index].mark for index in spared),
        )

    def _stages(self, entity: str | None, stopped: Collection[Mark]) -> tuple[list[ActiveStage | None], list[int]]:
        """
        Each version's stage for this subject, None of a live one in whose place a roll-out's stands; and who is spared.

        Most rules are live for everybody: only what differs from what was published is looked at.
        """
        stages: list[ActiveStage | None] = list(self._published)
        spared: list[int] = []
        for mark in stopped:
            if (index := self._places.get(mark)) is not None:
                stages[index] = "shadow"
        for index, siblings in self._rollouts:
            if stages[index] == "shadow":
                continue
            if not self.rules[index].is_for(entity):
                stages[index] = "shadow"
                spared.append(index)
                continue
            for live in (place for place in siblings if stages[place] == "live"):
                stages[live] = None
                spared.append(live)
        return stages, spared


def why(hit: Hit, facts: Facts) -> tuple[Reason, ...]:
    """The comparisons that made a rule hit."""
    return hit.active.explainer.reasons(facts)
