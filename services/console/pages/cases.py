"""A case: why it is there, what is known around it, and the forms to work on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from starlette.responses import Response

from riskloom.ledger.database import reading
from riskloom.ledger.schema import Case
from services.console.conflicts import Notice
from services.console.dossier import finding, read_dossier
from services.console.rendering import render
from services.console.verdict_form import detail_fields
from services.console.visit import Visit

#: What is said after a step, by the word in the address: nothing else can be put on the page by a link.
DONE = {
    "claimed": "The case is yours.",
    "taken_over": "The case is yours now; whoever had it is told at the next step.",
    "released": "The case is back in the queue.",
    "snoozed": "The case is put away until then.",
    "escalated": "The case is handed up.",
    "noted": "The note is kept.",
    "linked": "The cases are linked.",
    "known": "The cases were linked before.",
    "merged": "The other case is part of this one now.",
    "decided": "The verdict is kept, with a label for each subject.",
    "withdrawn": "The label is taken back by a later statement.",
}
SNOOZES = {"4": "4 hours", "24": "1 day", "72": "3 days", "168": "1 week"}


def show(visit: Visit) -> Response:
    """The page of a case."""
    return page(visit, visit.path("case_id"))


def page(
    visit: Visit,
    case_id: str,
    *,
    status: int = 200,
    notice: Notice | None = None,
    wrong: Mapping[str, str] | None = None,
) -> Response:
    """
    A case's page, also as the answer to a step that was not done: forms then have what was typed.

    Args:
        visit: Who asks; raises NotInLedgerError where there is no such case.
        case_id: Which.
        status: Of the answer.
        notice: What is said above.
        wrong: What is wrong with a field, by its key.
    """
    console = visit.console
    with reading(console.engine) as session:
        dossier = read_dossier(
            session,
            case_id,
            chosen=visit.asked("decision"),
            domains=console.domains,
            populations=console.populations,
            at=visit.at,
        )
    case, domain = dossier.file.case, console.domains[dossier.file.case.domain]
    fields = detail_fields(domain, dossier.chosen.event if dossier.chosen else {})
    return render(
        visit,
        "case.html",
        status=status,
        dossier=dossier,
        case=case,
        domain=domain,
        finding=finding(domain),
        fields=fields,
        may_act=may_act(visit, case),
        may_take_over=may_take_over(visit, case),
        notice=notice,
        wrong=wrong or {},
        typed=defaultdict(str, visit.form if notice or wrong else {}),
        done=DONE.get(visit.query.get("done", "")),
        key=console.new_id(),
        snoozes=SNOOZES,
    )


def may_take_over(visit: Visit, case: Case) -> bool:
    """Whether somebody else has the case, and the visitor leads."""
    return visit.who.role == "lead" and case.closed_at is None and case.assignee not in {None, visit.who.name}


def may_act(visit: Visit, case: Case) -> bool:
    """Whether the case is open, and nobody else's."""
    return case.closed_at is None and case.assignee in {None, visit.who.name}
