"""What waits for a second person, in all domains; and that person's answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from riskloom.errors import RefusedStepError
from riskloom.ledger.database import reading
from riskloom.ledger.desk import Desk
from riskloom.ledger.schema import RuleProposal
from riskloom.lifecycle.approvals import approve as agree
from riskloom.lifecycle.approvals import open_proposals
from riskloom.lifecycle.approvals import reject as refuse
from riskloom.lifecycle.versions import get_version
from services.console.pages.problems import typed_in
from services.console.pages.rules import may_work
from services.console.rendering import render
from services.console.rule_notices import StepNotice, explain_rule
from services.console.visit import Visit


def index(visit: Visit) -> Response:
    """All proposals that can still be answered."""
    return _page(visit)


def approve(visit: Visit) -> Response:
    """Agree as a second person: the version moves."""
    return _answer(visit, lambda desk, name, reason: agree(desk, name, reason=reason), done="approved")


def reject(visit: Visit) -> Response:
    """Refuse."""
    return _answer(visit, lambda desk, name, reason: refuse(desk, name, reason=reason), done="rejected")


def _answer(visit: Visit, run: Callable[[Desk, str, str], object], *, done: str) -> Response:
    domain, name = visit.domain(visit.path("domain")).name, visit.path("approval_id")
    if not (reason := visit.form.get("reason", "").strip()):
        return _page(visit, status=422, wrong={name: "Say why: it stands in the history."})
    with reading(visit.console.engine) as session:
        proposal = session.get(RuleProposal, name)
    try:
        with visit.console.controls.commanding(domain, visit.who.name) as desk:
            run(desk, name, reason)
    except RefusedStepError as error:
        return _refused(visit, error, proposal)
    rule_id = proposal.rule_id if proposal else ""
    version = proposal.version if proposal else ""
    return RedirectResponse(f"/rules/{domain}/{quote(rule_id)}?version={version}&done={done}", status_code=303)


def _refused(visit: Visit, error: RefusedStepError, proposal: RuleProposal | None) -> Response:
    typed = typed_in(visit.form)
    if proposal is None:
        return _page(visit, status=409, notice=StepNotice("This step cannot be done.", f"{error}.", typed=typed))
    with reading(visit.console.engine) as session:
        notice = explain_rule(session, proposal.domain, proposal.rule_id, error, typed=typed, seen=proposal.seen_step)
    return _page(visit, status=409, notice=notice)


def _page(
    visit: Visit, *, status: int = 200, notice: StepNotice | None = None, wrong: Mapping[str, str] | None = None
) -> Response:
    with reading(visit.console.engine) as session:
        waiting = [
            (domain, each, get_version(session, domain.name, each.proposal.rule_id, each.proposal.version))
            for domain in visit.console.domains.values()
            for each in open_proposals(session, domain.name)
        ]
        return render(
            visit,
            "proposals.html",
            status=status,
            waiting=waiting,
            may_work=may_work(visit),
            notice=notice,
            wrong=wrong or {},
            typed=visit.form,
        )
