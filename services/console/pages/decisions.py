"""Decisions: a list to find one in, and one of them whole."""

from __future__ import annotations

from urllib.parse import quote

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from riskloom.catalog import Domain
from riskloom.ledger.database import reading
from riskloom.ledger.queries import find_decisions, get_decision, labels_of
from riskloom.ledger.schema import Alert, Case, Decision
from riskloom.pseudonyms import Pseudonyms
from services.console.dossier import explained
from services.console.rendering import render
from services.console.visit import Visit

_ROWS = 40


def index(visit: Visit) -> Response:
    """Decisions of a domain, newest first, of a subject, an entity or an outcome."""
    domain = visit.domain(visit.asked("domain") or next(iter(visit.console.domains)))
    wanted = {name: visit.asked(name) for name in ("subject", "entity", "outcome")}
    if wanted["entity"] is not None:
        wanted["entity"] = _entity(visit, domain, wanted["entity"])
    with reading(visit.console.engine) as session:
        page = find_decisions(
            session,
            domain.name,
            subject=wanted["subject"],
            entity=wanted["entity"],
            outcome=wanted["outcome"],
            cursor=visit.asked("cursor"),
            limit=_ROWS,
        )
    asked = {"domain": domain.name, **wanted}
    is_more = visit.request.headers.get("hx-request") == "true" and visit.asked("cursor") is not None
    template = "_decision_rows.html" if is_more else "decisions.html"
    return render(visit, template, domain=domain, page=page, asked=asked, searched=None)


def find(visit: Visit) -> Response:
    """Lead to what somebody has an identifier of: a decision, a case, or decisions of a subject or an entity."""
    wanted = visit.asked("q")
    if wanted is None:
        return RedirectResponse("/decisions", status_code=303)
    with reading(visit.console.engine) as session:
        address = _address(session, visit, wanted)
    if address is None:
        domain = next(iter(visit.console.domains.values()))
        asked = {"domain": domain.name, "subject": None, "entity": None, "outcome": None}
        return render(visit, "decisions.html", status=404, domain=domain, page=None, asked=asked, searched=wanted)
    return RedirectResponse(address, status_code=303)


def show(visit: Visit) -> Response:
    """A decision whole."""
    with reading(visit.console.engine) as session:
        decision = get_decision(session, visit.path("decision_id"))
        domain = visit.console.domains[decision.domain]
        population = visit.console.populations.of(session, domain.name, at=visit.at)
        statement = select(Alert.case_id).where(Alert.decision_id == decision.decision_id)
        return render(
            visit,
            "decision.html",
            decision=decision,
            domain=domain,
            features=explained(decision, domain, population),
            case_id=session.scalars(statement).first(),
            labels=labels_of(session, domain.name, decision.subject),
        )


def _address(session: Session, visit: Visit, wanted: str) -> str | None:
    if session.get(Decision, wanted) is not None:
        return f"/decisions/{quote(wanted)}"
    if session.get(Case, wanted) is not None:
        return f"/cases/{quote(wanted)}"
    for name, domain in visit.console.domains.items():
        for column, text in (("subject", wanted), ("entity", _entity(visit, domain, wanted))):
            found = select(Decision.decision_id).where(Decision.domain == name, getattr(Decision, column) == text)
            if session.scalars(found.limit(1)).first() is not None:
                return f"/decisions?domain={name}&{column}={quote(text)}"
    return None


def _entity(visit: Visit, domain: Domain, text: str) -> str:
    """An entity as the ledger has it, of what the source calls it: people look for what stands in their own files."""
    return Pseudonyms(domain.event_table, visit.console.controls.pseudonym_key).of(domain.subject.group, text)
