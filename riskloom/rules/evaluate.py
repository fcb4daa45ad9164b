"""
Compile checked conditions to Python closures.

A condition becomes two closures where both are needed: ``is_true`` and ``is_false``; where neither holds it is unknown.
So Kleene's logic costs nothing: a conjunction is true where all terms are, false where any is, and each is Python's own
short-circuit. A set of rules needs ``is_true`` alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from riskloom.rules import operations as ops
from riskloom.rules.check import may_be_infinite, type_of
from riskloom.rules.operations import Row, Test, Value
from riskloom.rules.tree import (
    OPPOSITE,
    And,
    Arithmetic,
    Call,
    Comparison,
    Field,
    InList,
    InSet,
    Literal,
    Negative,
    Node,
    Not,
    Or,
    fields_of,
    lists_of,
    walk,
)

_UNSET = object()
_PAIR, _TRIPLE = 2, 3
_WORTH_SHARING = 3


class Compiler:
    """
    Compile conditions that are evaluated on the same rows.

    Args:
        conditions: All of them. What two of them compute is computed once for a row.

    Attributes:
        fields: Types by name, in the order of their slots, which begin at 1: those of the event, the features, the
            score. Slot 0 has the decision's time.
        lists: Names of the lists, in the slots behind the fields.
    """

    def __init__(self, conditions: Iterable[Node]) -> None:
        trees = list(conditions)
        self.fields = dict(sorted((name, kind) for tree in trees for name, kind in fields_of(tree).items()))
        self.lists = tuple(dict.fromkeys(name for tree in trees for name in lists_of(tree)))
        self._slots = {name: slot for slot, name in enumerate((*self.fields, *map(_list_slot, self.lists)), start=1)}
        counts = Counter(node for tree in trees for node in walk(tree))
        self._shared = {
            node
            for node, count in counts.items()
            if count > 1 and _cost(node) >= _WORTH_SHARING and not _is_constant(node)
        }
        self._remembered: dict[tuple[str, Node], Callable[[Row], Any]] = {}

    @property
    def tail(self) -> list[object]:
        """What a row has behind its fields and lists: empty places for what is shared."""
        return [_UNSET] * len(self._remembered)

    def is_true(self, node: Node) -> Test:
        """Whether a condition is true."""
        return self._memo("true", node, self._true)

    def is_false(self, node: Node) -> Test:
        """Whether a condition is false."""
        return self._memo("false", node, self._false)

    def value(self, node: Node) -> Value:
        """The value of a node; NaN or None where it is missing or unknown."""
        return self._memo("value", node, self._value)

    def _memo(self, mode: str, node: Node, build: Callable[[Node], Value]) -> Value:
        if node not in self._shared:
            return build(node)
        key = (mode, node)
        if key not in self._remembered:
            compute = build(node)
            self._remembered[key] = _remember(compute, 1 + len(self._slots) + len(self._remembered))
        return self._remembered[key]

    def _true(self, node: Node) -> Test:
        match node:
            case And(terms=terms):
                return _all([self.is_true(term) for term in terms])
            case Or(terms=terms):
                return _any([self.is_true(term) for term in terms])
            case Not(operand=operand):
                return self.is_false(operand)
            case Comparison():
                return self._comparison(node)
            case InSet():
                return _in_set(self._finite(node.item), node)
            case InList():
                return _in_list(self._finite(node.item), self._slots[_list_slot(node.list_name)])
            case Call(function="is_missing", arguments=(operand,)):
                return self._is_missing(operand, answer=True)
            case Call(function=name) if name in ops.TEXT_TESTS:
                return self._text_test(node, answer=True)
            case _:
                return _equals(self.value(node), expected=True)

    def _false(self, node: Node) -> Test:
        match node:
            case And(terms=terms):
                return _any([self.is_false(term) for term in terms])
            case Or(terms=terms):
                return _all([self.is_false(term) for term in terms])
            case Not(operand=operand):
                return self.is_true(operand)
            case Comparison(operator=operator, left=left, right=right):
                return self.is_true(Comparison(OPPOSITE[operator], left, right))
            case InSet(item=item) | InList(item=item):
                return _present_and_not(self._is_missing(item, answer=True), self.is_true(node))
            case Call(function="is_missing", arguments=(operand,)):
                return self._is_missing(operand, answer=False)
            case Call(function=name) if name in ops.TEXT_TESTS:
                return self._text_test(node, answer=False)
            case _:
                return _equals(self.value(node), expected=False)

    def _value(self, node: Node) -> Value:
        match node:
            case Literal(value=constant):
                return lambda _row: constant
            case Field(name=name):
                slot = self._slots[name]
                return lambda row: row[slot]
            case Negative(operand=operand):
                value = self.value(operand)
                return lambda row: -value(row)
            case Arithmetic(operator=operator, left=left, right=right):
                return _folded(node, ops.ARITHMETIC[operator](self.value(left), self.value(right)))
            case Call(function=name) if type_of(node).is_double:
                return _folded(node, self._computed(node))
            case Call(function="coalesce", arguments=arguments):
                return ops.first_object([self.value(argument) for argument in arguments])
            case _:
                return _three_valued(self.is_true(node), self.is_false(node))

    def _computed(self, node: Call) -> Value:
        """A function whose result is a double."""
        values = [self._finite(argument) for argument in node.arguments]
        match node.function:
            case "abs":
                value = values[0]
                return lambda row: abs(value(row))
            case "round_to":
                step = node.arguments[1]
                return ops.round_to(values[0], float(step.value) if isinstance(step, Literal) else 1.0)
            case "hour_of_day":
                return ops.hour_of_day(values[0])
            case "day_of_week":
                return ops.day_of_week(values[0])
            case name:
                choose = {"min": ops.least, "max": ops.greatest, "coalesce": ops.first_double}[name]
                return choose(values)

    def _finite(self, node: Node) -> Value:
        """The value where arithmetic ends: what is too large for a double is missing."""
        value = self.value(node)
        return ops.finite(value) if may_be_infinite(node) else value

    def _comparison(self, node: Comparison) -> Test:
        left, right, operator = node.left, node.right, node.operator
        if not type_of(left).is_double:
            return ops.OBJECTS[operator](self.value(left), self.value(right))
        bound = _constant(self._finite(right)) if _is_constant(right) else None
        if isinstance(left, Field) and bound is not None:
            return ops.SLOT_WITH_CONSTANT[operator](self._slots[left.name], bound)
        return ops.DOUBLES[operator](self._finite(left), self._finite(right))

    def _is_missing(self, operand: Node, *, answer: bool) -> Test:
        value = self._finite(operand)
        if type_of(operand).is_double:
            return lambda row: ((x := value(row)) != x) is answer
        return lambda row: (value(row) is None) is answer

    def _text_test(self, node: Call, *, answer: bool) -> Test:
        text, pattern = node.arguments
        test = ops.TEXT_TESTS[node.function](str(pattern.value) if isinstance(pattern, Literal) else "")
        value = self.value(text)
        return lambda row: (x := value(row)) is not None and test(x) is answer


def _list_slot(name: str) -> str:
    return f"list.{name}"


def _cost(node: Node) -> int:
    return sum(not isinstance(below, Literal) for below in walk(node))


def _is_constant(node: Node) -> bool:
    return not any(isinstance(below, Field | InList) for below in walk(node))


def _constant(value: Value) -> Any:
    return value([])


def _folded(node: Node, value: Value) -> Value:
    """A value that is the same for all rows, computed once."""
    if not _is_constant(node):
        return value
    constant = _constant(value)
    return lambda _row: constant


def _remember(compute: Value, slot: int) -> Value:
    def remembered(row: Row) -> Any:
        found = row[slot]
        if found is _UNSET:
            found = row[slot] = compute(row)
        return found

    return remembered


def _all(tests: Sequence[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    if len(tests) == _PAIR:
        first, second = tests
        return lambda row: first(row) and second(row)
    if len(tests) == _TRIPLE:
        first, second, third = tests
        return lambda row: first(row) and second(row) and third(row)
    first, rest = _all(tests[:_PAIR]), _all(tests[_PAIR:])
    return lambda row: first(row) and rest(row)


def _any(tests: Sequence[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    if len(tests) == _PAIR:
        first, second = tests
        return lambda row: first(row) or second(row)
    half = len(tests) // 2
    first, rest = _any(tests[:half]), _any(tests[half:])
    return lambda row: first(row) or rest(row)


def _equals(value: Value, *, expected: bool) -> Test:
    return lambda row: value(row) is expected


def _three_valued(is_true: Test, is_false: Test) -> Value:
    return lambda row: True if is_true(row) else False if is_false(row) else None


def _present_and_not(is_missing: Test, test: Test) -> Test:
    return lambda row: not is_missing(row) and not test(row)


def _in_set(value: Value, node: InSet) -> Test:
    members = frozenset(member.value for member in node.members)
    return lambda row: value(row) in members


def _in_list(value: Value, slot: int) -> Test:
    def is_member(row: Row) -> bool:
        spans = row[slot].get(value(row))
        return spans is not None and any(start <= row[0] < end for start, end in spans)

    return is_member
