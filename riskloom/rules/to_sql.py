"""
Compile a checked condition to one SQL expression that is true, false or null, as the closures are.

Values are bound, never written into the text; names are quoted. What the expression consists of (``case``, ``like``,
``least``, ``coalesce``, casts to double) means the same in DuckDB and in Spark; what differs is in ``Dialect``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from riskloom.rules.check import may_be_infinite
from riskloom.rules.facts import EMPTY, FOREVER, MemberList
from riskloom.rules.tree import (
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
    Type,
    children,
)
from riskloom.sql import Parameters, quoted

#: Above this an expression is refused: what it divides by and compares stands in it twice, level upon level.
MAX_OPERANDS = 4_000
_LARGEST = repr(sys.float_info.max)
_COMPARISONS = {"<": "<", "<=": "<=", ">": ">", ">=": ">=", "==": "=", "!=": "<>"}
_HOUR, _DAY = "3.6e9", "8.64e10"


@dataclass(frozen=True, slots=True)
class Dialect:
    """
    What differs between engines.

    Attributes:
        double: The name of the type of 64 bits.
        epoch_us: Microseconds since 1970 UTC of the time ``{}``.
    """

    double: str = "double"
    epoch_us: str = "epoch_us({})"


DUCKDB = Dialect()


@dataclass(frozen=True, slots=True)
class Table:
    """
    The rows a condition is evaluated on.

    Attributes:
        columns: By field name (``event.amount``), the column that has it; a field that is not there is missing.
        at: The column with the time of the decision.
        lists: The lists with their members.
    """

    columns: Mapping[str, str]
    at: str
    lists: Mapping[str, MemberList] = field(default_factory=dict)
    dialect: Dialect = DUCKDB


def to_sql(condition: Node, table: Table, parameters: Parameters) -> str:
    """
    A condition as SQL.

    Args:
        condition: As the checker gave it.
        table: What its fields are called and who is on the lists.
        parameters: Takes the values; those of several conditions may share it.

    Returns:
        A boolean expression in parentheses: null where the condition is unknown.
    """
    return _Writer(table, parameters).condition(condition)


def operands_in_sql(node: Node) -> int:
    """How many operands the SQL of a condition has, at most; those that stand in it twice are counted twice."""
    match node:
        case Arithmetic(operator="/", left=left, right=right):
            return operands_in_sql(left) + 2 * operands_in_sql(right)
        case Call() | Comparison() | InSet():
            return 2 * sum(map(operands_in_sql, children(node)))
        case _:
            return sum(map(operands_in_sql, children(node))) or 1


class _Writer:
    def __init__(self, table: Table, parameters: Parameters) -> None:
        self._table = table
        self._parameters = parameters
        self._double = table.dialect.double

    def condition(self, node: Node) -> str:
        match node:
            case And(terms=terms):
                return "(" + " and ".join(map(self.condition, terms)) + ")"
            case Or(terms=terms):
                return "(" + " or ".join(map(self.condition, terms)) + ")"
            case Not(operand=operand):
                return f"(not {self.condition(operand)})"
            case Comparison(operator=operator, left=left, right=right):
                return f"({self._finite(left)} {_COMPARISONS[operator]} {self._finite(right)})"
            case InSet(item=item, members=members):
                bound = ", ".join(self._bound(member.value, member.type) for member in members)
                return f"({self._finite(item)} in ({bound}))"
            case InList():
                return self._in_list(node)
            case Call(function="is_missing", arguments=(operand,)):
                return f"({self._finite(operand)} is null)"
            case Call(function="starts_with" | "ends_with" | "contains" | "matches"):
                return self._like(node)
            case _:
                return self._value(node)

    def _value(self, node: Node) -> str:
        match node:
            case Literal(value=value, type=kind):
                return self._bound(value, kind)
            case Field():
                return self._field(node)
            case Negative(operand=operand):
                return f"(-{self._value(operand)})"
            case Arithmetic(operator="/", left=left, right=right):
                return f"({self._value(left)} / nullif({self._value(right)}, 0e0))"
            case Arithmetic(operator=operator, left=left, right=right):
                return f"({self._value(left)} {operator} {self._value(right)})"
            case Call(function="coalesce" | "min" | "max" | "abs" | "round_to" | "hour_of_day" | "day_of_week"):
                return self._call(node)
            case _:
                return self.condition(node)

    def _finite(self, node: Node) -> str:
        """A value where arithmetic ends: what is too large for a double is null. NaN is above the largest number."""
        value = self._value(node)
        return _finite(value) if may_be_infinite(node) else value

    def _field(self, node: Field) -> str:
        if node.name not in self._table.columns:
            return f"cast(null as {self._type(node.type)})"
        column = quoted(self._table.columns[node.name])
        if node.type is Type.TIME:
            return f"cast({self._table.dialect.epoch_us.format(column)} as {self._double})"
        return _finite(f"cast({column} as {self._double})") if node.type is Type.NUMBER else column

    def _type(self, kind: Type) -> str:
        return self._double if kind.is_double else {Type.TEXT: "string"}.get(kind, "boolean")

    def _bound(self, value: object, kind: Type) -> str:
        return f"cast({self._parameters.add(value)} as {self._type(kind)})"

    def _call(self, node: Call) -> str:
        values = [self._finite(argument) for argument in node.arguments if not _is_step(node, argument)]
        match node.function:
            case "min":
                return f"least({', '.join(values)})"
            case "max":
                return f"greatest({', '.join(values)})"
            case "round_to":
                step = self._value(node.arguments[1])
                return f"(floor({values[0]} / {step} + 0.5e0) * {step})"
            case "hour_of_day":
                hours = f"floor({values[0]} / {_HOUR})"
                return f"({hours} - 24e0 * floor({hours} / 24e0))"
            case "day_of_week":
                days = f"(floor({values[0]} / {_DAY}) + 3e0)"
                return f"({days} - 7e0 * floor({days} / 7e0) + 1e0)"
            case name:
                return f"{name}({', '.join(values)})"

    def _like(self, node: Call) -> str:
        text, part = node.arguments
        pattern = str(part.value) if isinstance(part, Literal) else ""
        escaped = pattern.replace("!", "!!").replace("%", "!%").replace("_", "!_")
        form = {"starts_with": "{}%", "ends_with": "%{}", "contains": "%{}%"}.get(node.function)
        like = form.format(escaped) if form else escaped.replace("*", "%").replace("?", "_")
        return f"({self._value(text)} like {self._bound(like, Type.TEXT)} escape '!')"

    def _in_list(self, node: InList) -> str:
        """Members with the same span stand together: there are few spans, and those without one need no time."""
        item = self._value(node.item)
        by_span: dict[tuple[float, float], list[str]] = {}
        for member, spans in self._table.lists.get(node.list_name, EMPTY).spans.items():
            for span in spans:
                by_span.setdefault(span, []).append(member)
        groups = [self._span(item, span, members) for span, members in by_span.items()]
        return f"(case when {item} is not null then {' or '.join(groups) or 'false'} end)"

    def _span(self, item: str, span: tuple[float, float], members: list[str]) -> str:
        listed = ", ".join(self._bound(member, Type.TEXT) for member in members)
        at = f"cast({self._table.dialect.epoch_us.format(quoted(self._table.at))} as {self._double})"
        start, end = span
        bounds = [f"{item} in ({listed})"]
        bounds += [f"{at} >= {self._bound(start, Type.TIME)}"] if start > -FOREVER else []
        bounds += [f"{at} < {self._bound(end, Type.TIME)}"] if end < FOREVER else []
        return "(" + " and ".join(bounds) + ")"


def _finite(value: str) -> str:
    return f"(case when abs({value}) <= {_LARGEST} then {value} end)"


def _is_step(node: Call, argument: Node) -> bool:
    return node.function == "round_to" and argument is node.arguments[1]
