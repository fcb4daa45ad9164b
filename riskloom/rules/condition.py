"""From the text of a condition to its checked tree, and to its answer for one row."""

from __future__ import annotations

from riskloom.rules.check import check
from riskloom.rules.evaluate import Compiler
from riskloom.rules.facts import Facts
from riskloom.rules.lexer import SyntaxMistakeError
from riskloom.rules.parser import parse
from riskloom.rules.row import RowReader
from riskloom.rules.schema import Schema
from riskloom.rules.to_sql import MAX_OPERANDS, operands_in_sql
from riskloom.rules.tree import Node, Position


class ConditionError(ValueError):
    """A condition that cannot be used: every mistake in it, each with its place."""

    def __init__(self, mistakes: list[SyntaxMistakeError]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("; ".join(map(str, mistakes)))


def read_condition(text: str, schema: Schema) -> Node:
    """
    Parse and check a condition.

    Raises:
        ConditionError: It does not follow the language, or names and types do not fit the schema.
    """
    try:
        tree, mistakes = check(parse(text), schema)
    except SyntaxMistakeError as error:
        raise ConditionError([error]) from error
    if not mistakes and (operands := operands_in_sql(tree)) > MAX_OPERANDS:
        expected = f"a condition that comes to at most {MAX_OPERANDS:,} operands; divide and nest less"
        mistakes = [SyntaxMistakeError(Position(1, 1), expected, f"{operands:,}")]
    if mistakes:
        raise ConditionError(mistakes)
    return tree


class Evaluation:
    """
    One condition, ready to be asked; many of them together are a ``RuleSet``.

    Args:
        condition: As ``read_condition`` gave it.
    """

    def __init__(self, condition: Node) -> None:
        compiler = Compiler([condition])
        self._is_true, self._is_false = compiler.is_true(condition), compiler.is_false(condition)
        self._reader = RowReader.of(compiler)

    def answer(self, facts: Facts) -> bool | None:
        """
        Whether the condition holds; None where that is unknown.

        Raises:
            ContractError: A value of the event has another type than its column.
        """
        row = self._reader.read(facts)
        return True if self._is_true(row) else False if self._is_false(row) else None
