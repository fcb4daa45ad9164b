"""Why a condition holds: the comparisons that made it true, and a condition as text again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from riskloom.rules.check import type_of
from riskloom.rules.evaluate import Compiler
from riskloom.rules.facts import Facts
from riskloom.rules.lexer import UNITS
from riskloom.rules.operations import Row, Value
from riskloom.rules.row import RowReader
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
    Name,
    Negative,
    Node,
    Not,
    Or,
    Type,
    children,
    walk,
)

_ESCAPED = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Reason:
    """
    One comparison that made a rule hit: had it turned out otherwise, the rule might not have.

    Attributes:
        expression: What was compared, such as ``event.amount``.
        operator: Such as ``>``, ``in``, ``matches``; within a ``not``, the opposite of what stands there.
        actual: What the row had; None where it was missing.
        bound: What it was compared with; None where there is nothing, as for ``is_missing``.
    """

    expression: str
    operator: str
    actual: float | str | bool | None
    bound: str | None

    def __str__(self) -> str:
        actual = "missing" if self.actual is None else _value(self.actual)
        return " ".join(part for part in (self.expression, actual, self.operator, self.bound) if part is not None)


def reasons(condition: Node, facts: Facts) -> tuple[Reason, ...]:
    """Why a condition holds on one row; see :meth:`Explainer.reasons`."""
    return Explainer(condition).reasons(facts)


class Explainer:
    """
    Says why one condition holds, row after row.

    Args:
        condition: As ``read_condition`` gave it.
    """

    def __init__(self, condition: Node) -> None:
        self._condition = condition
        compiler = Compiler([condition])
        # Everything that may be asked for is compiled before a row is made: what is shared needs its place in it.
        self._values = {node: compiler.value(node) for node in walk(condition)}
        self._reader = RowReader.of(compiler)

    def reasons(self, facts: Facts) -> tuple[Reason, ...]:
        """
        The comparisons that made the condition true, in the order of the text; none where it is not true.

        Of ``and`` these are those of all its terms, of ``or`` those of each term that is true.

        Raises:
            ContractError: A value of the event has another type than its column.
        """
        row = self._reader.read(facts)
        return tuple(dict.fromkeys(_Why(self._values, row).of(self._condition, wanted=True)))


class _Why:
    """Why a condition has its answer, of one row."""

    def __init__(self, values: Mapping[Node, Value], row: Row) -> None:
        self._values = values
        self._row = row

    def of(self, node: Node, *, wanted: bool) -> Iterator[Reason]:
        if self._values[node](self._row) is not wanted:
            return
        match node:
            case Not(operand=operand):
                yield from self.of(operand, wanted=not wanted)
            case And(terms=terms) | Or(terms=terms):
                for term in terms:
                    yield from self.of(term, wanted=wanted)
            case _:
                yield self._reason(node, is_negated=not wanted)

    def _actual(self, node: Node) -> float | str | bool | None:
        value = self._values[node](self._row)
        is_missing = value is None or value != value  # noqa: PLR0124 - NaN differs from itself
        if is_missing or isinstance(value, bool | str):
            return None if is_missing else value
        return value if type_of(node) is Type.NUMBER else _moment(value, type_of(node))

    def _reason(self, node: Node, *, is_negated: bool) -> Reason:
        no = "not " if is_negated else ""
        match node:
            case Comparison(operator=operator, left=left, right=right):
                bound = (
                    render(right) if isinstance(right, Literal) else f"{render(right)} {_value(self._actual(right))}"
                )
                return Reason(render(left), OPPOSITE[operator] if is_negated else operator, self._actual(left), bound)
            case InSet(item=item, members=members):
                return Reason(render(item), f"{no}in", self._actual(item), f"[{', '.join(map(render, members))}]")
            case InList(item=item, list_name=name):
                return Reason(render(item), f"{no}in", self._actual(item), f"list.{name}")
            case Call(function=function, arguments=(item, Literal() as part)) if type_of(node) is Type.BOOLEAN:
                return Reason(render(item), f"{no}{function}", self._actual(item), render(part))
            case Call(function="is_missing", arguments=(item,)):
                return Reason(render(item), f"{no}is_missing", self._actual(item), None)
            case _:
                actual = self._actual(node)
                return Reason(render(node), "==", actual, _value(actual))


def render(node: Node) -> str:
    """A node as text; parsed again it is the same tree."""
    match node:
        case Literal(value=value, type=kind):
            return _literal(value, kind)
        case Name(name=name) | Field(name=name):
            return name
        case Negative(operand=operand):
            return f"-{_operand(operand)}"
        case Not(operand=operand):
            return f"not {_operand(operand)}"
        case (
            Arithmetic(operator=operator, left=left, right=right)
            | Comparison(operator=operator, left=left, right=right)
        ):
            return f"{_operand(left)} {operator} {_operand(right)}"
        case Call(function=function, arguments=arguments):
            return f"{function}({', '.join(map(render, arguments))})"
        case InSet(item=item, members=members):
            return f"{_operand(item)} in [{', '.join(map(render, members))}]"
        case InList(item=item, list_name=name):
            return f"{_operand(item)} in list.{name}"
        case And(terms=terms):
            return " and ".join(map(_operand, terms))
        case Or(terms=terms):
            return " or ".join(map(_operand, terms))
        case _:
            raise TypeError(f"a node of a condition, not {node!r}")


def outline(node: Node, indent: int = 0) -> Iterator[str]:
    """A checked tree line by line, each with its type, for people."""
    pad = "  " * indent
    match node:
        case And() | Or() | Not():
            yield f"{pad}{type(node).__name__.lower()}"
            for child in children(node):
                yield from outline(child, indent + 1)
        case Comparison(left=left):
            yield f"{pad}{render(node)}    compares {type_of(left)}s"
        case _:
            yield f"{pad}{render(node)}"


def _operand(node: Node) -> str:
    is_simple = isinstance(node, Literal | Name | Field | Call)
    return render(node) if is_simple else f"({render(node)})"


def _literal(value: float | str | bool, kind: Type) -> str:
    if kind is Type.TEXT:
        return (
            '"' + str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t") + '"'
        )
    if kind is Type.BOOLEAN:
        return "true" if value else "false"
    if kind is Type.DURATION:
        unit = next(unit for unit in ("d", "h", "m", "s") if float(value) % UNITS[unit] == 0)
        return f"{float(value) / UNITS[unit]:.0f}{unit}"
    return _value(value)


def _value(value: object) -> str:
    if isinstance(value, str):
        return value
    return {True: "true", False: "false", None: "missing"}[value] if isinstance(value, bool | None) else f"{value!r}"


def _moment(value: float, kind: Type) -> str:
    """A time by ISO 8601; a duration in days, hours, minutes and seconds."""
    try:
        span = timedelta(microseconds=value)
        return (_EPOCH + span).isoformat().replace("+00:00", "Z") if kind is Type.TIME else str(span)
    except OverflowError:
        return f"{value:g} microseconds"
