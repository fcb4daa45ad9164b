"""What is in force on the path of a decision: compiled together, and for each subject in effect or in shadow."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Self

from riskloom.lifecycle.assignment import is_reached
from riskloom.lifecycle.publication import ActiveStage, Publication, PublishedRule
from riskloom.rules import (
    Conditions,
    Explainer,
    Facts,
    MemberList,
    Reached,
    Reason,
    Rule,
    Scenario,
    Schema,
    parse_rule,
    parse_scenario,
)

#: A version at a step: what was stopped then is not stopped once somebody has moved the rule again.
Mark = tuple[str, int, int]
Effect = Literal["force", "forbid", "score"]


@dataclass(frozen=True, slots=True)
class _Active:
    published: PublishedRule
    mark: Mark
    max_share: float

    def is_for(self, entity: str | None) -> bool:
        """Whether a roll-out reaches an entity; of one that is not known, nobody can say that it does."""
        percent = self.published.percent or 0
        return entity is not None and is_reached(entity, percent, bytes.fromhex(self.published.key))


@dataclass(frozen=True, slots=True)
class ActiveRule(_Active):
    """
    A version of a rule, ready to be evaluated; what every decision asks of it is looked up once.

    Attributes:
        published: How it was published.
        mark: Names the version as it was published.
        max_share: Of recent decisions it may hit.
        rule: What its text says.
        effect: What it does: force or forbid an outcome, or bring points.
        explainer: Says why it hit.
    """

    rule: Rule
    effect: tuple[Effect, str | None, float | None]
    explainer: Explainer

    @classmethod
    def of(cls, rule: Rule, published: PublishedRule) -> Self:
        """A version as it was published."""
        return cls(
            published=published,
            mark=_mark(published),
            max_share=rule.declaration.max_share,
            rule=rule,
            effect=_effect(rule),
            explainer=Explainer(rule.condition),
        )


@dataclass(frozen=True, slots=True)
class ActiveScenario(_Active):
    """
    A version of a scenario, ready to be evaluated.

    Attributes:
        published: How it was published.
        mark: Names the version as it was published.
        max_share: Of recent decisions may come to its alert.
        scenario: What its text says.
    """

    scenario: Scenario

    @classmethod
    def of(cls, scenario: Scenario, published: PublishedRule) -> Self:
        """A version as it was published."""
        return cls(
            published=published,
            mark=_mark(published),
            max_share=scenario.declaration.max_share,
            scenario=scenario,
        )


def _mark(published: PublishedRule) -> Mark:
    return published.id, published.version, published.step


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
class ScenarioHit:
    """
    A version of a scenario that came to a level.

    Attributes:
        active: Which.
        stage: As live, in roll-out or in shadow for this subject.
        reached: The level.
        points: The sum.
        brought: What each rule brought, by id.
    """

    active: ActiveScenario
    stage: ActiveStage
    reached: Reached
    points: float
    brought: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Judgement:
    """
    What is in force says of one subject.

    Attributes:
        hits: Rules that have effect on this subject and hit.
        shadow: Rules without effect that hit.
        spared: Versions that have effect on others and not on this subject: of roll-outs that do not reach it, and
            live ones in whose place one does.
        scenarios: Those in effect that came to a level, by the rules in effect.
        would_reach: All that would have come to one had everything in shadow been live.
    """

    hits: tuple[Hit, ...]
    shadow: tuple[Hit, ...]
    spared: tuple[Mark, ...]
    scenarios: tuple[ScenarioHit, ...] = ()
    would_reach: tuple[ScenarioHit, ...] = ()

    @property
    def shadow_scenarios(self) -> tuple[ScenarioHit, ...]:
        """Scenarios that came to a level without effect: themselves in shadow, or by points of rules in shadow."""
        present = {(hit.active.mark, hit.reached) for hit in self.scenarios}
        others = (hit for hit in self.would_reach if (hit.active.mark, hit.reached) not in present)
        return tuple(replace(hit, stage="shadow") for hit in others)

    def forced(self, *, with_shadow: bool = False) -> dict[str, list[str]]:
        """The outcomes that must be, with who says so; with those in shadow, what would have to be."""
        said = self._outcomes("force", with_shadow=with_shadow)
        for hit in self.would_reach if with_shadow else self.scenarios:
            if hit.reached.force is not None:
                said.setdefault(hit.reached.force, []).append(hit.active.published.id)
        return said

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
    The rules and scenarios in force in a domain, compiled.

    Args:
        publication: What was published.
        schema: The names that conditions may use now.

    Attributes:
        version: Of what was published.
        published_at: When.
        rules: The versions of rules.
        scenarios: The versions of scenarios.
        marks: All of them, as they were published.
        lists: The lists as conditions ask them.

    Raises:
        CatalogError: One does not fit the schema any more; nothing of it can be relied on then.
    """

    def __init__(self, publication: Publication, schema: Schema) -> None:
        self.version = publication.version
        self.published_at: datetime = publication.published_at
        self.rules = tuple(
            ActiveRule.of(parse_rule(each.source, file=_name(each), schema=schema), each) for each in publication.rules
        )
        self.scenarios = tuple(
            ActiveScenario.of(parse_scenario(each.source, file=_name(each), schema=schema), each)
            for each in publication.scenarios
        )
        self.marks = frozenset(active.mark for active in (*self.rules, *self.scenarios))
        self.lists: dict[str, MemberList] = publication.member_lists()
        self._conditions = Conditions(active.rule.condition for active in self.rules)
        self._rule_stages, self._scenario_stages = _Stages(self.rules), _Stages(self.scenarios)

    def judge(self, facts: Facts, entity: str | None, stopped: Collection[Mark] = ()) -> Judgement:
        """
        Evaluate every rule on one subject, then the scenarios on the rules that hit.

        Args:
            facts: Of the decision, with these rules' lists.
            entity: Whom the subject belongs to; chooses whom roll-outs reach.
            stopped: Versions that have no effect whatever was published: they are in shadow.

        Raises:
            ContractError: A value of the event has another type than its column.
        """
        stages, spared = self._rule_stages.of(entity, stopped)
        found = [
            Hit(self.rules[index], stage)
            for index in self._conditions.true_of(facts)
            if (stage := stages[index]) is not None
        ]
        hits = tuple(hit for hit in found if hit.stage != "shadow")
        shadow = tuple(hit for hit in found if hit.stage == "shadow")
        if not self.scenarios:
            return Judgement(hits, shadow, spared)
        levels, spared_scenarios = self._scenario_stages.of(entity, stopped)
        return Judgement(
            hits=hits,
            shadow=shadow,
            spared=(*spared, *spared_scenarios),
            scenarios=tuple(hit for hit in self._reached(levels, hits) if hit.stage != "shadow"),
            would_reach=tuple(self._reached(levels, (*hits, *shadow))),
        )

    def _reached(self, stages: Sequence[ActiveStage | None], hits: Sequence[Hit]) -> list[ScenarioHit]:
        """The scenarios that come to a level with some rules."""
        scores = _scores(hits)
        found = []
        for active, stage in zip(self.scenarios, stages, strict=True):
            points = active.scenario.points(scores)
            reached = active.scenario.reached(points)
            if stage is not None and reached is not None:
                found.append(ScenarioHit(active, stage, reached, points, active.scenario.brought(scores)))
        return found


