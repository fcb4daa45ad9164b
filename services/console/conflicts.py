"""When two people meet at a case: who did what when, and what one can do now; what was typed is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from riskloom.errors import LedgerError, RepeatedKeyError, StaleError, TakenError
from riskloom.ledger.schema import CaseEvent

_LATEST = 5
_SENTENCES = {
    "opened": "opened the case",
    "alert_added": "added an alert",
    "claimed": "took the case",
    "taken_over": "took the case over",
    "released": "gave the case back",
    "snoozed": "put the case away",
    "escalated": "handed the case up",
    "linked": "linked it with another case",
    "merged": "merged it into another case",
    "absorbed": "merged another case into it",
    "noted": "wrote a note",
    "decided": "decided the case",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """
    What somebody is told whose step was not done.

    Attributes:
        title: What is the matter, in one sentence.
        steps: What others did meanwhile, oldest first.
        advice: What one can do.
        typed: What was typed, by field: none of it is lost.
    """

    title: str
    steps: tuple[CaseEvent, ...]
    advice: str
    typed: Mapping[str, str]


def sentence(action: str) -> str:
    """A step of a case in words that follow a name."""
    return _SENTENCES.get(action, action.replace("_", " "))


def explain(session: Session, case_id: str, error: LedgerError, typed: Mapping[str, str]) -> Notice:
    """
    Say why a step was not done.

    Args:
        session: Of a reading transaction.
        case_id: The case.
        error: What the ledger said.
        typed: The texts of the form that was sent.
    """
    if isinstance(error, TakenError):
        title = f"{error.assignee} is working on this case."
        advice = f"You can write a note or link cases meanwhile. Ask {error.assignee} to give it back, or take another."
        return Notice(title, _steps(session, case_id, ("claimed", "taken_over"))[-1:], advice, typed)
    if isinstance(error, StaleError):
        title = "The case has changed since you opened this page, so nothing was done."
        advice = "Below it is as it is now. Look at what is new, then send your step again."
        return Notice(title, _steps_after(session, case_id, error.seen), advice, typed)
    if isinstance(error, RepeatedKeyError):
        title = "This form was sent before, with other words; the first one counts."
        advice = "Below is what came of it. To say something else, use the form anew."
        return Notice(title, _steps(session, case_id, ("decided",))[-1:], advice, typed)
    ends = _steps(session, case_id, ("decided", "merged"))[-1:]
    if ends:
        title = "The case is closed, so nothing was done."
        advice = f"If you disagree, tell {ends[0].actor}; a lead can have the label corrected."
        return Notice(title, ends, advice, typed)
    return Notice("This step cannot be done.", (), str(error), typed)


def _steps(session: Session, case_id: str, actions: Sequence[str]) -> tuple[CaseEvent, ...]:
    statement = select(CaseEvent).where(CaseEvent.case_id == case_id, CaseEvent.action.in_(actions))
    return tuple(session.scalars(statement.order_by(CaseEvent.version)))


def _steps_after(session: Session, case_id: str, version: int) -> tuple[CaseEvent, ...]:
    statement = select(CaseEvent).where(CaseEvent.case_id == case_id, CaseEvent.version > version)
    return tuple(session.scalars(statement.order_by(CaseEvent.version.desc()).limit(_LATEST)))[::-1]
