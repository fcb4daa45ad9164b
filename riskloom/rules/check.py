"""Look up every name of a condition and check that its types fit; all that is wrong is found, not the first only."""

from __future__ import annotations

import re
from dataclasses import replace

from riskloom.contracts import PSEUDONYM_DIGITS
from riskloom.pseudonyms import pseudonym_form
from riskloom.rules.functions import FUNCTIONS, ORDERED, misfit
from riskloom.rules.lexer import SyntaxMistakeError
from riskloom.rules.schema import Schema, nearest
from riskloom.rules.tree import (
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
    Position,
    Type,
    walk,
)

_N, _T, _D = Type.NUMBER, Type.TIME, Type.DURATION
_ARITHMETIC = {
    ("+", _N, _N): _N,
    ("+", _D, _D): _D,
    ("+", _T, _D): _T,
    ("+", _D, _T): _T,
    ("-", _N, _N): _N,
    ("-", _D, _D): _D,
    ("-", _T, _D): _T,
    ("-", _T, _T): _D,
    ("*", _N, _N): _N,
    ("*", _D, _N): _D,
    ("*", _N, _D): _D,
    ("/", _N, _N): _N,
    ("/", _D, _N): _D,
    ("/", _D, _D): _N,
}

#: A node as checked, and its type; None where a mistake was found below it.
Checked = tuple[Node, Type | None]


def check(tree: Node, schema: Schema) -> tuple[Node, list[SyntaxMistakeError]]:
    """
    Check a parsed condition against a schema.

    Returns:
        The tree with a ``Field`` for each ``Name``, and every mistake in the order of the text; with a mistake the tree
        is of no use.
    """
    checker = _Checker(schema)
    checked, found = checker.check(tree)
    if found not in {Type.BOOLEAN, None}:
        checker.refuse(tree.at, "a condition, true or false", f"a {found}")
    checker.refuse_names(checked)
    return checked, sorted(checker.mistakes, key=lambda mistake: mistake.at)


def type_of(node: Node) -> Type:
    """The type of a checked node."""
    match node:
        case Literal(type=found) | Field(type=found):
            return found
        case Negative(operand=operand):
            return type_of(operand)
        case Arithmetic(operator=operator, left=left, right=right):
            return _ARITHMETIC[operator, type_of(left), type_of(right)]
        case Call(function=function, arguments=arguments):
            return FUNCTIONS[function].gives or type_of(arguments[0])
        case _:
            return Type.BOOLEAN


def may_be_infinite(node: Node) -> bool:
    """Whether a double may turn out infinite, or no number, although all fields below it are there and finite."""
    match node:
        case Negative(operand=operand):
            return may_be_infinite(operand)
        case Call(function=function):
            return function == "round_to"
        case _:
            return isinstance(node, Arithmetic)


def _compared(node: Node) -> tuple[str, tuple[Literal, ...]]:
    """The field whose values are compared with what is written down, and that; nothing of other nodes."""
    match node:
        case Comparison(left=Field(name=name), right=Literal() as literal):
            return name, (literal,)
        case Comparison(left=Literal() as literal, right=Field(name=name)):
            return name, (literal,)
        case InSet(item=Field(name=name), members=members):
            return name, members
        case _:
            return "", ()


