"""Rules, scenarios and lists as they are declared; to be read, not changed."""

from __future__ import annotations

from starlette.responses import Response

from riskloom.catalog import Domain
from riskloom.errors import CatalogError, NotInLedgerError
from services.console.rendering import render
from services.console.rulebook import ShownRules
from services.console.visit import Visit


def index(visit: Visit) -> Response:
    """The rules of each domain; where one cannot be read, the mistakes."""
    shown: list[tuple[Domain, ShownRules | None, str | None]] = []
    for domain in visit.console.domains.values():
        try:
            shown.append((domain, visit.console.rules.of(domain), None))
        except CatalogError as error:
            shown.append((domain, None, str(error)))
    return render(visit, "rules.html", shown=shown)


def show(visit: Visit) -> Response:
    """A rule with its condition and examples."""
    domain, rule_id = visit.domain(visit.path("domain")), visit.path("rule_id")
    rules = visit.console.rules.of(domain)
    if rule_id not in rules.rules:
        raise NotInLedgerError("rule", rule_id)
    used = [scenario for scenario in rules.scenarios.values() if rule_id in scenario.rules]
    return render(visit, "rule.html", domain=domain, rule=rules.rules[rule_id], scenarios=used)
