"""How rules and scenarios hang together: what a scenario adds up, and which scenarios count on a rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session

from riskloom.ledger.schema import RuleVersion
from riskloom.lifecycle.stages import rule_state
from riskloom.lifecycle.transitions import Placement
from riskloom.lifecycle.versions import get_version, newest_versions
from riskloom.rules.declaration import RuleDeclaration, ScenarioDeclaration
from services.console.rule_list import leading_version, readable
from services.console.rulebook import ShownRules


@dataclass(frozen=True, slots=True)
class Part:
    """
    A rule that a scenario adds up.

    Attributes:
        rule_id: Which rule.
        weight: What its score is multiplied by.
        declaration: What its leading version or else its file says; None where there is no such rule to be read.
        place: Where its leading version is; None of a rule that is no version.
    """

    rule_id: str
    weight: float
    declaration: RuleDeclaration | None
    place: Placement | None

    @property
    def points(self) -> float | None:
        """What it brings where it hits; None where it has no score."""
        score = self.declaration.score if self.declaration else None
        return None if score is None else score * self.weight


@dataclass(frozen=True, slots=True)
class Counting:
    """A scenario that counts on a rule, and the weight it gives it."""

    scenario_id: str
    title: str
    weight: float


def parts_of(session: Session, domain: str, scenario: ScenarioDeclaration, book: ShownRules) -> tuple[Part, ...]:
    """The rules of a scenario, in the order of its text, each as its leading version says it."""
    return tuple(_part(session, domain, name, weight, book) for name, weight in scenario.rules.items())


def counting_on(session: Session, domain: str, rule_id: str, book: ShownRules) -> tuple[Counting, ...]:
    """The scenarios that count on a rule, by their ids: their leading versions, and files that are no version yet."""
    return tuple(
        Counting(each.id, each.title, each.rules[rule_id])
        for each in sorted(_scenarios(session, domain, book), key=lambda each: each.id)
        if rule_id in each.rules
    )


def scored_rules(session: Session, domain: str) -> dict[str, RuleDeclaration]:
    """The rules that a scenario may name, by id: those in the ledger, with a score and not retired."""
    found = {name: readable(version.source) for name, version in newest_versions(session, domain).items()}
    return {name: each for name, each in found.items() if isinstance(each, RuleDeclaration) and each.score is not None}


def _part(session: Session, domain: str, rule_id: str, weight: float, book: ShownRules) -> Part:
    state, file = rule_state(session, domain, rule_id), book.files.get(rule_id)
    if state.placements:
        number = leading_version(state)
        said, place = readable(get_version(session, domain, rule_id, number).source), state.placements[number]
    else:
        said, place = file.declaration if file else None, None
    return Part(rule_id, weight, said if isinstance(said, RuleDeclaration) else None, place)


def _scenarios(session: Session, domain: str, book: ShownRules) -> Iterator[ScenarioDeclaration]:
    """Each scenario as its leading version says it; retired ones count on nothing."""
    statement = select(RuleVersion).where(RuleVersion.domain == domain, RuleVersion.kind == "scenario")
    versions = session.scalars(statement.order_by(RuleVersion.rule_id, RuleVersion.version)).all()
    said = {name: file.declaration for name, file in book.files.items()}
    for name, group in groupby(versions, key=lambda version: version.rule_id):
        said.pop(name, None)
        state = rule_state(session, domain, name)
        leading = leading_version(state)
        found = next(readable(version.source) for version in group if version.version == leading)
        if found is not None and state.placements[leading].stage != "retired":
            said[name] = found
    yield from (each for each in said.values() if isinstance(each, ScenarioDeclaration))
