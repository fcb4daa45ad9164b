"""A rule: read from YAML, its condition checked, its examples held against it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from riskloom.errors import CatalogError, Mistake
from riskloom.rules.condition import ConditionError, Evaluation, read_condition
from riskloom.rules.declaration import Example, ListMember, RuleDeclaration, newest_time
from riskloom.rules.document import Document, Path, read_document
from riskloom.rules.facts import Facts, Member, MemberList
from riskloom.rules.schema import EVENT, FEATURE, Schema, nearest
from riskloom.rules.tree import Node, Type, fields_of

_SHOWN_MISSING = 4
_ACCEPTED: dict[Type, tuple[type, ...]] = {
    Type.NUMBER: (int, float),
    Type.TEXT: (str,),
    Type.BOOLEAN: (bool,),
    Type.TIME: (datetime,),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that can be evaluated: what its file says, and the checked tree of its ``when``."""

    declaration: RuleDeclaration
    condition: Node

    @property
    def id(self) -> str:
        """Its name, that of its file."""
        return self.declaration.id


def parse_rule(text: str, *, file: str, schema: Schema) -> Rule:
    """
    Read a rule from the text of its file, or as a person typed it.

    Args:
        text: YAML.
        file: What mistakes call it.
        schema: The names that its condition may use.

    Raises:
        CatalogError: It is no rule, or its examples do not hold; every mistake is listed with its line.
    """
    document = read_document(text, file)
    mistakes: list[Mistake] = []
    condition = _condition(document, schema, mistakes)
    try:
        declaration = document.validated(RuleDeclaration)
    except CatalogError as error:
        raise CatalogError([*error.mistakes, *mistakes]) from error
    mistakes.extend(_outcome_mistakes(declaration, schema, document))
    mistakes.extend(_example_mistakes(declaration, schema, document, condition))
    if mistakes or condition is None:
        raise CatalogError(mistakes)
    return Rule(declaration, condition)


def _condition(document: Document, schema: Schema, mistakes: list[Mistake]) -> Node | None:
    text = document.content.get("when")
    if not isinstance(text, str):
        return None
    try:
        return read_condition(text, schema)
    except ConditionError as error:
        mistakes.extend(
            document.mistake(("when",), mistake.expected, mistake.found, within=mistake.at)
            for mistake in error.mistakes
        )
        return None


def _outcome_mistakes(declaration: RuleDeclaration, schema: Schema, document: Document) -> Iterator[Mistake]:
    effect = declaration.outcome
    for key, outcome in (("force", effect.force), ("forbid", effect.forbid)) if effect else ():
        if outcome is not None and outcome not in schema.outcomes:
            yield document.mistake(("outcome", key), nearest(outcome, schema.outcomes), repr(outcome))


def _example_mistakes(
    declaration: RuleDeclaration, schema: Schema, document: Document, condition: Node | None
) -> Iterator[Mistake]:
    evaluation = Evaluation(condition) if condition is not None else None
    examples = declaration.examples
    for kind, wanted in (("positive", examples.positive), ("negative", examples.negative)):
        for index, example in enumerate(wanted):
            path: Path = ("examples", kind, index)
            wrong = list(_value_mistakes(example, schema, document, path))
            yield from wrong
            if wrong or evaluation is None or condition is None:
                continue
            facts = facts_of(example)
            answer = evaluation.answer(facts)
            if (answer is True) != (kind == "positive"):
                expected = "a row that the rule hits" if kind == "positive" else "a row that the rule does not hit"
                yield document.mistake(path, expected, _answered(answer, condition, facts))


def facts_of(example: Example) -> Facts:
    """An example as a decision would have it."""
    lists = {
        name: MemberList(
            Member(member.member, member.added_at, member.expires_at) if isinstance(member, ListMember) else member
            for member in members
        )
        for name, members in example.lists.items()
    }
    at = example.at or newest_time(example.event) or _EPOCH
    return Facts(example.event, example.features, at, example.score, lists)


def _value_mistakes(example: Example, schema: Schema, document: Document, path: Path) -> Iterator[Mistake]:
    for name, value in example.event.items():
        kind = schema.fields.get(f"{EVENT}{name}")
        if kind is None:
            known = _below(schema, EVENT)
            yield document.mistake((*path, "event", name), nearest(name, known), repr(name))
        elif value is not None and not _is_a(value, kind):
            yield document.mistake((*path, "event", name), f"a {kind}", repr(value))
    groups: tuple[tuple[str, Iterable[str], Iterable[str]], ...] = (
        ("features", example.features, _below(schema, FEATURE)),
        ("lists", example.lists, schema.lists),
    )
    for group, names, known_names in groups:
        for name in names:
            if name not in known_names:
                yield document.mistake((*path, group, name), nearest(name, known_names), repr(name))


def _below(schema: Schema, prefix: str) -> Mapping[str, Type]:
    return {name.removeprefix(prefix): kind for name, kind in schema.fields.items() if name.startswith(prefix)}


def _is_a(value: Any, kind: Type) -> bool:
    if isinstance(value, bool) and kind is not Type.BOOLEAN:
        return False
    return isinstance(value, _ACCEPTED[kind]) and not (isinstance(value, datetime) and value.tzinfo is None)


def _answered(answer: bool | None, condition: Node, facts: Facts) -> str:
    """What came out, and for an unknown what was missing."""
    if answer is not None:
        return "a hit" if answer else "no hit: the condition is false"
    given = {f"{EVENT}{name}" for name, value in facts.event.items() if value is not None}
    given |= {f"{FEATURE}{name}" for name, value in facts.features.items() if value is not None}
    given |= {"score"} if facts.score is not None else set()
    missing = [name for name in fields_of(condition) if name not in given]
    return f"no hit: the condition is unknown ({', '.join(missing[:_SHOWN_MISSING]) or 'a computed value'} missing)"
