"""YAML that knows where each of its values stands, so that a mistake can name its line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from riskloom.contracts import mistakes_from
from riskloom.errors import CatalogError, Mistake
from riskloom.rules.tree import START, Position

MAX_CHARACTERS = 64_000
MAX_DEPTH = 12

Path = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Document:
    """
    One YAML document.

    Attributes:
        file: As mistakes show it.
        text: The whole text.
        content: Its mapping.
        nodes: The node of each value, by its keys and indices from the top.
    """

    file: str
    text: str
    content: Mapping[str, Any]
    nodes: Mapping[Path, yaml.Node]

    def mistake(self, path: Path, expected: str, found: str, *, within: Position | None = None) -> Mistake:
        """A mistake at a value, or at a place within the text that the value is."""
        at = self.place(path) if within is None else self.place_within(path, within)
        return Mistake(f"{self.file}:{at}", ".".join(map(str, path)) or "(whole file)", expected, found)

    def place(self, path: Path) -> Position:
        """Where a value begins; of one that is not there, where what should have it begins."""
        while path and path not in self.nodes:
            path = path[:-1]
        mark = self.nodes[path].start_mark
        return Position(mark.line + 1, mark.column + 1)

    def place_within(self, path: Path, within: Position) -> Position:
        """
        Where a character of a text value stands in the file.

        However YAML folds, indents and quotes a text, it only adds and takes blanks: the same visible characters stand
        there in the same order. An escape within double quotes is the one exception, and moves the column only.
        """
        node = self.nodes[path]
        if not isinstance(node, yaml.ScalarNode):
            return self.place(path)
        lines = str(node.value).split("\n")
        before = "".join(lines[: within.line - 1]) + lines[within.line - 1][: within.column - 1]
        visible = sum(not character.isspace() for character in before)
        index = self._begin(node)
        while index < len(self.text) and (visible or self.text[index].isspace()):
            visible -= not self.text[index].isspace()
            index += 1
        line_start = self.text.rfind("\n", 0, index) + 1
        return Position(self.text.count("\n", 0, index) + 1, index - line_start + 1)

    def _begin(self, node: yaml.ScalarNode) -> int:
        """Where the characters of a text begin: behind its quote, or on the line below ``|``."""
        begin = node.start_mark.index
        if node.style in {"|", ">"}:
            return self.text.index("\n", begin)
        return begin + 1 if node.style in {"'", '"'} else begin

    def validated(self, model: type[Model]) -> Model:
        """
        The content as a model has it.

        Raises:
            CatalogError: It does not fit; every mistake is listed with its line.
        """
        try:
            return model.model_validate(dict(self.content))
        except ValidationError as error:
            keys = [item["loc"] for item in error.errors(include_url=False)]
            mistakes = zip(keys, error.errors(include_url=False), mistakes_from(error, self.file), strict=True)
            raise CatalogError(
                [self._placed(path, item["type"], mistake, model) for path, item, mistake in mistakes]
            ) from error

    def _placed(self, path: Path, kind: str, mistake: Mistake, model: type[BaseModel]) -> Mistake:
        expected = mistake.expected
        if kind == "extra_forbidden" and len(path) == 1:
            known = [field.alias or name for name, field in model.model_fields.items()]
            close = get_close_matches(str(path[0]), known, n=1)
            expected = f"a known key, nearest is {close[0]!r}" if close else f"one of {', '.join(known)}"
        return self.mistake(path, expected, mistake.found)


def read_document(text: str, file: str) -> Document:
    """
    Read one YAML document whose top is a mapping.

    Raises:
        CatalogError: It is no such YAML, says a key twice, is too large, or refers to a part of itself.
    """
    try:
        _refuse_odd(text, file)
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            raise _error(file, START, "keys with values", "something else" if root else "nothing")
        mistakes: list[Mistake] = []
        nodes = dict(_nodes(root, (), lambda at, key: mistakes.append(_twice(file, at, key))))
        if mistakes:
            raise CatalogError(mistakes)
        return Document(file, text, loader.construct_document(root), nodes)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = Position(mark.line + 1, mark.column + 1) if mark else START
        raise _error(file, at, "YAML", str(getattr(error, "problem", None) or error)) from error
    except ValueError as error:  # a date that is none, such as 2026-02-30
        raise _error(file, START, "YAML whose values can be read", str(error)) from error


def _refuse_odd(text: str, file: str) -> None:
    """What would cost more to read than it is worth: too much text, too deep, or parts that repeat each other."""
    if len(text) > MAX_CHARACTERS:
        raise _error(file, START, f"at most {MAX_CHARACTERS:,} characters", f"{len(text):,}")
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        at = Position(event.start_mark.line + 1, event.start_mark.column + 1) if event.start_mark else START
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise _error(file, at, f"at most {MAX_DEPTH} levels", "another level")
        if isinstance(event, yaml.AliasEvent):
            raise _error(file, at, "each value written out", f"*{event.anchor}, which refers to another")


def _nodes(node: yaml.Node, path: Path, on_repeat: Callable[[Position, str], None]) -> Iterator[tuple[Path, yaml.Node]]:
    yield path, node
    if isinstance(node, yaml.SequenceNode):
        for index, below in enumerate(node.value):
            yield from _nodes(below, (*path, index), on_repeat)
    elif isinstance(node, yaml.MappingNode):
        seen = set()
        for key, below in node.value:
            name = str(key.value)
            if name in seen:
                on_repeat(Position(key.start_mark.line + 1, key.start_mark.column + 1), name)
            seen.add(name)
            yield from _nodes(below, (*path, name), on_repeat)


def _twice(file: str, at: Position, key: str) -> Mistake:
    return Mistake(f"{file}:{at}", key, "each key once", "it a second time")


def _error(file: str, at: Position, expected: str, found: str) -> CatalogError:
    return CatalogError([Mistake(f"{file}:{at}", "(whole file)", expected, found)])
