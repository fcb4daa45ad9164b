"""
A recursive-descent parser for conditions, from the loosest operator to the tightest.

    condition  = and {"or" and}
    and        = not {"and" not}
    not        = "not" not | comparison
    comparison = sum [("<" | "<=" | ">" | ">=" | "==" | "!=") sum | ["not"] "in" (set | "list." NAME)]
    sum        = product {("+" | "-") product}
    product    = sign {("*" | "/") sign}
    sign       = "-" sign | value
    value      = NUMBER | DURATION | TEXT | "true" | "false" | name | call | "(" condition ")"
    call       = NAME "(" condition {"," condition} ")"
    set        = "[" value {"," value} "]"
"""

from __future__ import annotations

from collections.abc import Callable

from riskloom.rules.lexer import Kind, SyntaxMistakeError, Token, tokenize
from riskloom.rules.tree import (
    And,
    Arithmetic,
    Call,
    Comparison,
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
    children,
)

MAX_CHARACTERS = 8_000
MAX_WORDS = 2_000
MAX_DEPTH = 24
MAX_TREE_DEPTH = 40
LIST_PREFIX = "list."
_COMPARISONS = frozenset({"<", "<=", ">", ">=", "==", "!="})
_BOOLEANS = {"true": True, "false": False}
_RESERVED = frozenset({"and", "or", "not", "in"})


def parse(text: str) -> Node:
    """
    Parse a condition into a tree whose names are not looked up yet.

    Raises:
        SyntaxMistakeError: The text does not follow the language, or is too long or too deep.
    """
    if len(text) > MAX_CHARACTERS:
        raise SyntaxMistakeError(Position(1, 1), f"a condition of at most {MAX_CHARACTERS} characters", str(len(text)))
    tokens = tokenize(text)
    if len(tokens) > MAX_WORDS:
        raise SyntaxMistakeError(tokens[MAX_WORDS].at, f"a condition of at most {MAX_WORDS} words", str(len(tokens)))
    tree = _Parser(tokens).whole()
    _refuse_deep(tree)
    return tree


def _refuse_deep(tree: Node) -> None:
    """A chain of operators leans to the left: it is as deep as it is long, without a parenthesis."""
    level = [tree]
    for _ in range(MAX_TREE_DEPTH):
        level = [child for node in level for child in children(node)]
    if level:
        raise SyntaxMistakeError(
            level[0].at, f"a condition whose tree is at most {MAX_TREE_DEPTH} deep", "another level"
        )


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._index = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._condition()
        if self._now.kind is not Kind.END:
            raise self._unexpected("an operator or the end")
        return node

    @property
    def _now(self) -> Token:
        return self._tokens[self._index]

    def _is(self, *words: str) -> bool:
        return self._now.kind in {Kind.NAME, Kind.SYMBOL} and self._now.text in words

    def _next(self) -> Token:
        token = self._now
        self._index += 1
        return token

    def _expect(self, symbol: str, why: str) -> Token:
        if not self._is(symbol):
            raise self._unexpected(f"{symbol!r} {why}")
        return self._next()

    def _unexpected(self, expected: str) -> SyntaxMistakeError:
        return SyntaxMistakeError(self._now.at, expected, str(self._now))

    def _condition(self) -> Node:
        """The whole, and what stands in parentheses; the only way, with a sign or a ``not``, to get deeper."""
        return self._deeper(lambda: self._chain("or", self._all, Or))

    def _deeper(self, parse: Callable[[], Node]) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise SyntaxMistakeError(self._now.at, f"a condition at most {MAX_DEPTH} levels deep", "another level")
        node = parse()
        self._depth -= 1
        return node

    def _all(self) -> Node:
        return self._chain("and", self._not, And)

    def _chain(self, word: str, parse: Callable[[], Node], kind: type[And | Or]) -> Node:
        start, terms = self._now.at, [parse()]
        while self._is(word):
            self._next()
            terms.append(parse())
        return kind(tuple(terms), at=start) if len(terms) > 1 else terms[0]

    def _not(self) -> Node:
        if self._is("not"):
            at = self._next().at
            return Not(self._deeper(self._not), at=at)
        return self._comparison()

    def _comparison(self) -> Node:
        left = self._sum()
        if self._is("in", "not"):
            return self._membership(left)
        if not self._is(*_COMPARISONS):
            return left
        operator = self._next()
        node = Comparison(operator.text, left, self._sum(), at=operator.at)
        if self._is(*_COMPARISONS):
            raise SyntaxMistakeError(self._now.at, "one comparison; write a < b and b < c for a chain", str(self._now))
        return node

    def _membership(self, item: Node) -> Node:
        is_negated, at = self._is("not"), self._now.at
        if is_negated:
            self._next()
            if not self._is("in"):
                raise self._unexpected("'in' after 'not'")
        self._next()
        node: Node
        if self._is("["):
            node = InSet(item, self._set(), at=at)
        elif self._now.kind is Kind.NAME and self._now.text.startswith(LIST_PREFIX):
            node = InList(item, self._next().text.removeprefix(LIST_PREFIX), at=at)
        else:
            raise self._unexpected('a set such as ["a", "b"] or a list such as list.blocked')
        return Not(node, at=at) if is_negated else node

    def _set(self) -> tuple[Literal, ...]:
        self._next()
        members = [self._literal()]
        while self._is(","):
            self._next()
            members.append(self._literal())
        self._expect("]", "after the members of the set")
        return tuple(members)

    def _literal(self) -> Literal:
        sign = self._next() if self._is("-") else None
        node = self._plain_literal()
        if node is None or (sign and not node.type.is_double):
            raise self._unexpected("a number, text or duration")
        return Literal(-float(node.value), node.type, at=sign.at) if sign else node

    def _sum(self) -> Node:
        return self._operation(("+", "-"), self._product)

    def _product(self) -> Node:
        return self._operation(("*", "/"), self._sign)

    def _operation(self, operators: tuple[str, ...], parse: Callable[[], Node]) -> Node:
        node = parse()
        while self._is(*operators):
            operator = self._next()
            node = Arithmetic(operator.text, node, parse(), at=operator.at)
        return node

    def _sign(self) -> Node:
        if self._is("-"):
            at = self._next().at
            return Negative(self._deeper(self._sign), at=at)
        return self._value()

    def _value(self) -> Node:
        literal = self._plain_literal()
        if literal is not None:
            return literal
        if self._is("("):
            self._next()
            node = self._condition()
            self._expect(")", "to close the parenthesis")
            return node
        if self._now.kind is not Kind.NAME or self._now.text in _RESERVED:
            raise self._unexpected("a value or name")
        name = self._next()
        return self._call(name) if self._is("(") else Name(name.text, at=name.at)

    def _plain_literal(self) -> Literal | None:
        token = self._now
        if token.kind in {Kind.NUMBER, Kind.DURATION, Kind.TEXT}:
            self._next()
            return Literal(token.value, Type(token.kind.value), at=token.at)
        if token.kind is Kind.NAME and token.text in _BOOLEANS:
            self._next()
            return Literal(_BOOLEANS[token.text], Type.BOOLEAN, at=token.at)
        return None

    def _call(self, name: Token) -> Call:
        self._next()
        arguments = []
        if not self._is(")"):
            arguments.append(self._condition())
            while self._is(","):
                self._next()
                arguments.append(self._condition())
        self._expect(")", f"after the arguments of {name.text}")
        return Call(name.text, tuple(arguments), at=name.at)
