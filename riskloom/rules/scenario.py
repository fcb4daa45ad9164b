"""A scenario: rules with points that together make a typology, and what happens from how many points on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Literal

from riskloom.errors import CatalogError, Mistake
from riskloom.rules.declaration import AlertLevel, InterdictionLevel, RuleDeclaration, ScenarioDeclaration
from riskloom.rules.document import Document, read_document
from riskloom.rules.rule import Rule
from riskloom.rules.schema import Schema, nearest
from riskloom.rules.to_sql import Table, to_sql
from riskloom.rules.tree import Node, fields_of
from riskloom.sql import Parameters

LevelName = Literal["alert", "interdiction"]


@dataclass(frozen=True, slots=True)
class Reached:
    """
    The level that points come to.

    Attributes:
        level: The alert's or the interdiction's.
        threshold: From how many points on.
        force: The outcome that it forces; None where it only alerts.
    """

    level: LevelName
    threshold: float
    force: str | None


@dataclass(frozen=True, slots=True)
class Scenario:
    """
    A scenario that can be evaluated.

    It names rules, not versions of them: a rule brings the score of whichever version hit.
    """

    declaration: ScenarioDeclaration

    @property
    def id(self) -> str:
        """Its name, that of its file."""
        return self.declaration.id

    def brought(self, scores: Mapping[str, float]) -> dict[str, float]:
        """What each of its rules that hit brings: score times weight; ``scores`` are of the rules that hit."""
        weights = self.declaration.rules
        return {rule: weight * scores[rule] for rule, weight in weights.items() if rule in scores}

    def points(self, scores: Mapping[str, float]) -> float:
        """The sum of what is brought, in the order of its file: that of its SQL to the last bit."""
        return reduce(add, self.brought(scores).values(), 0.0)  # sum() rounds otherwise, from Python 3.12 on

    def reached(self, points: float) -> Reached | None:
        """The highest level that points come to; None below the alert."""
        interdiction, alert = self.declaration.interdiction, self.declaration.alert
        if points >= interdiction.points:
            return _reached("interdiction", interdiction)
        return _reached("alert", alert) if points >= alert.points else None


@dataclass(frozen=True, slots=True)
class CountedScenario:
    """
    A scenario with the versions of rules that a history is counted with.

    Attributes:
        scenario: What is counted.
        rules: By id; one that it names and that is not there brings nothing.
    """

    scenario: Scenario
    rules: Mapping[str, Rule]

    @property
    def id(self) -> str:
        """The scenario's name."""
        return self.scenario.id

    def fields(self) -> tuple[str, ...]:
        """What the conditions of its rules ask for."""
        asked = (name for rule in self._counted() for name in fields_of(rule.condition))
        return tuple(dict.fromkeys(asked))

    def signs(self) -> tuple[Node, ...]:
        """Conditions of which at least one holds wherever it comes to a level: those that bring points above zero."""
        return tuple(rule.condition for rule in self._counted() if (rule.declaration.score or 0.0) > 0)

    def points_sql(self, table: Table, parameters: Parameters) -> str:
        """Its points as an SQL expression: a double, never null."""
        weights = self.scenario.declaration.rules
        terms = [
            f"case when {to_sql(rule.condition, table, parameters)} then "
            f"cast({parameters.add(weights[rule.id] * (rule.declaration.score or 0.0))} as {table.dialect.double}) "
            "else 0e0 end"
            for rule in self._counted()
        ]
        return f"({' + '.join(['0e0', *terms])})"

    def reaches_sql(self, level: LevelName, table: Table, parameters: Parameters) -> str:
        """Whether it comes to a level, as SQL: true or false, never null."""
        declared = self.scenario.declaration
        threshold = (declared.alert if level == "alert" else declared.interdiction).points
        bound = f"cast({parameters.add(threshold)} as {table.dialect.double})"
        return f"{self.points_sql(table, parameters)} >= {bound}"

    def _counted(self) -> list[Rule]:
        return [self.rules[name] for name in self.scenario.declaration.rules if name in self.rules]


def is_scenario(document: Document) -> bool:
    """Whether a document adds up rules; any other is held to be a rule."""
    return "rules" in document.content


def parse_scenario(
    text: str, *, file: str, schema: Schema, rules: Mapping[str, RuleDeclaration] | None = None
) -> Scenario:
    """
    Read a scenario from the text of its file, or as a person typed it.

    Args:
        text: YAML.
        file: What mistakes call it.
        schema: The outcomes that it may force.
        rules: Those that it may name, by id; None where that was seen to when it was written, since rules come and go.

    Raises:
        CatalogError: It is no scenario, names a rule that is not there or has no score, or cannot be reached; every
            mistake is listed with its line.
    """
    document = read_document(text, file)
    declaration = document.validated(ScenarioDeclaration)
    mistakes = list(_outcome_mistakes(declaration, document, schema))
    if rules is not None:
        mistakes = [*_rule_mistakes(declaration, document, rules), *mistakes]
        mistakes += () if mistakes else _threshold_mistakes(declaration, document, rules)
    if mistakes:
        raise CatalogError(mistakes)
    return Scenario(declaration)


def _reached(level: LevelName, declared: AlertLevel | InterdictionLevel) -> Reached:
    return Reached(level, declared.points, declared.force)


def _rule_mistakes(
    declaration: ScenarioDeclaration, document: Document, rules: Mapping[str, RuleDeclaration]
) -> Iterator[Mistake]:
    for name in declaration.rules:
        if name not in rules:
            yield document.mistake(("rules", name), nearest(name, rules), f"the rule {name!r}")
        elif rules[name].score is None:
            yield document.mistake(
                ("rules", name), "a rule with a score", f"{name!r}, which decides the outcome itself"
            )


def _threshold_mistakes(
    declaration: ScenarioDeclaration, document: Document, rules: Mapping[str, RuleDeclaration]
) -> Iterator[Mistake]:
    most = sum(max(weight * (rules[name].score or 0.0), 0.0) for name, weight in declaration.rules.items())
    if most < declaration.interdiction.points:
        expected = f"at most the {most:g} points of all its rules"
        yield document.mistake(("interdiction", "from"), expected, f"{declaration.interdiction.points:g}")


def _outcome_mistakes(declaration: ScenarioDeclaration, document: Document, schema: Schema) -> Iterator[Mistake]:
    levels = {"alert": declaration.alert.force, "interdiction": declaration.interdiction.force}
    forced = {level: outcome for level, outcome in levels.items() if outcome is not None}
    unknown = {level: outcome for level, outcome in forced.items() if outcome not in schema.outcomes}
    for level, outcome in unknown.items():
        yield document.mistake((level, "force"), nearest(outcome, schema.outcomes), repr(outcome))
    if unknown or "alert" not in forced:
        return
    if schema.outcomes.index(forced["interdiction"]) < schema.outcomes.index(forced["alert"]):
        expected = f"an outcome that is no milder than the alert's {forced['alert']!r}"
        yield document.mistake(("interdiction", "force"), expected, repr(forced["interdiction"]))
