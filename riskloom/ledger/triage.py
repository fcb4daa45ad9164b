"""From alerts that wait to cases that somebody works on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine

from riskloom.ledger.audit import AuditTrail
from riskloom.ledger.cases import open_case
from riskloom.ledger.database import writing
from riskloom.ledger.desk import Desk
from riskloom.ledger.queries import waiting_alerts

ACTOR = "riskloom triage"


@dataclass(frozen=True, slots=True)
class Triaged:
    """How many alerts were put into how many cases."""

    alerts: int
    cases: int


def triage(
    engine: Engine,
    trail: AuditTrail,
    domain: str,
    *,
    sla: timedelta,
    clock: Callable[[], datetime],
    new_id: Callable[[], str],
) -> Triaged:
    """
    Put every alert of a domain that waits into the open case of its entity, or a new one; some in each transaction.

    Args:
        engine: The ledger.
        trail: Where it is audited.
        domain: Whose alerts.
        sla: How long after an alert somebody must have decided.
        clock: The time, timezone-aware.
        new_id: Names a case, never the same twice.
    """
    alerts, cases = 0, set[str]()
    while True:
        with writing(engine) as session:
            desk = Desk(session, trail, ACTOR, clock())
            waiting = waiting_alerts(session, domain)
            cases.update(open_case(desk, alert.alert_id, case_id=new_id(), sla=sla).case_id for alert in waiting)
        if not waiting:
            return Triaged(alerts, len(cases))
        alerts += len(waiting)
