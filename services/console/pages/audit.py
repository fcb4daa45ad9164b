"""Who did what: the audit chain, newest first."""

from __future__ import annotations

from starlette.responses import Response

from riskloom.ledger.database import reading
from riskloom.ledger.queries import audit_log
from services.console.rendering import render
from services.console.visit import Visit

_ROWS = 60


def show(visit: Visit) -> Response:
    """The chain, or what was done to one object."""
    asked = {"kind": visit.asked("kind"), "object": visit.asked("object")}
    with reading(visit.console.engine) as session:
        page = audit_log(
            session,
            object_kind=asked["kind"],
            object_id=asked["object"],
            cursor=visit.asked("cursor"),
            limit=_ROWS,
        )
    is_more = visit.request.headers.get("hx-request") == "true" and visit.asked("cursor") is not None
    return render(visit, "_audit_rows.html" if is_more else "audit.html", page=page, asked=asked)
