"""The rules and lists that the domains' files declare, and rules as their texts say them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from riskloom.catalog import Domain
from riskloom.lifecycle.versions import source_digest
from riskloom.rules.book import SCENARIOS, load_lists, rule_files
from riskloom.rules.declaration import RuleDeclaration, ScenarioDeclaration
from riskloom.rules.document import read_document


@dataclass(frozen=True, slots=True)
class RuleFile:
    """A rule as its file has it."""

    file: str
    source: str
    digest: str
    declaration: RuleDeclaration


@dataclass(frozen=True, slots=True)
class ShownRules:
    """What a domain's book has, by id: rules, scenarios, and lists to what each of them holds."""

    rules: Mapping[str, RuleFile]
    scenarios: Mapping[str, ScenarioDeclaration]
    lists: Mapping[str, str]


class DeclaredRules:
    """
    The rules in the domains' folders, as their files say them; ``riskloom rules check`` holds their examples.

    They are read at first use: a release brings them, so they change with the process.
    """

    def __init__(self) -> None:
        self._read: dict[str, ShownRules] = {}

    def of(self, domain: Domain) -> ShownRules:
        """The domain's rules as they are now; raises CatalogError where one cannot be read."""
        if domain.name not in self._read:
            self._read[domain.name] = ShownRules(_files(domain), _scenarios(domain), load_lists(domain))
        return self._read[domain.name]


@lru_cache(maxsize=4096)
def declaration_of(source: str, file: str) -> RuleDeclaration:
    """What a rule's text says, kept, since no version's text ever changes; raises CatalogError where it is no rule."""
    return read_document(source, file).validated(RuleDeclaration)


def _files(domain: Domain) -> dict[str, RuleFile]:
    found = {}
    for file, source in rule_files(domain.folder).items():
        declaration = declaration_of(source, file)
        found[declaration.id] = RuleFile(file, source, source_digest(source), declaration)
    return found


def _scenarios(domain: Domain) -> dict[str, ScenarioDeclaration]:
    files = sorted((domain.folder / SCENARIOS).glob("*.yml"))
    documents = [read_document(path.read_text(encoding="utf-8"), path.name) for path in files]
    found = [document.validated(ScenarioDeclaration) for document in documents]
    return {declaration.id: declaration for declaration in found}
