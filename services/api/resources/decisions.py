"""Decisions: a list to find one in, and one of them whole."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import Field
from sqlalchemy.orm import Session

from riskloom.errors import NotInLedgerError
from riskloom.ledger.queries import find_decisions, get_decision
from riskloom.pseudonyms import Pseudonyms
from services.api.calls import Answer, Call
from services.api.shown import Document, Key, Listing, Moment, Nothing, PageFilter, Shown


class DecisionFilter(PageFilter):
    """Which decisions."""

    subject: Key | None = None
    entity: Key | None = Field(default=None, description="As it is shown, or as the source calls it.")
    outcome: Key | None = None
    since: Moment | None = None
    until: Moment | None = None


class DecisionRow(Shown):
    """A decision in a list."""

    decision_id: str
    decided_at: datetime
    subject: str
    entity: str | None
    amount: Decimal | None
    score: float | None
    outcome: str
    basis: str
    model_version: str
    is_degraded: bool


class Decisions(Listing[DecisionRow]):
    """Decisions, newest first."""


class DecisionRecord(DecisionRow):
    """A decision whole: from it the decision can be computed again."""

    event_id: str
    effective_at: datetime | None
    rules_version: str | None
    policy_version: str | None
    is_exploration: bool
    latency_us: int | None
    rules_hit: list[Any]
    reasons: list[Any]
    choice: Document
    features: Document
    freshness: Document
    shadow: Document
    event: Document


def index(session: Session, call: Call, asked: DecisionFilter) -> Answer:
    """Decisions of the domain."""
    domain, wanted = call.domain, dict(asked)
    if asked.entity is not None:
        pseudonyms = Pseudonyms(domain.event_table, call.api.controls.pseudonym_key)
        wanted["entity"] = pseudonyms.of(domain.subject.group, asked.entity)
    page = find_decisions(session, domain.name, **wanted)
    return call.listing(Decisions, page, DecisionRow.model_validate)


def show(session: Session, call: Call, _: Nothing) -> Answer:
    """One decision."""
    name = call.path("decision_id")
    decision = get_decision(session, name)
    if decision.domain != call.domain.name:
        raise NotInLedgerError("decision", name)
    return Answer(DecisionRecord.model_validate(decision))
