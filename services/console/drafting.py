"""Rules and scenarios as people write them: what a new one begins with, and what is wrong with one, line by line."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from riskloom.catalog import Domain
from riskloom.errors import CatalogError
from riskloom.lifecycle.versions import Checked, check_text
from riskloom.rules import Schema
from riskloom.rules.declaration import RuleDeclaration
from riskloom.rules.document import read_document

#: What mistakes call the text.
TYPED = "typed"
_COMMENTS_FROM = 34
_SIGNS = 2
#: Stand in a new scenario of a domain that has no rules to add up yet.
_NO_SIGNS = {"first_sign": 30.0, "second_sign": 30.0}


@dataclass(frozen=True, slots=True)
class Problem:
    """
    One thing wrong in a text.

    Attributes:
        line: Where, from 1.
        column: Where in the line, from 1.
        key: Of which part of the text.
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


def check_draft(
    session: Session, domain: str, source: str, schema: Schema, *, edited: str | None, taken: Collection[str]
) -> Checked:
    """
    Check a rule or scenario as somebody typed it.

    Args:
        session: Of a reading transaction.
        domain: Whose it is.
        source: YAML.
        schema: The names that conditions may use.
        edited: The one whose next version it is to be; None of a new one.
        taken: The ids of all rules and scenarios of the domain.

    Raises:
        CatalogError: It is neither, or has the id of another one; every mistake is listed with its line.
    """
    checked = check_text(session, domain, source, file=TYPED, schema=schema)
    kind, found = checked.kind, checked.rule_id
    if edited is not None and found != edited:
        expected = f"{edited!r}, the {kind} that is edited (another id is a new {kind})"
    elif edited is None and found in taken:
        expected = f"an id that no {kind} of the domain has (a {kind} that is there is edited on its page)"
    else:
        return checked
    raise CatalogError([read_document(source, TYPED).mistake(("id",), expected, repr(found))])


def new_rule(domain: Domain) -> str:
    """What a new rule of a domain begins with: a rule that can be checked, and says in comments what goes where."""
    amount, outcomes = domain.subject.amount, [outcome.name for outcome in domain.outcome]
    others = f"force or forbid {', '.join(outcomes)}; or instead: score: 30"
    effect = _commented(f"outcome: {{force: {outcomes[-1]}}}", others)
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
{effect}
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


def new_scenario(domain: Domain, scored: Mapping[str, RuleDeclaration]) -> str:
    """
    What a new scenario of a domain begins with, with comments that say what goes where.

    Args:
        domain: Whose it is.
        scored: The rules that it may name; where two of them bring points above zero, the text can be kept as it is.
    """
    points = {name: each.score for name, each in scored.items() if each.score is not None and each.score > 0}
    best = sorted(points, key=lambda name: (-points[name], name))[:_SIGNS]
    signs = {name: points[name] for name in best} if len(best) == _SIGNS else _NO_SIGNS
    total, largest = sum(signs.values()), max(signs.values())
    rules = "\n".join(_commented(f"  {name}: 1", f"{score:+g} points") for name, score in signs.items())
    milder = f"somebody looks; may also have force: {domain.outcome[1].name}"
    alert = _commented(f"alert: {{from: {(total + largest) / 2:g}}}", milder)
    interdiction = f"interdiction: {{from: {total:g}, force: {domain.outcome[-1].name}}}"
    return f"""\
id: name_of_the_scenario          # small letters, digits and _; stays the same in all versions
title: What these signs together mean
description: >
  Why these signs together say more of a subject ({domain.subject.entity}) than each of them, for whoever reads this
  in a year.
abuse_vector: kind_of_abuse
owner: your-team
rules:                            # rules with a score, to the weight that it is multiplied by
{rules}
{alert}
{interdiction}
max_share: 0.2                    # of recent decisions; a scenario that hits more goes back to shadow
"""


def _commented(line: str, comment: str) -> str:
    """A line with a comment behind it, below the others where the line is not longer."""
    return f"{line:<{_COMMENTS_FROM - 1}} # {comment}"


def _problems(error: CatalogError, source: str) -> Iterator[Problem]:
    lines = source.splitlines()
    for mistake in error.mistakes:
        place = mistake.file.removeprefix(f"{TYPED}:").split(":")
        line, column = (int(part) for part in place) if all(part.isdecimal() for part in place) else (1, 1)
        excerpt = lines[line - 1] if 0 < line <= len(lines) else ""
        yield Problem(line, column, mistake.key, mistake.expected, mistake.found, excerpt)
