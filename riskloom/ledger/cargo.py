"""What a shipper brings: how a line becomes a row, and what is kept with it; here of decisions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Protocol

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from riskloom.ledger.conflicts import insert_or_add
from riskloom.ledger.records import Alerting, Row, alert_row, decision_row, entity_values, hit_rows
from riskloom.ledger.schema import Alert, Decision, DecisionCount, EntityValue, RuleHit

_UNRELATED: Mapping[str, Sequence[str]] = {}


class Cargo(Protocol):
    """A kind of line."""

    def row(self, line: bytes, domain: str) -> Row:
        """A line's row, which has a ``decision_id``; raises LedgerError where the line is not a whole one."""
        ...

    def keep(self, session: Session, rows: Mapping[str, Row]) -> int:
        """Keep the rows, by decision, that are not there yet; gives how many."""
        ...


class DecisionCargo:
    """
    Decisions, with what is counted, found and alerted by them.

    Args:
        alerting: Which decisions raise alerts, by domain.
        related: By domain the columns of events by whose values subjects belong together.
    """

    def __init__(self, alerting: Mapping[str, Alerting], related: Mapping[str, Sequence[str]] = _UNRELATED) -> None:
        self._alerting = alerting
        self._related = related

    def row(self, line: bytes, domain: str) -> Row:
        """The columns of ``decisions``."""
        return decision_row(line, domain)

    def keep(self, session: Session, rows: Mapping[str, Row]) -> int:
        """Keep those that are new: a file that was put back from a copy is shipped from its beginning."""
        known = set(session.scalars(select(Decision.decision_id).where(Decision.decision_id.in_(list(rows)))))
        new = [row for name, row in rows.items() if name not in known]
        if new:
            self._insert(session, new)
        return len(new)

    def _insert(self, session: Session, rows: Sequence[Row]) -> None:
        session.execute(insert(Decision.__table__), rows)  # type: ignore[arg-type]
        hits = [hit for row in rows for hit in hit_rows(row)]
        if hits:
            session.execute(insert(RuleHit.__table__), hits)  # type: ignore[arg-type]
        counts = Counter(
            (row["domain"], f"{row['decided_at'].astimezone(UTC):%Y-%m-%d}", row["outcome"]) for row in rows
        )
        named = ({"domain": domain, "day": day, "outcome": outcome} for domain, day, outcome in counts)
        grown = [{**key, "decisions": count} for key, count in zip(named, counts.values(), strict=True)]
        insert_or_add(session, DecisionCount, grown, "decisions")
        if seen := entity_values(rows, self._related):
            insert_or_add(session, EntityValue, seen, "decisions")
        alerting = ((row, self._alerting.get(row["domain"])) for row in rows)
        alerts = [alert_row(row, declared) for row, declared in alerting if declared and declared.concerns(row)]
        if alerts:
            session.execute(insert(Alert), alerts)