class _Checker:
    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self.mistakes: list[SyntaxMistakeError] = []

    def refuse(self, at: Position, expected: str, found: str) -> None:
        self.mistakes.append(SyntaxMistakeError(at, expected, found))

    def refuse_names(self, tree: Node) -> None:
        """The name of somebody would stand in the rule for good and meet no event: those have pseudonyms."""
        for node in walk(tree):
            name, literals = _compared(node)
            prefix = self._schema.pseudonyms.get(name)
            if prefix is None:
                continue
            form = re.compile(pseudonym_form(prefix))
            for literal in literals:
                if not form.fullmatch(str(literal.value)):
                    expected = f"a list, or a pseudonym ({prefix} and {PSEUDONYM_DIGITS} hexadecimal digits)"
                    self.refuse(literal.at, expected, f"a text that no {name} is kept as")

    def check(self, node: Node) -> Checked:
        match node:
            case Literal():
                return node, node.type
            case Name():
                return self._name(node)
            case Negative():
                return self._negative(node)
            case Arithmetic():
                return self._arithmetic(node)
            case Call():
                return self._call(node)
            case Comparison():
                return self._comparison(node)
            case InSet():
                return self._in_set(node)
            case InList():
                return self._in_list(node)
            case Not():
                return Not(self._condition(node.operand), at=node.at), Type.BOOLEAN
            case And() | Or():
                return replace(node, terms=tuple(self._condition(term) for term in node.terms)), Type.BOOLEAN
            case _:
                raise TypeError(f"a node of a condition, not {node!r}")

    def _name(self, node: Name) -> Checked:
        found = self._schema.fields.get(node.name)
        if found is None:
            expected = nearest(node.name, self._schema.fields)
            if node.name.startswith("list."):
                expected = "a value; a list stands after 'in', as in event.country in list.countries"
            self.refuse(node.at, expected, repr(node.name))
            return node, None
        return Field(node.name, found, at=node.at), found

    def _condition(self, node: Node) -> Node:
        checked, found = self.check(node)
        if found not in {Type.BOOLEAN, None}:
            self.refuse(node.at, "a condition, true or false", f"a {found}")
        return checked

    def _negative(self, node: Negative) -> Checked:
        operand, found = self.check(node.operand)
        if found not in {Type.NUMBER, Type.DURATION, None}:
            self.refuse(node.at, "a number or duration after the sign", f"a {found}")
            found = None
        return Negative(operand, at=node.at), found

    def _arithmetic(self, node: Arithmetic) -> Checked:
        (left, first), (right, second) = self.check(node.left), self.check(node.right)
        checked = Arithmetic(node.operator, left, right, at=node.at)
        if first is None or second is None:
            return checked, None
        found = _ARITHMETIC.get((node.operator, first, second))
        if found is None:
            pairs = [f"{a} {node.operator} {b}" for operator, a, b in _ARITHMETIC if operator == node.operator]
            self.refuse(node.at, " or ".join(pairs), f"{first} {node.operator} {second}")
        return checked, found

    def _call(self, node: Call) -> Checked:
        function = FUNCTIONS.get(node.function)
        pairs = [self.check(argument) for argument in node.arguments]
        checked = Call(node.function, tuple(argument for argument, _ in pairs), at=node.at)
        if function is None:
            self.refuse(node.at, nearest(node.function, FUNCTIONS), f"the function {node.function!r}")
            return checked, None
        types = [found for _, found in pairs if found is not None]
        if len(types) < len(pairs):
            return checked, function.gives
        wrong = misfit(node.function, function, checked.arguments, types)
        if wrong is not None:
            self.refuse(node.at, f"{node.function} to take {function.signature}", wrong)
            return checked, function.gives
        return checked, function.gives or types[0]

    def _comparison(self, node: Comparison) -> Checked:
        (left, first), (right, second) = self.check(node.left), self.check(node.right)
        if first is not None and second is not None:
            if first is not second:
                self.refuse(node.at, f"both sides of {node.operator} of one type", f"{first} and {second}")
            elif node.operator not in {"==", "!="} and first not in ORDERED:
                self.refuse(node.at, f"== or != between values of type {first}", repr(node.operator))
        return Comparison(node.operator, left, right, at=node.at), Type.BOOLEAN

    def _in_set(self, node: InSet) -> Checked:
        item, found = self.check(node.item)
        for member in node.members:
            if found is not None and member.type is not found:
                self.refuse(member.at, f"a member of type {found}, as what is looked for", f"a {member.type}")
        return InSet(item, node.members, at=node.at), Type.BOOLEAN

    def _in_list(self, node: InList) -> Checked:
        item, found = self.check(node.item)
        if found not in {Type.TEXT, None}:
            self.refuse(node.at, "a text before 'in list', as lists have texts", f"a {found}")
        if node.list_name not in self._schema.lists:
            self.refuse(node.at, nearest(node.list_name, self._schema.lists), f"the list {node.list_name!r}")
        return InList(item, node.list_name, at=node.at), Type.BOOLEAN
