"""What models in shadow said of decisions: how it comes in, and how far they agree with what decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from riskloom.ledger.conflicts import insert_or_ignore
from riskloom.ledger.records import Row, shadow_row
from riskloom.ledger.schema import ShadowScore


class ShadowCargo:
    """The lines that scoring services write of models in shadow."""

    def row(self, line: bytes, domain: str) -> Row:
        """The columns of ``shadow_scores``."""
        return shadow_row(line, domain)

    def keep(self, session: Session, rows: Mapping[str, Row]) -> int:
        """Keep those that are new."""
        names = list(rows)
        is_known = ShadowScore.decision_id.in_(names), ShadowScore.domain.in_({row["domain"] for row in rows.values()})
        known = set(session.execute(select(ShadowScore.version, ShadowScore.decision_id).where(*is_known)).tuples())
        new = [row for name, row in rows.items() if (row["version"], name) not in known]
        if new:
            insert_or_ignore(session, ShadowScore, new)
        return len(new)


@dataclass(frozen=True, slots=True)
class OutcomePair:
    """How many decisions had an outcome and would have had another."""

    outcome: str
    would_be: str
    decisions: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """
    How a version in shadow compares with the versions that decided.

    Attributes:
        version: That in shadow.
        pairs: Decisions by outcome and what it would have been, the most frequent first.
        decisions: How many it scored.
        changed: How many would have had another outcome.
        unscored: Those it gave no number.
        mean_difference: Of its score less the one that decided; None where it scored nothing.
        mean_distance: Of the difference without its sign.
        largest_distance: Of them all.
        first_at: The first decision it scored.
        last_at: The last.
    """

    version: str
    pairs: tuple[OutcomePair, ...]
    decisions: int
    changed: int
    unscored: int
    mean_difference: float | None
    mean_distance: float | None
    largest_distance: float | None
    first_at: datetime | None
    last_at: datetime | None

    @property
    def share_changed(self) -> float | None:
        """Of its decisions those that would have had another outcome."""
        return self.changed / self.decisions if self.decisions else None


def agreement(session: Session, domain: str, version: str, *, since: datetime | None = None) -> Agreement:
    """
    Compare a version with what decided.

    Args:
        session: Of a reading transaction.
        domain: Whose.
        version: That was in shadow.
        since: Only decisions from then on, timezone-aware.
    """
    seen = _seen(domain, version, since)
    difference = ShadowScore.shadow_score - ShadowScore.score
    figures = select(
        func.count(), func.count().filter(ShadowScore.outcome != ShadowScore.would_be),
        func.count().filter(ShadowScore.shadow_score.is_(None)), func.avg(difference),
        func.avg(func.abs(difference)), func.max(func.abs(difference)), func.min(ShadowScore.decided_at),
        func.max(ShadowScore.decided_at),
    ).where(*seen)  # fmt: skip
    pairs = (
        select(ShadowScore.outcome, ShadowScore.would_be, func.count().label("decisions"))
        .where(*seen)
        .group_by(ShadowScore.outcome, ShadowScore.would_be)
        .order_by(func.count().desc(), ShadowScore.outcome, ShadowScore.would_be)
    )
    counted = tuple(OutcomePair(*row) for row in session.execute(pairs).tuples())
    return Agreement(version, counted, *session.execute(figures).tuples().one())


def _seen(domain: str, version: str, since: datetime | None) -> tuple[ColumnElement[bool], ...]:
    own = (ShadowScore.domain == domain, ShadowScore.version == version)
    return own if since is None else (*own, ShadowScore.decided_at >= since)
