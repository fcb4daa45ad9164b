"""The rules, scenarios and lists that the domains' files declare, and rules and scenarios as their texts say them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from riskloom.catalog import Domain
from riskloom.ledger.schema import RuleKind
from riskloom.lifecycle.versions import source_digest
from riskloom.rules import is_scenario
from riskloom.rules.book import load_lists, rule_files
from riskloom.rules.declaration import RuleDeclaration, ScenarioDeclaration
from riskloom.rules.document import read_document

Declaration = RuleDeclaration | ScenarioDeclaration


@dataclass(frozen=True, slots=True)
class RuleFile:
    """A rule or scenario as its file has it."""

    file: str
    source: str
    digest: str
    declaration: Declaration

    @property
    def kind(self) -> RuleKind:
        """What it is."""
        return kind_of(self.declaration)


@dataclass(frozen=True, slots=True)
class ShownRules:
    """What a domain's folder has, by id: rules and then scenarios, and lists to what each of them holds."""

    files: Mapping[str, RuleFile]
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
            self._read[domain.name] = ShownRules(_files(domain), load_lists(domain))
        return self._read[domain.name]


def kind_of(declaration: Declaration) -> RuleKind:
    """Whether it is a rule or a scenario."""
    return "scenario" if isinstance(declaration, ScenarioDeclaration) else "rule"


@lru_cache(maxsize=4096)
def declaration_of(source: str, file: str) -> Declaration:
    """What a text says, kept, since no version's text ever changes; raises CatalogError where it is neither."""
    document = read_document(source, file)
    if is_scenario(document):
        return document.validated(ScenarioDeclaration)
    return document.validated(RuleDeclaration)


def _files(domain: Domain) -> dict[str, RuleFile]:
    found = {}
    for file, source in rule_files(domain.folder).items():
        declaration = declaration_of(source, file)
        found[declaration.id] = RuleFile(file, source, source_digest(source), declaration)
    return found