def why(hit: Hit, facts: Facts) -> tuple[Reason, ...]:
    """The comparisons that made a rule hit."""
    return hit.active.explainer.reasons(facts)


def _name(published: PublishedRule) -> str:
    return f"{published.id} version {published.version}"


def _scores(hits: Sequence[Hit]) -> dict[str, float]:
    """What rules that hit bring, by id; of several versions of a rule, the newest counts."""
    by_version = sorted(hits, key=lambda hit: hit.active.published.version)
    scores = ((hit.active.published.id, hit.active.rule.declaration.score) for hit in by_version)
    return {name: score for name, score in scores if score is not None}


class _Stages:
    """
    In which stage each version is for a subject.

    Most are live for everybody: only what differs from what was published is looked at.
    """

    def __init__(self, actives: Sequence[_Active]) -> None:
        self._actives = actives
        self._published: tuple[ActiveStage, ...] = tuple(each.published.stage for each in actives)
        self._places = {each.mark: index for index, each in enumerate(actives)}
        self._rollouts = tuple(
            (index, tuple(place for place, sibling in enumerate(actives) if sibling.mark[0] == each.mark[0]))
            for index, each in enumerate(actives)
            if each.published.stage == "rollout"
        )

    def of(self, entity: str | None, stopped: Collection[Mark]) -> tuple[list[ActiveStage | None], tuple[Mark, ...]]:
        """Each version's stage, None of a live one in whose place a roll-out's stands; and who is spared."""
        stages: list[ActiveStage | None] = list(self._published)
        spared: list[int] = []
        for mark in stopped:
            if (index := self._places.get(mark)) is not None:
                stages[index] = "shadow"
        for index, siblings in self._rollouts:
            if stages[index] == "shadow":
                continue
            if not self._actives[index].is_for(entity):
                stages[index] = "shadow"
                spared.append(index)
                continue
            for live in (place for place in siblings if stages[place] == "live"):
                stages[live] = None
                spared.append(live)
        return stages, tuple(self._actives[index].mark for index in spared)
