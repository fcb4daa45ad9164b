"""From the text of a condition to its words, each with its place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from riskloom.rules.tree import Position

#: Microseconds of a duration's units.
UNITS = {"s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", '"': '"', "'": "'"}
_WORDS = re.compile(
    r"""
      (?P<space>   [ \t\r\n]+ | \#[^\n]* )
    | (?P<duration>[0-9]{1,6}[smhd](?![A-Za-z0-9_.]) )
    | (?P<number>  (?:[0-9][0-9_]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?(?![A-Za-z0-9_.]) )
    | (?P<name>    [A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)* )
    | (?P<text>    "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' )
    | (?P<symbol>  <= | >= | == | != | [<>+\-*/(),\[\]] )
    """,
    re.VERBOSE,
)
_ODD = re.compile(r"[0-9][0-9A-Za-z_.]*|&&|\|\||=|!|[^\s]")
_HINTS = {"=": "== for equality", "&&": "and", "||": "or", "!": "not"}


class Kind(StrEnum):
    """What a word is."""

    NUMBER = "number"
    DURATION = "duration"
    NAME = "name"
    TEXT = "text"
    SYMBOL = "symbol"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a condition. Of a number or duration ``value`` is the double, of a text what stands in the quotes."""

    kind: Kind
    text: str
    value: float | str
    at: Position

    def __str__(self) -> str:
        return "the end" if self.kind is Kind.END else repr(self.text)


class SyntaxMistakeError(ValueError):
    """A condition that does not follow the language: where, what was expected and what was found."""

    def __init__(self, at: Position, expected: str, found: str) -> None:
        self.at, self.expected, self.found = at, expected, found
        super().__init__(f"{at}: expected {expected}, found {found}")


def tokenize(text: str) -> list[Token]:
    """
    Split a condition into words; the last one is its end.

    Raises:
        SyntaxMistakeError: A character or number that the language does not have.
    """
    tokens: list[Token] = []
    offset, line, line_start = 0, 1, 0
    while offset < len(text):
        match = _WORDS.match(text, offset)
        at = Position(line, offset - line_start + 1)
        if match is None or match.lastgroup is None:
            raise _odd(text, offset, at)
        if match.lastgroup != "space":
            tokens.append(_token(Kind(match.lastgroup), match[0], at))
        breaks = match[0].count("\n")
        if breaks:
            line, line_start = line + breaks, offset + match[0].rindex("\n") + 1
        offset = match.end()
    tokens.append(Token(Kind.END, "", "", Position(line, offset - line_start + 1)))
    return tokens


def _token(kind: Kind, text: str, at: Position) -> Token:
    if kind is Kind.NUMBER:
        value: float | str = float(text.replace("_", ""))
        if value == float("inf"):
            raise SyntaxMistakeError(at, "a number that a double can hold (below 1.8e308)", text)
        return Token(kind, text, value, at)
    if kind is Kind.DURATION:
        return Token(kind, text, float(int(text[:-1]) * UNITS[text[-1]]), at)
    return Token(kind, text, _unescaped(text, at) if kind is Kind.TEXT else text, at)


def _unescaped(quoted: str, at: Position) -> str:
    def character(match: re.Match[str]) -> str:
        if match[1] not in _ESCAPES:
            raise SyntaxMistakeError(at, r"one of the escapes \n \t \\ \" \'", repr(match[0]))
        return _ESCAPES[match[1]]

    return re.sub(r"\\(.)", character, quoted[1:-1])


def _odd(text: str, offset: int, at: Position) -> SyntaxMistakeError:
    if text[offset] in "\"'":
        return SyntaxMistakeError(at, "a text that ends with its quote on the same line", repr(text[offset:][:20]))
    found = _ODD.match(text, offset)
    word = found[0] if found else text[offset]
    if word[0].isdigit():
        return SyntaxMistakeError(at, "a number such as 300 or 0.5, or a duration such as 30m, 12h or 7d", repr(word))
    return SyntaxMistakeError(at, _HINTS.get(word, "a name, value or operator"), repr(word))
