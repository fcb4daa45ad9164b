"""A scenario: rules with points that together make a typology, and what happens from how many points on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from riskloom.errors import CatalogError, Mistake
from riskloom.rules.declaration import ScenarioDeclaration
from riskloom.rules.document import Document, read_document
from riskloom.rules.rule import Rule
from riskloom.rules.schema import Schema, nearest
from riskloom.rules.to_sql import Table, to_sql
from riskloom.rules.tree import Node
from riskloom.sql import Parameters


@dataclass(frozen=True, slots=True)
class Contribution:
    """What a rule that hits adds to a scenario: its score times its weight there."""

    rule: str
    condition: Node
    points: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario that can be evaluated; points are added in the order of its file, the same in both evaluations."""

    declaration: ScenarioDeclaration
    contributions: tuple[Contribution, ...]

    @property
    def id(self) -> str:
        """Its name, that of its file."""
        return self.declaration.id


def parse_scenario(text: str, *, file: str, schema: Schema, rules: Mapping[str, Rule]) -> Scenario:
    """
    Read a scenario from the text of its file, or as a person typed it.

    Raises:
        CatalogError: It is no scenario, names a rule that is not there or has no score, or cannot be reached; every
            mistake is listed with its line.
    """
    document = read_document(text, file)
    declaration = document.validated(ScenarioDeclaration)
    mistakes = [*_rule_mistakes(declaration, document, rules), *_outcome_mistakes(declaration, document, schema)]
    if mistakes:
        raise CatalogError(mistakes)
    contributions = tuple(
        Contribution(name, rules[name].condition, weight * (rules[name].declaration.score or 0.0))
        for name, weight in declaration.rules.items()
    )
    most = sum(contribution.points for contribution in contributions if contribution.points > 0)
    if most < declaration.interdiction.points:
        expected = f"at most the {most:g} points of all its rules"
        raise CatalogError(
            [document.mistake(("interdiction", "from"), expected, f"{declaration.interdiction.points:g}")]
        )
    return Scenario(declaration, contributions)


def points_sql(scenario: Scenario, table: Table, parameters: Parameters) -> str:
    """The points of a scenario as an SQL expression: a double, never null."""
    terms = [
        f"case when {to_sql(each.condition, table, parameters)} "
        f"then cast({parameters.add(each.points)} as {table.dialect.double}) else 0e0 end"
        for each in scenario.contributions
    ]
    return f"(0e0 + {' + '.join(terms)})"


def _rule_mistakes(
    declaration: ScenarioDeclaration, document: Document, rules: Mapping[str, Rule]
) -> Iterator[Mistake]:
    for name in declaration.rules:
        if name not in rules:
            yield document.mistake(("rules", name), nearest(name, rules), f"the rule {name!r}")
        elif rules[name].declaration.score is None:
            yield document.mistake(
                ("rules", name), "a rule with a score", f"{name!r}, which decides the outcome itself"
            )


def _outcome_mistakes(declaration: ScenarioDeclaration, document: Document, schema: Schema) -> Iterator[Mistake]:
    levels = {"alert": declaration.alert.force, "interdiction": declaration.interdiction.force}
    unknown = {level: outcome for level, outcome in levels.items() if outcome not in schema.outcomes}
    for level, outcome in unknown.items():
        yield document.mistake((level, "force"), nearest(outcome, schema.outcomes), repr(outcome))
    if not unknown and schema.outcomes.index(levels["interdiction"]) < schema.outcomes.index(levels["alert"]):
        expected = f"an outcome that is no milder than the alert's {levels['alert']!r}"
        yield document.mistake(("interdiction", "force"), expected, repr(levels["interdiction"]))
