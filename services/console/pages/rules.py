"""Rules and scenarios: where all of them stand, and one with its versions, what it did, and what may come next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Literal

from starlette.responses import Response

from riskloom.catalog import Domain
from riskloom.errors import CatalogError
from riskloom.ledger.database import reading
from riskloom.ledger.schema import Role
from riskloom.lifecycle.approvals import open_proposals
from services.console.rendering import render
from services.console.rule_dossier import read_rule
from services.console.rule_list import DomainRules, read_rules
from services.console.rule_notices import StepNotice
from services.console.trials import Trial
from services.console.visit import Visit

#: Who writes rules, moves them, and keeps lists and champions; everybody reads.
RULE_WORK: frozenset[Role] = frozenset({"lead", "engineer"})
#: What is said after a step, by the word in the address: nothing else can be put on the page by a link.
DONE = {
    "drafted": "The draft is kept as a new version.",
    "known": "This text was a version already; nothing was added.",
    "moved": "The step is taken; the scoring service takes it over within a second.",
    "proposed": "The step is proposed. Somebody else, who did not write the version, has to approve it.",
    "approved": "Approved: the version has moved, and the scoring service takes it over within a second.",
    "rejected": "The proposal is rejected; everything stays where it is.",
    "rolled_back": "The last step is taken back; what held before it holds again.",
    "kept": "The files are kept as versions, each new one as a draft.",
    "tried": "The back-test is done.",
}


def index(visit: Visit) -> Response:
    """The rules of each domain; where files cannot be read, the mistakes."""
    shown: list[tuple[Domain, DomainRules | None, str | None]] = []
    waiting = 0
    with reading(visit.console.engine) as session:
        for domain in visit.console.domains.values():
            waiting += len(open_proposals(session, domain.name))
            try:
                book = visit.console.rules.of(domain)
            except CatalogError as error:
                shown.append((domain, None, str(error)))
            else:
                shown.append((domain, read_rules(session, domain, book, at=visit.at), None))
    done = DONE.get(visit.query.get("done", ""))
    return render(visit, "rules.html", shown=shown, waiting=waiting, done=done, may_work=may_work(visit))


def show(visit: Visit) -> Response:
    """The page of a rule."""
    return page(visit, visit.path("domain"), visit.path("rule_id"))


def page(
    visit: Visit,
    domain_name: str,
    rule_id: str,
    *,
    status: int = 200,
    notice: StepNotice | None = None,
    wrong: Mapping[str, str] | None = None,
) -> Response:
    """
    A rule's page, also as the answer to a step that was not done: forms then have what was typed.

    Args:
        visit: Who asks; raises NotInLedgerError where there is no such rule.
        domain_name: The rule's.
        rule_id: Which rule.
        status: Of the answer.
        notice: What is said above.
        wrong: What is wrong with a field, by its key.
    """
    console, domain = visit.console, visit.domain(domain_name)
    with reading(console.engine) as session:
        dossier = read_rule(
            session,
            domain,
            rule_id,
            book=console.rules.of(domain),
            version=visit.asked_whole("version") or visit.whole("version"),
            backtest_id=visit.asked("backtest"),
            at=visit.at,
        )
        return render(
            visit,
            "rule.html",
            status=status,
            dossier=dossier,
            domain=domain,
            rule_id=rule_id,
            may_work=may_work(visit),
            trial=trial_of(visit, domain.name, rule_id),
            notice=notice,
            wrong=wrong or {},
            typed=defaultdict(str, visit.form if notice or wrong else {}),
            done=DONE.get(visit.query.get("done", "")),
        )


def may_work(visit: Visit) -> bool:
    """Whether the visitor may change rules and lists."""
    return visit.who.role in RULE_WORK


def trial_of(visit: Visit, domain: str, rule_id: str) -> Trial | Literal["lost"] | None:
    """The back-test that the address asks for, or that waits for this rule; ``lost`` where it is not known any more."""
    asked = visit.asked("trial")
    if asked is None:
        return visit.console.trials.open_of(domain, rule_id)
    found = visit.console.trials.find(asked)
    is_of_rule = found is not None and (found.order.domain, found.order.rule_id) == (domain, rule_id)
    return found if is_of_rule else "lost"
