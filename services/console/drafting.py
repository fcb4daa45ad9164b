"""Rules as people write them: what a new one begins with, and what is wrong with one, line by line."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from riskloom.catalog import Domain
from riskloom.errors import CatalogError, Mistake
from riskloom.rules import Schema, parse_rule

#: What mistakes call the text.
TYPED = "typed"
_COMMENTS_FROM = 34


@dataclass(frozen=True, slots=True)
class Problem:
    """
    One thing wrong in a text.

    Attributes:
        line: Where, from 1.
        column: Where in the line, from 1.
        key: Of which part of the rule.
        expected: What should stand there; of a name that is not known, the nearest one.
        found: What stands there.
        excerpt: The line.
    """

    line: int
    column: int
    key: str
    expected: str
    found: str
    excerpt: str


def clean(text: str) -> str:
    """A text as a form sends it, with the ends of lines that files have."""
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip() + "\n"


def problems_of(error: CatalogError, source: str) -> tuple[Problem, ...]:
    """What is wrong with a text, in its order."""
    return tuple(sorted(_problems(error, source), key=lambda problem: (problem.line, problem.column)))


def check_draft(source: str, schema: Schema, *, edited: str | None, taken: Collection[str]) -> str:
    """
    Check a rule as somebody typed it; gives its id.

    Args:
        source: YAML.
        schema: The names that its condition may use.
        edited: The rule whose next version it is to be; None of a new rule.
        taken: The ids of all rules of the domain.

    Raises:
        CatalogError: It is no rule, or has the id of another one; every mistake is listed with its line.
    """
    found = parse_rule(source, file=TYPED, schema=schema).id
    line = next((number for number, text in enumerate(source.splitlines(), 1) if text.startswith("id:")), 1)
    if edited is not None and found != edited:
        expected = f"{edited!r}, the rule that is edited (another id is a new rule)"
        raise CatalogError([Mistake(f"{TYPED}:{line}:1", "id", expected, repr(found))])
    if edited is None and found in taken:
        expected = "an id that no rule of the domain has (a rule that is there is edited on its page)"
        raise CatalogError([Mistake(f"{TYPED}:{line}:1", "id", expected, repr(found))])
    return found


def new_rule(domain: Domain) -> str:
    """What a new rule of a domain begins with: a rule that can be checked, and says in comments what goes where."""
    amount, outcomes = domain.subject.amount, [outcome.name for outcome in domain.outcome]
    effect = f"outcome: {{force: {outcomes[-1]}}}".ljust(_COMMENTS_FROM)
    return f"""\
id: name_of_the_rule              # small letters, digits and _; stays the same in all versions
title: What it finds, in a few words
description: >
  Why somebody should look at such a subject ({domain.subject.entity}), for whoever reads this in a year.
severity: medium                  # low, medium, high or critical
abuse_vector: kind_of_abuse
owner: your-team
when: |                           # names are listed beside this form
  event.{amount} > 300
{effect}# force or forbid {", ".join(outcomes)}; or instead: score: 30
max_share: 0.2                    # of recent decisions; a rule that hits more goes back to shadow
false_positives:
  - Who is hit though nothing is wrong.
examples:                         # they are tried each time the rule is checked
  positive:
    - name: just above the bound
      event: {{{amount}: 300.01}}
  negative:
    - name: exactly the bound
      event: {{{amount}: 300}}
    - name: nothing is known of it
      event: {{}}
"""


def _problems(error: CatalogError, source: str) -> Iterator[Problem]:
    lines = source.splitlines()
    for mistake in error.mistakes:
        place = mistake.file.removeprefix(f"{TYPED}:").split(":")
        line, column = (int(part) for part in place) if all(part.isdecimal() for part in place) else (1, 1)
        excerpt = lines[line - 1] if 0 < line <= len(lines) else ""
        yield Problem(line, column, mistake.key, mistake.expected, mistake.found, excerpt)
