"""The functions of the language and which arguments each of them takes; what they compute is with both evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from riskloom.rules.tree import Literal, Node, Type

MAX_ARGUMENTS = 16
ORDERED = (Type.NUMBER, Type.TIME, Type.DURATION)


@dataclass(frozen=True, slots=True)
class Function:
    """
    One function.

    Attributes:
        takes: The types that the first argument may have.
        gives: The type of the result; None where it is that of the arguments.
        literal: The type of a second argument that stands in the text, None where there is none.
        is_variadic: Two or more arguments of one type.
    """

    takes: tuple[Type, ...]
    gives: Type | None
    literal: Type | None = None
    is_variadic: bool = False

    @property
    def signature(self) -> str:
        """The arguments, for messages."""
        first = " or ".join(self.takes) if len(self.takes) < len(Type) else "any value"
        if self.is_variadic:
            return f"two to {MAX_ARGUMENTS} arguments of one type ({first})"
        return f"one argument ({first})" if self.literal is None else f"a {first} and a written-down {self.literal}"


FUNCTIONS = {
    "abs": Function((Type.NUMBER, Type.DURATION), None),
    "min": Function(ORDERED, None, is_variadic=True),
    "max": Function(ORDERED, None, is_variadic=True),
    "round_to": Function((Type.NUMBER,), Type.NUMBER, literal=Type.NUMBER),
    "hour_of_day": Function((Type.TIME,), Type.NUMBER),
    "day_of_week": Function((Type.TIME,), Type.NUMBER),
    "is_missing": Function(tuple(Type), Type.BOOLEAN),
    "coalesce": Function(tuple(Type), None, is_variadic=True),
    "starts_with": Function((Type.TEXT,), Type.BOOLEAN, literal=Type.TEXT),
    "ends_with": Function((Type.TEXT,), Type.BOOLEAN, literal=Type.TEXT),
    "contains": Function((Type.TEXT,), Type.BOOLEAN, literal=Type.TEXT),
    "matches": Function((Type.TEXT,), Type.BOOLEAN, literal=Type.TEXT),
}


def misfit(name: str, function: Function, arguments: Sequence[Node], types: Sequence[Type]) -> str | None:
    """What does not fit of a call whose arguments have known types; None where it fits."""
    given = ", ".join(types) or "nothing"
    if function.is_variadic:
        fits = 1 < len(types) <= MAX_ARGUMENTS and len(set(types)) == 1
    else:
        fits = len(types) == (1 if function.literal is None else 2)
    if not fits or types[0] not in function.takes:
        return given
    if function.literal is None:
        return None
    second = arguments[1]
    if types[1] is not function.literal or not isinstance(second, Literal):
        return f"{types[0]} and a {types[1]}" + ("" if isinstance(second, Literal) else " that is computed")
    if name == "round_to" and float(second.value) <= 0:
        return f"{second.value} to round to, which is not above zero"
    return None
