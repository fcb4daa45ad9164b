"""The rules and lists that are shown: read from where they are declared, and not changed here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from riskloom.catalog import Domain
from riskloom.rules.book import RULES, SCENARIOS, load_lists
from riskloom.rules.declaration import RuleDeclaration, ScenarioDeclaration
from riskloom.rules.document import read_document

Declared = TypeVar("Declared", RuleDeclaration, ScenarioDeclaration)


@dataclass(frozen=True, slots=True)
class ShownRules:
    """What a domain's book has, by id: rules, scenarios, and lists to what each of them holds."""

    rules: Mapping[str, RuleDeclaration]
    scenarios: Mapping[str, ScenarioDeclaration]
    lists: Mapping[str, str]


class RuleShelf(Protocol):
    """Where the rules of a domain are found."""

    def of(self, domain: Domain) -> ShownRules:
        """
        The domain's rules as they are now.

        Raises:
            CatalogError: One of them could not be read.
        """
        ...


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
            rules = _declared(domain, RULES, RuleDeclaration)
            scenarios = _declared(domain, SCENARIOS, ScenarioDeclaration)
            self._read[domain.name] = ShownRules(rules, scenarios, load_lists(domain))
        return self._read[domain.name]


def _declared(domain: Domain, folder: str, kind: type[Declared]) -> dict[str, Declared]:
    files = sorted((domain.folder / folder).glob("*.yml"))
    found = [read_document(path.read_text(encoding="utf-8"), path.name).validated(kind) for path in files]
    return {declaration.id: declaration for declaration in found}
