"""The first page: for each domain what was decided, what is open, and what is at stake."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session
from starlette.responses import Response

from riskloom.catalog import Domain
from riskloom.ledger.database import reading
from riskloom.ledger.queries import Workload, count_by_day, workload
from riskloom.lifecycle.approvals import open_proposals
from services.console.charts import OutcomeChart, outcome_chart
from services.console.rendering import render
from services.console.visit import Visit

_DAYS = 14


@dataclass(frozen=True, slots=True)
class DomainState:
    """A domain on the first page."""

    domain: Domain
    chart: OutcomeChart
    work: Workload
    champion: str | None


def show(visit: Visit) -> Response:
    """All domains side by side."""
    with reading(visit.console.engine) as session:
        states = [_state(visit, session, domain) for domain in visit.console.domains.values()]
        waiting = sum(len(open_proposals(session, domain)) for domain in visit.console.domains)
    return render(visit, "overview.html", states=states, days=_DAYS, waiting=waiting)


def _state(visit: Visit, session: Session, domain: Domain) -> DomainState:
    last = visit.at.date()
    first = last - timedelta(days=_DAYS - 1)
    counts = count_by_day(session, domain.name, first=first, last=last)
    chart = outcome_chart(counts, [outcome.name for outcome in domain.outcome], first=first, last=last)
    champion = visit.console.models.record(domain.name).champion
    return DomainState(domain, chart, workload(session, domain.name, at=visit.at), champion)
