"""Many rules, compiled together and evaluated on one row at a time: the hot path of a decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from riskloom.rules.evaluate import Compiler
from riskloom.rules.facts import Facts
from riskloom.rules.row import RowReader
from riskloom.rules.rule import Rule
from riskloom.rules.scenario import Scenario
from riskloom.rules.tree import Node


@dataclass(frozen=True, slots=True)
class Hits:
    """
    What the rules say of one row.

    Attributes:
        rules: Ids of the rules that hit, in the order of the set.
        forced: Outcomes that rules or scenarios force, each once.
        forbidden: Outcomes that rules forbid, each once.
        points: By scenario, the sum of its rules that hit.
        alerts: Scenarios that reached their alert, and not their interdiction.
        interdictions: Scenarios that reached their interdiction.
    """

    rules: tuple[str, ...]
    forced: tuple[str, ...]
    forbidden: tuple[str, ...]
    points: Mapping[str, float]
    alerts: tuple[str, ...]
    interdictions: tuple[str, ...]


class Conditions:
    """
    Conditions, compiled together so that what several of them compute is computed once for a row.

    Args:
        conditions: As ``read_condition`` gave them.
    """

    def __init__(self, conditions: Iterable[Node]) -> None:
        checked = tuple(conditions)
        compiler = Compiler(checked)
        self._tests = tuple((index, compiler.is_true(condition)) for index, condition in enumerate(checked))
        self._reader = RowReader.of(compiler)

    def true_of(self, facts: Facts) -> list[int]:
        """
        The indices of the conditions that hold; an unknown one does not.

        Raises:
            ContractError: A value of the event has another type than its column.
        """
        row = self._reader.read(facts)
        return [index for index, is_true in self._tests if is_true(row)]


class RuleSet:
    """
    Rules and scenarios, compiled together so that what several rules compute is computed once for a row.

    Args:
        rules: Evaluated in this order.
        scenarios: Of these rules.
    """

    def __init__(self, rules: Iterable[Rule], scenarios: Iterable[Scenario] = ()) -> None:
        self._rules = tuple(rules)
        self._scenarios = tuple(scenarios)
        self._conditions = Conditions(rule.condition for rule in self._rules)

    def evaluate(self, facts: Facts) -> Hits:
        """
        Evaluate every rule on one row; an unknown condition is no hit.

        Raises:
            ContractError: A value of the event has another type than its column.
        """
        hit = [self._rules[index].declaration for index in self._conditions.true_of(facts)]
        rules = tuple(declaration.id for declaration in hit)
        effects = [declaration.outcome for declaration in hit if declaration.outcome is not None]
        forced = [effect.force for effect in effects if effect.force is not None]
        forbidden = [effect.forbid for effect in effects if effect.forbid is not None]
        scores = {declaration.id: declaration.score for declaration in hit if declaration.score is not None}
        points = {scenario.id: scenario.points(scores) for scenario in self._scenarios}
        reached = {each.id: level for each in self._scenarios if (level := each.reached(points[each.id]))}
        forced += [level.force for level in reached.values() if level.force is not None]
        return Hits(
            rules=rules,
            forced=tuple(dict.fromkeys(forced)),
            forbidden=tuple(dict.fromkeys(forbidden)),
            points=points,
            alerts=tuple(name for name, level in reached.items() if level.level == "alert"),
            interdictions=tuple(name for name, level in reached.items() if level.level == "interdiction"),
        )
