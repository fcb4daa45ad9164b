"""All rules and scenarios of a domain, read from its folder and checked as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from riskloom.catalog import Domain
from riskloom.errors import CatalogError, ConfigError, Mistake
from riskloom.rules.document import read_document
from riskloom.rules.rule import Rule, parse_rule
from riskloom.rules.ruleset import RuleSet
from riskloom.rules.scenario import CountedScenario, Scenario, parse_scenario
from riskloom.rules.schema import Schema, nearest

RULES, SCENARIOS, LISTS = "rules", "scenarios", "lists.yml"
_SUFFIX = ".yml"
Parsed = TypeVar("Parsed", Rule, Scenario)


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The rules and scenarios of a domain by id, in the order of their ids."""

    rules: Mapping[str, Rule]
    scenarios: Mapping[str, Scenario]

    def find(self, name: str) -> Rule | CountedScenario:
        """
        A rule, or a scenario with the rules of the book.

        Raises:
            ConfigError: There is neither of this name.
        """
        if name in self.scenarios:
            return CountedScenario(self.scenarios[name], self.rules)
        if name not in self.rules:
            raise ConfigError(f"rule: expected {nearest(name, [*self.rules, *self.scenarios])}, found {name!r}")
        return self.rules[name]

    def compiled(self) -> RuleSet:
        """All of them, ready for decisions."""
        return RuleSet(self.rules.values(), self.scenarios.values())


@dataclass(frozen=True, slots=True)
class DeclaredList:
    """
    A list that conditions may name.

    Attributes:
        holds: What its members are, in a few words.
        of: The column of the event table whose values they are; None where that is not said, so that they identify
            nobody.
    """

    holds: str
    of: str | None = None


def declared_lists(domain: Domain) -> dict[str, DeclaredList]:
    """
    The lists that a domain declares in ``lists.yml``, by name.

    Raises:
        CatalogError: The file has something else.
    """
    path = domain.folder / LISTS
    if not path.is_file():
        return {}
    document = read_document(path.read_text(encoding="utf-8"), _shown(path))
    found = {name: _declared_list(content) for name, content in document.content.items()}
    columns = [name for name, column in domain.event_table.columns.items() if column.type == "string"]
    wrong = [
        document.mistake((name,), "what the list holds, in a few words, or `holds` and `of`", repr(content))
        for name, content in document.content.items()
        if found[name] is None or not name.isidentifier()
    ]
    wrong += [
        document.mistake((name, "of"), nearest(one.of, columns), repr(one.of))
        for name, one in found.items()
        if one is not None and one.of is not None and one.of not in columns
    ]
    if wrong:
        raise CatalogError(wrong)
    return {name: one for name, one in found.items() if one is not None}


def load_lists(domain: Domain) -> dict[str, str]:
    """The same, to what each of them holds."""
    return {name: one.holds for name, one in declared_lists(domain).items()}


def _declared_list(content: object) -> DeclaredList | None:
    """What a list's entry says; None where it says something else."""
    match content:
        case str():
            return DeclaredList(content)
        case {"holds": str() as holds, "of": str() as of, **others} if not others:
            return DeclaredList(holds, of)
        case _:
            return None


def rule_files(folder: Path) -> dict[str, str]:
    """
    The text of each file of a rule or scenario below a domain's folder, by its name as mistakes show it; rules first.

    Raises:
        CatalogError: One is not UTF-8.
    """
    texts = {}
    for path in (path for part in (RULES, SCENARIOS) for path in sorted((folder / part).glob(f"*{_SUFFIX}"))):
        try:
            texts[_shown(path)] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise CatalogError([Mistake(_shown(path), "(whole file)", "UTF-8", str(error))]) from error
    return texts


def load_rules(folder: Path, schema: Schema) -> RuleBook:
    """
    Read ``rules/*.yml`` and ``scenarios/*.yml`` below a domain's folder.

    Raises:
        CatalogError: Some of them are wrong; every mistake of every file is listed.
    """
    mistakes: list[Mistake] = []
    rules = dict(_parsed(folder / RULES, lambda text, file: parse_rule(text, file=file, schema=schema), mistakes))
    if mistakes:  # a scenario of rules that could not be read would seem to name rules that are not there
        raise CatalogError(mistakes)
    known = {name: rule.declaration for name, rule in rules.items()}
    scenarios = dict(
        _parsed(
            folder / SCENARIOS,
            lambda text, file: parse_scenario(text, file=file, schema=schema, rules=known),
            mistakes,
        )
    )
    mistakes.extend(
        Mistake(_shown(folder / SCENARIOS / f"{name}{_SUFFIX}"), "id", "an id that no rule has", repr(name))
        for name in scenarios.keys() & rules.keys()
    )
    if mistakes:
        raise CatalogError(mistakes)
    return RuleBook(rules, scenarios)


def _parsed(folder: Path, parse: Callable[[str, str], Parsed], mistakes: list[Mistake]) -> Iterator[tuple[str, Parsed]]:
    """Each file's rule or scenario by its id; what is wrong goes to ``mistakes``."""
    owners: dict[str, str] = {}
    for path in sorted(folder.glob("*")):
        file = _shown(path)
        if path.suffix != _SUFFIX:
            mistakes.append(
                Mistake(file, "(file name)", f"a name that ends with {_SUFFIX}", path.suffix or "no ending")
            )
            continue
        try:
            found = parse(path.read_text(encoding="utf-8"), file)
        except UnicodeDecodeError as error:
            mistakes.append(Mistake(file, "(whole file)", "UTF-8", str(error)))
            continue
        except CatalogError as error:
            mistakes.extend(error.mistakes)
            continue
        if found.id in owners:
            mistakes.append(
                Mistake(file, "id", "an id that no other file has", f"{found.id!r}, as in {owners[found.id]}")
            )
        elif found.id != path.stem:
            mistakes.append(Mistake(file, "id", f"the file's name {path.stem!r}", repr(found.id)))
        owners.setdefault(found.id, file)
        yield found.id, found


def _shown(path: Path) -> str:
    """A path as a mistake shows it: from the domain's folder on, the same on every machine."""
    return "/".join(path.parts[-3:])
