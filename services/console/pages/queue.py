"""The work queue: open cases of a domain, or everything on one's own desk."""

from __future__ import annotations

from typing import Literal, cast, get_args

from sqlalchemy.orm import Session
from starlette.responses import Response

from riskloom.ledger.database import reading
from riskloom.ledger.paging import Page
from riskloom.ledger.queries import QueueOrder, Workload, case_queue, cases_of, workload
from riskloom.ledger.schema import Case
from services.console.rendering import render
from services.console.visit import Visit

_ROWS = 40
#: Of a case in the queue; closed ones are not in it.
QueueState = Literal["open", "claimed", "escalated", "snoozed"]


def show(visit: Visit) -> Response:
    """The queue as the address filters it; only further rows where the page itself asks for them."""
    state, order = visit.asked("state"), visit.asked("order")
    state = state if state in get_args(QueueState) else None
    first: QueueOrder = "due" if order == "due" else "priority"
    is_mine = visit.asked("mine") is not None
    with reading(visit.console.engine) as session:
        work = {name: workload(session, name, at=visit.at) for name in visit.console.domains}
        domain = visit.domain(visit.asked("domain") or _busiest(work)).name
        cases = _cases(visit, session, domain, state=state, order=first, is_mine=is_mine)
    asked = {"domain": None if is_mine else domain, "mine": "1" if is_mine else None, "state": state, "order": first}
    is_more = visit.request.headers.get("hx-request") == "true" and visit.asked("cursor") is not None
    return render(
        visit,
        "_queue_rows.html" if is_more else "queue.html",
        work=work,
        domain=domain,
        asked=asked,
        cases=cases,
        states=get_args(QueueState),
        is_mine=is_mine,
    )


def _cases(
    visit: Visit, session: Session, domain: str, *, state: str | None, order: QueueOrder, is_mine: bool
) -> Page[Case]:
    cursor = visit.asked("cursor")
    if is_mine:
        return cases_of(session, visit.who.name, cursor=cursor, limit=_ROWS)
    return case_queue(
        session,
        domain,
        at=visit.at,
        order=order,
        state=cast("QueueState | None", state),
        cursor=cursor,
        limit=_ROWS,
    )


def _busiest(work: dict[str, Workload]) -> str:
    """Where most cases are past their deadline, or open: sums in different currencies cannot be compared."""
    return max(work, key=lambda name: (work[name].overdue, work[name].open_cases))
