"""
The tree of a condition: frozen nodes that compare by what they say, wherever they stand.

The parser makes it with ``Name`` leaves; the checker replaces them by ``Field`` leaves that know their type.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum


class Type(StrEnum):
    """What a value is. Numbers, times and durations are IEEE doubles when a condition is evaluated."""

    NUMBER = "number"
    TEXT = "text"
    BOOLEAN = "boolean"
    TIME = "time"
    DURATION = "duration"

    @property
    def is_double(self) -> bool:
        """Whether values are doubles: times in microseconds since 1970 UTC, durations in microseconds."""
        return self in {Type.NUMBER, Type.TIME, Type.DURATION}


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where something stands in a text, both counted from one."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


START = Position(1, 1)


@dataclass(frozen=True, slots=True)
class Node:
    """What all nodes have: a place in the text, which makes no difference between two of them."""

    at: Position = field(default=START, compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A value that stands in the text; of a duration its microseconds."""

    value: float | str | bool
    type: Type


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A name nobody has looked up yet, such as ``event.amount``."""

    name: str


@dataclass(frozen=True, slots=True)
class Field(Node):
    """A value of the row, by its full name."""

    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class Negative(Node):
    """A number or duration with its sign turned."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Arithmetic(Node):
    """One of ``+ - * /`` between two values."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function of the language with its arguments."""

    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Comparison(Node):
    """One of ``< <= > >= == !=`` between two values of one type."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class InSet(Node):
    """Whether a value is one of those written down."""

    item: Node
    members: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class InList(Node):
    """Whether a text is a member of a list at the time of the decision."""

    item: Node
    list_name: str


@dataclass(frozen=True, slots=True)
class Not(Node):
    """What is true where its operand is false."""

    operand: Node


@dataclass(frozen=True, slots=True)
class And(Node):
    """What is true where all of its terms are."""

    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or(Node):
    """What is true where any of its terms is."""

    terms: tuple[Node, ...]


#: A comparison that is true exactly where the one with the other operator is false, both sides being known.
OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below a node, in the order of the text."""
    match node:
        case Negative(operand=operand) | Not(operand=operand):
            return (operand,)
        case Arithmetic(left=left, right=right) | Comparison(left=left, right=right):
            return (left, right)
        case Call(arguments=below) | And(terms=below) | Or(terms=below):
            return below
        case InSet(item=item, members=members):
            return (item, *members)
        case InList(item=item):
            return (item,)
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """A node and all below it, each before its own."""
    yield node
    for child in children(node):
        yield from walk(child)


def fields_of(node: Node) -> dict[str, Type]:
    """The fields that a condition reads, by name, in the order of the text."""
    return {found.name: found.type for found in walk(node) if isinstance(found, Field)}


def lists_of(node: Node) -> tuple[str, ...]:
    """The lists that a condition asks, each once, in the order of the text."""
    return tuple(dict.fromkeys(found.list_name for found in walk(node) if isinstance(found, InList)))
